"""Engines that cases run on: each opens a serialized model and runs it on numpy values."""

import os

import numpy as np

ENGINES = ("oriel", "onnxruntime")

# Types that numpy itself lacks, with the ONNX numbers by which onnxruntime takes them.
EXTENDED = {
    "bfloat16": 16,
    "float8_e4m3fn": 17,
    "float8_e4m3fnuz": 18,
    "float8_e5m2": 19,
    "float8_e5m2fnuz": 20,
    "uint4": 21,
    "int4": 22,
    "float4_e2m1fn": 23,
    "float8_e8m0fnu": 24,
    "uint2": 25,
    "int2": 26,
    "float6_e2m3fn": 27,
    "float6_e3m2fn": 28,
}


def open_session(engine, provider, model):
    """A function from a list of inputs to a list of outputs. Engines are imported here, in the process that runs them.

    ORIEL_TEST_THREADS is the number of threads (1), ORIEL_TEST_OPTIMIZATION "off" turns optimisation off.
    """
    if engine == "onnxruntime":
        import onnxruntime as module

        module.set_default_logger_severity(4)
    else:
        from oriel import ort as module

    options = module.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("ORIEL_TEST_THREADS", "1"))
    options.inter_op_num_threads = 1
    if os.environ.get("ORIEL_TEST_OPTIMIZATION") == "off":
        options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    if engine == "onnxruntime":
        options.log_severity_level = 4
    session = module.InferenceSession(model, options, providers=[provider])
    inputs = session.get_inputs()

    def run(values):
        feeds = {i.name: v for i, v in zip(inputs, values)}
        if engine == "onnxruntime" and any(_is_extended(v) for v in values):
            return _run_extended(module, session, feeds)
        return session.run(None, feeds)

    return run


def _is_extended(value):
    return isinstance(value, np.ndarray) and value.dtype.name in EXTENDED


def _run_extended(module, session, feeds):
    def convert(value):
        if _is_extended(value):
            return module.OrtValue.ortvalue_from_numpy_with_onnx_type(value.view(np.uint8 if value.itemsize == 1 else np.uint16), EXTENDED[value.dtype.name])
        return module.OrtValue.ortvalue_from_numpy(value)

    outputs = session.run_with_ort_values(None, {k: convert(v) for k, v in feeds.items()})
    return [o.numpy() for o in outputs]
