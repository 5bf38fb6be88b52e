"""python -m onnxruntime.capi.convert_npz_to_onnx_adapter: arrays of an .npz file as an adapter file."""

import argparse
import sys

import numpy as np

from oriel.ort import AdapterFormat, OrtValue


def get_args():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npz_file_path", required=True)
    parser.add_argument("--output_file_path", required=True)
    parser.add_argument("--adapter_version", type=int, required=True)
    parser.add_argument("--model_version", type=int, required=True)
    return parser.parse_args()


def export_lora_parameters(npz_file_path, adapter_version, model_version, output_file_path):
    """Writes the arrays of an .npz file, by their names, into an adapter file."""
    adapter = AdapterFormat()
    adapter.set_adapter_version(adapter_version)
    adapter.set_model_version(model_version)
    with np.load(npz_file_path) as arrays:
        adapter.set_parameters({name: OrtValue.ortvalue_from_numpy(arrays[name]) for name in arrays.files})
    adapter.export_adapter(output_file_path)


def main():
    """Runs the command."""
    arguments = get_args()
    export_lora_parameters(
        arguments.npz_file_path, arguments.adapter_version, arguments.model_version, arguments.output_file_path
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
