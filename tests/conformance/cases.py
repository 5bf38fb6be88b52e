"""The cases that the onnx package ships: their models, inputs and expected outputs, and how outputs are compared."""

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import values

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator", "real")
# Four roundings: expected values come from numpy, which rounds after every step. Cases that are written out in smaller
# operators round f16 in other places than their witness does.
LEAST_RTOL = {"bfloat16": 2**-6}
LEAST_RTOL_EXPANDED = {"bfloat16": 2**-6, "float16": 2**-9}


@dataclass
class Case:
    """One model with the data sets that it is run on."""

    name: str
    kind: str
    rtol: float
    atol: float
    source: object = field(repr=False)

    def load(self):
        """(serialized model, [(inputs, expected outputs)]); inputs are those without an initializer, in order."""
        import onnx

        if self.source.model is not None:
            model = self.source.model
            return model.SerializeToString(), [
                ([_array(i) for i in inputs], [_array(o) for o in outputs]) for inputs, outputs in self.source.data_sets
            ]
        if self.source.model_dir is not None:
            folder = Path(self.source.model_dir)
            model = onnx.load(folder / "model.onnx")
            sets = [_read_data_set(model, d) for d in sorted(folder.glob("test_data_set*"))]
            return model.SerializeToString(), sets
        return _load_light(self.source.url)


def load_cases(kinds=KINDS):
    """All cases of these kinds, in a fixed order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        found = []
        for kind in kinds:
            for source in load_model_tests(kind=kind):
                found.append(Case(source.name, kind, source.rtol, source.atol, source))
    return sorted(found, key=lambda c: (KINDS.index(c.kind), c.name))


def _array(value):
    from onnx import TensorProto, numpy_helper

    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, (list, tuple)):
        return [_array(v) for v in value]
    return value if value is None else np.asarray(value)


def _read_value(path, type_proto):
    import onnx
    from onnx import numpy_helper

    data = path.read_bytes()
    kind = type_proto.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def _read_data_set(model, folder):
    def read(prefix, values):
        count = len(list(folder.glob(f"{prefix}_*.pb")))
        return [_read_value(folder / f"{prefix}_{i}.pb", values[i].type) for i in range(count)]

    return read("input", model.graph.input), read("output", model.graph.output)


def _load_light(url):
    """A big network whose weights are constants; inputs are a ramp, expected outputs lie beside the model."""
    import onnx

    path = Path(onnx.__file__).parent.parent / os.path.normpath(url)
    model = onnx.load(path)
    weights = {i.name for i in model.graph.initializer}
    inputs = []
    for value in model.graph.input:
        if value.name not in weights:
            dims = [d.dim_value if d.HasField("dim_value") else 1 for d in value.type.tensor_type.shape.dim]
            count = int(np.prod(dims))
            inputs.append((np.arange(count).reshape(dims) / count).astype(np.float32))
    outputs = [
        _read_value(path.with_name(f"{path.stem}_output_{i}.pb"), o.type) for i, o in enumerate(model.graph.output)
    ]
    return model.SerializeToString(), [(inputs, outputs)]


def difference(expected, actual, rtol, atol, expanded=False):
    """Why `actual` is not what was expected, in one line; None where it is."""

    def wrong(e, a):
        least = LEAST_RTOL_EXPANDED if expanded else LEAST_RTOL
        relative = max(rtol, least.get(e.dtype.name, 0))
        return ~np.isclose(values.wide(a), values.wide(e), rtol=relative, atol=atol, equal_nan=True)

    return values.difference(expected, actual, wrong)
