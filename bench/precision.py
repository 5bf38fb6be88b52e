#!/usr/bin/env python3
"""What execution in bf16 costs in accuracy: of Oriel, and of OpenVINO where it is installed.

    ORIEL_SHARED=FOLDER python bench/precision.py MODEL.onnx ... [--images PHOTO ...] [--seeds N] [--json FILE]

Every engine is compared with itself in f32. Printed per model: the rms of the difference over the rms of the f32 output, the mean
over all feeds (the worst output counts), and in how many of them the largest element of the first output stays the same.
Feeds are those of tests/models/compare.py, a number of seeds, or photographs where the model takes one (needs Pillow). Oriel runs
three times: as it does by default, with Winograd off, and with EXECUTION_MODE_HINT=ACCURACY. OpenVINO is imported by the
Python that PEERS_PYTHON names, or by this one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODES = {
    "oriel": {},
    "oriel, winograd off": {"winograd": "off"},
    "oriel, ACCURACY": {"mode": "ACCURACY"},
}


def run_oriel(model, feeds, mode, precision):
    import oriel.ort as ort

    hints = {"INFERENCE_PRECISION_HINT": precision}
    if mode.get("mode"):
        hints["EXECUTION_MODE_HINT"] = mode["mode"]
    options = {"load_config": json.dumps({"CPU": hints})}
    if mode.get("winograd"):
        options["winograd"] = mode["winograd"]
    session = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider", "CPUExecutionProvider"], provider_options=[options, {}])
    return [session.run(None, feed) for feed in feeds]


def run_openvino(model, feeds, precision):
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    request = compiled.create_infer_request()
    results = []
    for feed in feeds:
        result = request.infer(feed)
        results.append([np.array(result[i]) for i in range(len(result))])
    return results


def in_child(model, feeds, precision):
    """run_openvino in the Python that has it, or None."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = os.path.join(folder, "feeds.npz"), os.path.join(folder, "outputs.npz")
        np.savez(given, **{f"{i}/{name}": value for i, feed in enumerate(feeds) for name, value in feed.items()})
        python = os.environ.get("PEERS_PYTHON", sys.executable)
        done = subprocess.run([python, __file__, "--child", given, made, precision, model], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"  openvino: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}", file=sys.stderr)
            return None
        with np.load(made) as file:
            outputs = [{} for _ in feeds]
            for key in file.files:
                feed, output = key.split("/")
                outputs[int(feed)][int(output)] = file[key]
    return [[found[i] for i in sorted(found)] for found in outputs]


def child(given, made, precision, model):
    feeds = {}
    with np.load(given) as file:
        for key in file.files:
            index, name = key.split("/", 1)
            feeds.setdefault(int(index), {})[name] = file[key]
    results = run_openvino(model, [feeds[i] for i in sorted(feeds)], precision)
    np.savez(made, **{f"{i}/{j}": value for i, outputs in enumerate(results) for j, value in enumerate(outputs)})


def error_of(got, want):
    """The rms of the difference over that of what is wanted: of the worst output of floats."""
    worst = 0.0
    for a, b in zip(got, want):
        b = np.asarray(b)
        if b.dtype.kind != "f" or b.size == 0 or np.shape(a) != b.shape:
            continue
        b = b.astype(np.float64)
        size = np.sqrt(np.mean(b**2))
        if size > 0:
            worst = max(worst, float(np.sqrt(np.mean((np.asarray(a, np.float64) - b) ** 2)) / size))
    return worst


def compared(bf16, f32):
    return {
        "rms": float(np.mean([error_of(a, b) for a, b in zip(bf16, f32)])),
        "same": sum(int(np.argmax(a[0]) == np.argmax(b[0])) for a, b in zip(bf16, f32)),
        "feeds": len(f32),
    }


def photographs(model, feed, paths):
    """The feed with its one picture taken from files instead, in the range of the feed's own."""
    from PIL import Image

    found = [name for name, v in feed.items() if v.ndim == 4 and v.shape[1] == 3 and v.dtype.kind == "f"]
    if len(found) != 1:
        return []
    name = found[0]
    height, width = feed[name].shape[2:]
    feeds = []
    for path in paths:
        picture = np.asarray(Image.open(path).convert("RGB").resize((width, height)), np.float32).transpose(2, 0, 1)
        if feed[name].min() < 0:
            picture = (picture / 255 - 0.45) / 0.225
        elif feed[name].max() <= 1:
            picture = picture / 255
        feeds.append({**feed, name: np.ascontiguousarray(np.broadcast_to(picture, feed[name].shape))})
    return feeds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--images", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    sys.path.insert(0, os.path.join(ROOT, "tests", "models"))
    import compare
    import oriel.ort as ort

    worker = compare.load_worker()
    rows = {}
    for model in arguments.models:
        name = os.path.basename(model).rsplit(".", 1)[0]
        session = ort.InferenceSession(model)
        inputs = [(i.name, compare.TYPES[i.type[7:-1]], i.shape) for i in session.get_inputs()]
        del session
        feeds = [worker.make_feed(model, inputs, {}, seed) for seed in range(arguments.seeds)]
        if arguments.images:
            feeds = photographs(model, feeds[0], arguments.images) or feeds
        row = {}
        for mode, options in MODES.items():
            row[mode] = compared(run_oriel(model, feeds, options, "bf16"), run_oriel(model, feeds, options, "f32"))
        bf16, f32 = in_child(model, feeds, "bf16"), in_child(model, feeds, "f32")
        if bf16 is not None and f32 is not None:
            row["openvino"] = compared(bf16, f32)
        rows[name] = row
        text = "  ".join(f"{mode} {r['rms']:.2e} ({r['same']}/{r['feeds']})" for mode, r in row.items())
        print(f"{name:28s} {text}", flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:6])
    else:
        main()
