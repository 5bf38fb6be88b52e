"""Operators whose output sizes or order follow from values: TopK, Unique, NonZero, NonMaxSuppression."""

import numpy as np
from draw import is_float


def top_k(s):
    s.choose_version("TopK")
    draw = s.draw
    shape = draw.shape(1, 5, zero=0)
    axis = draw.axis(len(shape), 0.3 if s.opset >= 11 else 0)
    dtype = draw.type(s.types("TopK"))
    small = dtype in ("int8", "uint8", "float16", "bfloat16")
    x = draw.array(dtype, shape) if small or draw.chance(0.3) else draw.distinct(dtype, shape)
    if not small and draw.chance(0.3) and is_float(dtype):
        x = np.round(x).astype(x.dtype)
    k = draw.integer(0 if draw.chance(0.1) and s.opset >= 10 else 1, shape[axis])
    sorted_ = draw.maybe(1)
    s.output(s.call("TopK", {"X": x, "k": np.array([k], np.int64)}, {"axis": axis, "largest": draw.maybe(draw.integer(0, 1)), "sorted": sorted_}, outputs=2))


def unique(s):
    s.choose_version("Unique")
    draw = s.draw
    shape = draw.shape(1, 3, zero=0.03, limit=300)
    dtype = draw.type([t for t in s.types("Unique") if t in ("float32", "int64", "int8", "object", "float64", "int32", "uint8")])
    x = draw.array(dtype, shape, 0, 4)
    if dtype in ("float32", "float64"):
        x = np.round(x).astype(x.dtype)
    outputs = [True, draw.chance(0.7), draw.chance(0.7), draw.chance(0.7)]
    while not outputs[-1]:
        outputs.pop()
    s.output(s.call("Unique", {"X": x}, {"axis": draw.maybe(draw.axis(len(shape))) if 0 not in shape else None, "sorted": draw.maybe(draw.integer(0, 1))}, outputs))


def non_zero(s):
    s.choose_version("NonZero")
    dtype = s.draw.type(s.types("NonZero"))
    x = s.draw.array(dtype, s.draw.shape(1), -1, 1)
    if is_float(dtype):
        x = np.round(x.astype(np.float64)).astype(x.dtype)
    s.output(s.call("NonZero", {"X": x}))


def suppress(s):
    s.choose_version("NonMaxSuppression")
    draw = s.draw
    batches, classes, boxes = draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 20)
    center = draw.chance(0.4)
    low, size = draw.rng.uniform(0, 8, (batches, boxes, 2)), draw.rng.uniform(1, 5, (batches, boxes, 2))
    values = np.concatenate([low + size / 2, size] if center else [low, low + size], axis=2).astype(np.float32)
    if not center and draw.chance(0.3):
        values = values[:, :, [2, 3, 0, 1]]
    count = lambda v: np.array(v if draw.chance(0.3) else [v], np.int64)  # noqa: E731
    operands = {
        "boxes": values, "scores": draw.distinct("float32", (batches, classes, boxes)),
        "max": draw.maybe(count(draw.integer(0, 8)), 0.8), "iou": draw.maybe(np.array([draw.uniform(0.1, 0.9)], np.float32), 0.7),
        "score": draw.maybe(np.array([draw.uniform(-2, 2)], np.float32)),
    }  # fmt: skip
    s.output(s.call("NonMaxSuppression", operands, {"center_point_box": 1 if center else draw.maybe(0)}))


FAMILY = {top_k: 3, unique: 1.5, non_zero: 1.5, suppress: 1.5}
