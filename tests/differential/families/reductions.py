"""Reductions, arg reductions, running sums, softmax and norms of vectors."""

import numpy as np
from draw import is_float

REDUCTIONS = ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"]


def reduce(s):
    op = s.draw.pick(REDUCTIONS)
    s.choose_version(op)
    draw = s.draw
    dtype = draw.type(s.types(op))
    empty = 0.03 if op in ("ReduceSum", "ReduceProd", "ReduceSumSquare", "ReduceL1") else 0
    shape = draw.shape(zero=empty)
    low = 0.1 if op == "ReduceLogSum" else None
    x = draw.array(dtype, shape, 0 if dtype == "bool" else low, 2 if op == "ReduceProd" else None, special=0.02 if op in ("ReduceSum", "ReduceMean") else 0)
    if op == "ReduceProd" and not is_float(dtype):
        x = draw.array(dtype, shape, -1 if dtype.startswith("int") else 0, 1)
    if op == "ReduceLogSum" and not is_float(dtype):
        x = draw.array(dtype, shape, 1, 9)
    axes = None
    if shape and draw.chance(0.8):
        axes = draw.axes(len(shape))
        if s.opset < 11:
            axes = [a % len(shape) for a in axes]
    newer = "noop_with_empty_axes" in s.schema(op).attributes
    attributes = {"keepdims": draw.maybe(draw.integer(0, 1)), "noop_with_empty_axes": draw.maybe(draw.integer(0, 1)) if newer else None}
    if newer and axes is None and draw.chance(0.3):
        axes = []
    s.tolerance = 0 if op in ("ReduceMax", "ReduceMin") else 1e-5
    s.absolute = 0 if s.tolerance == 0 else 1e-5
    s.steps = 1 if op in ("ReduceL2", "ReduceLogSum", "ReduceLogSumExp") else 0
    s.output(s.call(op, {"data": x, "axes": None if axes is None else np.array(axes, np.int64)}, attributes))


def arg(s):
    op = s.draw.pick(["ArgMax", "ArgMin"])
    s.choose_version(op)
    draw = s.draw
    shape = draw.shape(1, zero=0)
    dtype = draw.type(s.types(op))
    x = draw.array(dtype, shape, -3, 3, special=0.05)
    if draw.chance(0.5) and is_float(dtype):
        x = np.round(x.astype(np.float64)).astype(x.dtype)
    axis = draw.axis(len(shape), 0.3 if s.opset >= 11 else 0)
    attributes = {"axis": draw.maybe(axis, 0.8), "keepdims": draw.maybe(draw.integer(0, 1)), "select_last_index": draw.maybe(draw.integer(0, 1)) if s.opset >= 12 else None}
    s.output(s.call(op, {"data": x}, attributes))


def cumulate(s):
    op = s.draw.pick(["CumSum", "CumSum", "CumProd"])
    s.choose_version(op)
    draw = s.draw
    shape = draw.shape(1)
    dtype = draw.type(s.types(op))
    axis = np.array(draw.axis(len(shape)), draw.pick(["int32", "int64"]))
    s.tolerance = 1e-5
    x = draw.array(dtype, shape) if op == "CumSum" else draw.array(dtype, shape, 0 if not is_float(dtype) else 0.5, 1.4)
    s.output(s.call(op, {"x": x, "axis": axis}, {"exclusive": draw.maybe(draw.integer(0, 1)), "reverse": draw.maybe(draw.integer(0, 1))}))


def softmax(s):
    op = s.draw.pick(["Softmax", "LogSoftmax", "Hardmax"])
    s.choose_version(op)
    draw = s.draw
    shape = draw.shape(1)
    dtype = draw.type(s.types(op))
    axis = draw.axis(len(shape), 0.3 if s.opset >= 11 else 0)
    s.tolerance = 0 if op == "Hardmax" else 2e-6
    x = draw.distinct(dtype, shape) if op == "Hardmax" else draw.array(dtype, shape, -20, 20)
    s.output(s.call(op, {"input": x}, {"axis": axis if len(shape) < 2 or draw.chance(0.8) else None}))


def norm(s):
    op = s.draw.pick(["LpNormalization", "MeanVarianceNormalization", "LpPool", "GlobalLpPool"])
    s.choose_version(op)
    draw = s.draw
    dtype = draw.type(s.types(op))
    s.tolerance = 1e-5
    if op == "LpNormalization":
        shape = draw.shape(1, zero=0)
        return s.output(s.call(op, {"x": draw.array(dtype, shape)}, {"axis": draw.maybe(draw.axis(len(shape))), "p": draw.maybe(draw.integer(1, 2))}))
    if op == "MeanVarianceNormalization":
        shape = draw.shape(1, 2, zero=0, limit=600) + (draw.integer(2, 7), draw.integer(2, 7))
        shape = (1,) * (4 - len(shape)) + shape
        axes = draw.maybe([*draw.sample([0, 1, -4], draw.integer(0, 1)), *draw.sample([2, 3, -1, -2], 1)])
        s.tolerance = 1e-3
        return s.output(s.call(op, {"x": draw.array("float32", shape)}, {"axes": axes}))
    if op == "GlobalLpPool":
        return s.output(s.call(op, {"x": draw.array(dtype, draw.shape(3, 5, zero=0))}, {"p": draw.maybe(draw.integer(1, 3))}))
    shape = draw.shape(3, 4, zero=0)
    kernel = [draw.integer(1, min(3, d)) for d in shape[2:]]
    attributes = {"kernel_shape": kernel, "p": draw.maybe(draw.integer(1, 3)), "strides": draw.maybe([draw.integer(1, 2) for _ in kernel])}
    s.output(s.call(op, {"x": draw.array(dtype, shape)}, attributes))


FAMILY = {reduce: 5, arg: 1.5, cumulate: 1.5, softmax: 2, norm: 1.5}
