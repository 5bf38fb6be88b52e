"""The three ways to run a case: Oriel's optimised device, Oriel's reference device, onnxruntime without optimisations."""

import numpy as np
from draw import np_type, onnx_type

ENGINES = ("oriel", "reference", "onnxruntime")


class Refused(Exception):
    """The engine did not take the model, or failed to run it; `unsupported` where it says that it lacks an implementation."""

    def __init__(self, stage, error):
        super().__init__(f"{stage}: {' '.join(str(error).split())}")
        text = str(error)
        # The third: onnxruntime's plan of memory takes extents for equal that a symbolic Slice has made different.
        self.unsupported = type(error).__name__ == "NotImplemented" or "NOT_IMPLEMENTED" in text or any(
            phrase in text.lower()
            for phrase in ("not implemented", "not supported", "shape mismatch attempting to re-use buffer", "failed to construct locale")
        )


def run(engine, case, threads=1):
    """The outputs of a case, as a list of arrays, lists and maps, and those for its inputs of other extents (None where they do not fit).

    Oriel runs the first inputs once more in the end: results must not depend on what a run leaves behind.
    """
    model = case.model.SerializeToString()
    if engine == "onnxruntime":
        return _run_onnxruntime(model, case.feeds), None
    from oriel import ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    providers = ["CPUExecutionProvider"] if engine == "oriel" else [("CPUExecutionProvider", {"device": "REFERENCE"})]
    try:
        session = ort.InferenceSession(model, options, providers=providers)
    except Exception as error:
        raise Refused("load", error) from None
    try:
        first = [_copy(v) for v in session.run(None, case.feeds)]
        other = _outputs_again(session, case)
        if engine == "reference":
            return first, other
        second = session.run(None, case.feeds)
    except Exception as error:
        raise Refused("run", error) from None
    if not all(_identical(a, b) for a, b in zip(first, second)):
        raise AssertionError("the second run gave other results than the first")
    return first, other


def _outputs_again(session, case):
    if case.again is None:
        return None
    try:
        return [_copy(v) for v in session.run(None, case.again)]
    except Exception:
        return None


def _copy(value):
    return value.copy() if isinstance(value, np.ndarray) else value


def _identical(a, b):
    if isinstance(a, np.ndarray) and a.dtype != object:
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return True


def _run_onnxruntime(model, feeds):
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Refused("load", error) from None
    try:
        if not any(_is_extended(v) for v in feeds.values()):
            found = session.run(None, feeds)
        else:
            values = {k: _ort_value(ort, v) for k, v in feeds.items()}
            found = [v.numpy() for v in session.run_with_ort_values(None, values)]
        return [_typed(v, o.type) for v, o in zip(found, session.get_outputs())]
    except RuntimeError as error:
        if "No corresponding Numpy type" in str(error) and (plain := _with_casts(model)) is not None:
            return [v if t is None else v.astype(t) for v, t in zip(_run_onnxruntime(plain[0], feeds), plain[1])]
        raise Refused("run", error) from None
    except Exception as error:
        raise Refused("run", error) from None


def _is_extended(value):
    return _is_extended_type(value.dtype)


def _typed(value, name):
    """An array of bytes as the type that it stands for."""
    name = name[len("tensor(") : -1]
    return value.view(np_type(name)) if name.startswith("float8") and value.dtype == np.uint8 else value


def _ort_value(ort, value):
    if _is_extended(value):
        plain = value.view(np.uint8 if value.itemsize == 1 else np.uint16)
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(plain, onnx_type(value.dtype))
    return ort.OrtValue.ortvalue_from_numpy(value)


def _with_casts(model):
    """(model, types): the model with a Cast behind each output that onnxruntime cannot hand to numpy; None where there is none."""
    import onnx

    proto = onnx.shape_inference.infer_shapes(onnx.load_from_string(model))
    inputs = {i.name: i.type.tensor_type.elem_type for i in proto.graph.input}
    types = []
    for output in proto.graph.output:
        kind = output.type.tensor_type.elem_type or inputs.get(output.name, 0)
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)) if kind else None
        wide = None if dtype is None else onnx.TensorProto.INT8 if dtype.name in ("int4", "uint4") else onnx.TensorProto.FLOAT if _is_extended_type(dtype) else None
        types.append(dtype if wide else None)
        if wide:
            name = output.name
            output.Clear()
            output.name = f"{name}_wide"
            proto.graph.node.append(onnx.helper.make_node("Cast", [name], [output.name], to=wide))
    return (proto.SerializeToString(), types) if any(types) else None


def _is_extended_type(dtype):
    return dtype.name == "bfloat16" or dtype.name.startswith("float8")
