"""Operators that move, select, repeat or create elements."""

import numpy as np
from draw import onnx_type
from onnx import helper
from sketch import NotDefined


def _data(s, op, shape, operand=0):
    return s.draw.array(s.draw.type(s.types(op, operand)), shape)


def transpose(s):
    s.choose_version("Transpose")
    shape = s.draw.shape()
    s.output(s.call("Transpose", {"data": _data(s, "Transpose", shape)}, {"perm": s.draw.maybe(s.draw.permutation(len(shape)), 0.85)}))


def factor(draw, count, parts):
    """Dimensions whose product is `count`."""
    dims = []
    for _ in range(parts - 1):
        divisors = [d for d in range(1, count + 1) if count % d == 0] if count <= 4096 else [1, count]
        dims.append(draw.pick(divisors) if count else draw.pick([0, 2, 3]))
        count = count // dims[-1] if dims[-1] else 0
    dims.append(count)
    return [dims[i] for i in draw.permutation(parts)]


def reshape(s):
    s.choose_version("Reshape")
    draw = s.draw
    shape = draw.shape()
    count = int(np.prod(shape, dtype=np.int64))
    allow = draw.maybe(draw.integer(0, 1), 0.3) if s.opset >= 14 else None
    if count == 0:
        target = draw.pick([list(shape), list(reversed(shape))]) if allow == 1 else list(shape)
        if not allow:
            target = [0 if d == 0 and i < len(shape) else d for i, d in enumerate(target)]
    else:
        target = factor(draw, count, draw.integer(1, 5)) if count != 1 or draw.chance(0.7) else []
        if target and draw.chance(0.4):
            target[draw.integer(0, len(target) - 1)] = -1
        elif not allow:
            target = [0 if i < len(shape) and shape[i] == d and draw.chance(0.3) else d for i, d in enumerate(target)]
    s.output(s.call("Reshape", {"data": _data(s, "Reshape", shape), "to": np.array(target, np.int64)}, {"allowzero": allow}))


def squeeze(s):
    op = s.draw.pick(["Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape", "Size"])
    s.choose_version(op)
    draw = s.draw
    shape = list(draw.shape(0, 5))
    if op == "Squeeze":
        ones = sorted(draw.sample(range(len(shape) + 1), draw.integer(0, 2)))
        for i in reversed(ones):
            shape.insert(i, 1)
        axes = [i for i, d in enumerate(shape) if d == 1 and draw.chance(0.6)]
        axes = [a - len(shape) if draw.chance(0.3) and s.opset >= 11 else a for a in axes]
        given = None if not axes or draw.chance(0.2) else np.array(axes, np.int64)
        return s.output(s.call(op, {"data": _data(s, op, shape), "axes": given}))
    if op == "Unsqueeze":
        rank = len(shape) + draw.integer(1, 3)
        axes = draw.sample(range(rank), rank - len(shape))
        axes = [a - rank if draw.chance(0.3) and s.opset >= 11 else a for a in axes]
        return s.output(s.call(op, {"data": _data(s, op, shape), "axes": np.array(axes, np.int64)}))
    x = _data(s, op, shape)
    if op == "Flatten":
        return s.output(s.call(op, {"data": x}, {"axis": draw.maybe(draw.integer(-len(shape) if s.opset >= 11 else 0, len(shape)), 0.8)}))
    if op == "Shape":
        rank = len(shape) + 2
        return s.output(s.call(op, {"data": x}, {"start": draw.maybe(draw.integer(-rank, rank)), "end": draw.maybe(draw.integer(-rank, rank))}))
    s.output(s.call(op, {"data": x}))


def slice_(s):
    s.choose_version("Slice")
    draw = s.draw
    shape = draw.shape(1)
    axes = draw.axes(len(shape))
    if s.opset < 10:
        axes = [a % len(shape) for a in axes]
    starts, ends, steps = [], [], []
    for axis in axes:
        d = shape[axis]
        step = 1 if s.opset < 10 or draw.chance(0.4) else draw.pick([-3, -2, -1, 1, 2, 3, 5])
        steps.append(step)
        starts.append(draw.integer(-d - 2, d + 2))
        ends.append(draw.pick([draw.integer(-d - 2, d + 2), np.iinfo(np.int32).max if step > 0 else np.iinfo(np.int32).min]))
    kind = draw.pick(["int32", "int64"]) if s.opset >= 10 else "int64"
    as_array = lambda v: np.array(v, kind)  # noqa: E731
    operands = {"data": _data(s, "Slice", shape), "starts": as_array(starts), "ends": as_array(ends), "axes": as_array(axes)}
    if s.opset >= 10:
        operands["steps"] = draw.maybe(as_array(steps)) if all(t == 1 for t in steps) else as_array(steps)
    if sorted(a % len(shape) for a in axes) == list(range(len(axes))) == [a for a in axes] and draw.chance(0.5):
        operands["axes"] = None
    s.output(s.call("Slice", operands))


def gather(s):
    op = s.draw.pick(["Gather", "GatherElements", "GatherND"])
    s.choose_version(op)
    draw = s.draw
    shape = draw.shape(1, 5, zero=0)
    kind = draw.pick(["int32", "int64"]) if op != "GatherND" else "int64"
    negative = s.opset >= 11
    if op == "GatherND":
        batch = draw.integer(0, min(2, len(shape) - 1)) if s.opset >= 12 else 0
        last = draw.integer(1, len(shape) - batch)
        lead = shape[:batch] + draw.shape(0, 2, limit=60)
        parts = [draw.rng.integers(-d if negative else 0, d, lead) for d in shape[batch : batch + last]]
        indices = np.stack(parts, axis=-1).astype(kind) if parts else None
        return s.output(s.call(op, {"data": _data(s, op, shape), "indices": indices}, {"batch_dims": batch or None}))
    axis = draw.axis(len(shape), 0.3 if negative else 0)
    d = shape[axis]
    if op == "Gather":
        at = draw.shape(0, 3, limit=100)
    else:
        at = [draw.integer(1, n) for n in shape]
        at[axis] = draw.integer(0, 9)
    indices = draw.rng.integers(-d if negative else 0, d, at).astype(kind)
    s.output(s.call(op, {"data": _data(s, op, shape), "indices": np.asarray(indices)}, {"axis": axis if axis or draw.chance(0.5) else None}))


def scatter(s):
    op = s.draw.pick(["ScatterElements", "ScatterND", "TensorScatter"])
    s.choose_version(op)
    draw = s.draw
    dtype = draw.type(s.types(op))
    reductions = [None, "none"] + (["add", "mul"] if s.opset >= 16 else []) + (["max", "min"] if s.opset >= 18 else [])
    reduction = draw.pick(reductions) if dtype not in ("object", "bool") else None
    if op == "TensorScatter":
        shape = draw.shape(3, 4, zero=0)
        axis = draw.pick([None, -2, len(shape) - 2])
        length = draw.integer(1, shape[-2])
        update = shape[:-2] + (length,) + shape[-1:]
        mode = draw.maybe(draw.pick(["linear", "circular"]))
        indices = draw.array("int64", (shape[0],), 0, shape[-2] - length)
        operands = {"past": draw.array(dtype, shape), "update": draw.array(dtype, update), "write_indices": draw.maybe(indices)}
        return s.output(s.call(op, operands, {"axis": axis, "mode": mode}))
    shape = draw.shape(1, 5, zero=0)
    data = draw.array(dtype, shape)
    repeats = reduction not in (None, "none")
    if op == "ScatterElements":
        axis = draw.axis(len(shape))
        if s.opset < 11:
            raise NotDefined(op)
        at = [draw.integer(1, n) for n in shape]
        d = shape[axis]
        if repeats:
            indices = draw.rng.integers(-d, d, at)
        else:
            order = np.argsort(draw.rng.random(shape), axis=axis)
            indices = order[tuple(slice(n) for n in at)]
        s.tolerance = 1e-5
        operands = {"data": data, "indices": indices.astype(draw.pick(["int32", "int64"])), "updates": draw.array(dtype, at, -2, 2)}
        return s.output(s.call(op, operands, {"axis": axis if draw.chance(0.8) or axis else None, "reduction": reduction}))
    last = draw.integer(1, len(shape))
    total = int(np.prod(shape[:last]))
    count = draw.integer(0, min(total, 12))
    flat = draw.rng.integers(0, total, count) if repeats else draw.rng.permutation(total)[:count]
    indices = np.stack(np.unravel_index(flat, shape[:last]), axis=-1).reshape(count, last)
    if draw.chance(0.3):
        indices = indices - np.array(shape[:last]) * draw.rng.integers(0, 2, indices.shape)
    lead = (count,)
    if count % 2 == 0 and count and draw.chance(0.3):
        lead = (2, count // 2)
        indices = indices.reshape(*lead, last)
    s.tolerance = 1e-5
    s.output(s.call(op, {"data": data, "indices": indices.astype(np.int64), "updates": draw.array(dtype, lead + shape[last:], -2, 2)}, {"reduction": reduction}))


def pad(s):
    s.choose_version("Pad")
    draw = s.draw
    shape = draw.shape(1, 5)
    mode = draw.pick(["constant", "constant", "reflect", "edge"] + (["wrap"] if s.opset >= 19 else []))
    if mode != "constant" and 0 in shape:
        mode = "constant"
    axes = draw.axes(len(shape)) if s.opset >= 18 and draw.chance(0.4) else None
    dims = [shape[a] for a in axes] if axes is not None else shape
    negative = draw.chance(0.15)
    pads = []
    for d in dims + dims if isinstance(dims, list) else list(dims) * 2:
        most = d - 1 if mode == "reflect" else d if mode == "wrap" else 4
        pads.append(draw.integer(-1 if negative and d > 3 else 0, max(0, min(4, most))))
    dtype = draw.type(s.types("Pad"))
    value = draw.maybe(draw.array(dtype, ())) if mode == "constant" else None
    kind = draw.pick(["int32", "int64"])
    operands = {"data": draw.array(dtype, shape), "pads": np.array(pads, np.int64), "value": value, "axes": None if axes is None else np.array(axes, kind)}
    s.output(s.call("Pad", operands, {"mode": None if mode == "constant" and draw.chance(0.5) else mode}))


def concat(s):
    s.choose_version("Concat")
    draw = s.draw
    dtype = draw.type(s.types("Concat"))
    shape = list(draw.shape(1))
    axis = draw.axis(len(shape), 0.3 if s.opset >= 11 else 0)
    parts = []
    for _ in range(draw.integer(1, 5)):
        shape[axis] = draw.dim(zero=0.1)
        while np.prod(shape) > 6000:
            shape[axis] = draw.integer(1, 3)
            break
        parts.append(draw.array(dtype, shape))
    s.output(s.call("Concat", {f"x{i}": p for i, p in enumerate(parts)}, {"axis": axis}))


def split(s):
    s.choose_version("Split")
    draw = s.draw
    shape = list(draw.shape(1))
    axis = draw.axis(len(shape), 0.3 if s.opset >= 11 else 0)
    count = draw.integer(1, 4)
    if draw.chance(0.4):
        if s.opset < 18:
            shape[axis] = count * draw.integer(0 if draw.chance(0.1) else 1, 4)
            sizes = None
        else:
            shape[axis], sizes = draw.integer(count, 13), None
            size = -(-shape[axis] // count)
            if size * (count - 1) >= shape[axis]:
                shape[axis] = size * count
        extra = {"num_outputs": count} if s.opset >= 18 else {}
    else:
        sizes, extra = [draw.integer(0, 5) for _ in range(count)], {}
        shape[axis] = sum(sizes)
    operands = {"input": _data(s, "Split", shape), "split": None if sizes is None else np.array(sizes, np.int64)}
    s.output(s.call("Split", operands, {"axis": axis if axis or draw.chance(0.5) else None, **extra}, outputs=count))


def tile(s):
    op = s.draw.pick(["Tile", "Expand"])
    s.choose_version(op)
    draw = s.draw
    if op == "Tile":
        shape = draw.shape(0, 5, limit=600)
        return s.output(s.call(op, {"input": _data(s, op, shape), "repeats": np.array([draw.pick([0, 1, 1, 1, 2, 3]) for _ in shape], np.int64)}))
    a, b = draw.broadcast(2)
    s.output(s.call(op, {"input": _data(s, op, a), "shape": np.array(b, np.int64)}))


def depth(s):
    op = s.draw.pick(["DepthToSpace", "SpaceToDepth"])
    s.choose_version(op)
    draw = s.draw
    block = draw.integer(1, 4)
    n, c, h, w = draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 9), draw.integer(1, 9)
    mode = None
    if op == "DepthToSpace":
        shape, mode = (n, c * block * block, h, w), draw.maybe(draw.pick(["DCR", "CRD"])) if s.opset >= 11 else None
    else:
        shape = (n, c, h * block, w * block)
    s.output(s.call(op, {"input": _data(s, op, shape)}, {"blocksize": block, "mode": mode}))


def resize(s):
    s.choose_version("Resize")
    draw = s.draw
    if s.opset == 10:
        shape = draw.shape(rank=4, zero=0)
        scales = [1.0, 1.0, draw.pick([0.5, 1, 2, 3, 1.5]), draw.pick([0.5, 1, 2, 3])]
        mode = draw.pick(["nearest", "linear"])
        s.tolerance = 1e-5
        return s.output(s.call("Resize", {"X": draw.array("float32", shape), "scales": np.array(scales, np.float32)}, {"mode": mode}))
    dtype = draw.type([t for t in s.types("Resize") if t in ("float32", "uint8", "int8", "int32", "float64", "float16")], weight=0.7)
    mode = draw.pick(["nearest", "linear", "cubic"])
    rank = 4 if mode == "cubic" else draw.pick([3, 4, 4, 5]) if mode == "linear" else draw.integer(1, 5)
    shape = [min(draw.dim(zero=0), 20) for _ in range(rank)]
    while np.prod(shape) > 6000:
        shape[int(np.argmax(shape))] //= 2
    spatial = draw.integer(1, min(rank, 2 if mode != "nearest" else rank)) if mode != "cubic" else 2
    if mode == "linear" and rank == 5:
        spatial = 3
    axes = list(range(rank - spatial, rank))
    modes = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] + (["half_pixel_symmetric"] if s.opset >= 19 else [])
    attributes = {"mode": mode, "coordinate_transformation_mode": draw.maybe(draw.pick(modes), 0.8)}
    if mode == "nearest":
        attributes["nearest_mode"] = draw.maybe(draw.pick(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]), 0.7)
    if mode == "cubic":
        attributes["cubic_coeff_a"] = draw.maybe(draw.pick([-0.5, -0.75]))
        attributes["exclude_outside"] = draw.maybe(draw.integer(0, 1))
    elif mode == "linear" and s.opset >= 18:
        attributes["antialias"] = draw.maybe(1, 0.3)
    if mode == "cubic" and s.opset >= 18:
        attributes["antialias"] = draw.maybe(1, 0.2)
    # In f32 some places between neighbours fall to either side, which nearest shows: there only factors without such places.
    exact = mode == "nearest"
    sizes = [d if i not in axes else d * draw.integer(1, 3) if exact else draw.integer(1, 2 * d + 1) for i, d in enumerate(shape)]
    scales = [1.0 if i not in axes else draw.pick([0.5, 0.75, 1.0, 1.5, 2.0, 3.0] + ([] if exact else [1.3])) for i in range(rank)]
    scales = [v if int(d * v) > 0 else 1.0 for d, v in zip(shape, scales)]
    if s.opset >= 18 and draw.chance(0.3):
        attributes["axes"] = axes
        sizes, scales = [sizes[i] for i in axes], [scales[i] for i in axes]
        if draw.chance(0.4):
            attributes["keep_aspect_ratio_policy"] = draw.pick(["stretch", "not_larger", "not_smaller"])
    use_sizes = draw.chance(0.5)
    if not use_sizes:
        attributes.pop("keep_aspect_ratio_policy", None)
    roi = np.array([], np.float32) if s.opset < 13 else None
    if not use_sizes or s.opset >= 13:
        scale_operand = None if use_sizes else np.array(scales, np.float32)
    else:
        scale_operand = np.array([], np.float32)
    s.tolerance, s.steps = 2e-5, 0 if exact else 2 if attributes.get("antialias") else 1
    s.constant_share = 0.6
    operands = {"X": draw.array(dtype, shape), "roi": roi, "scales": scale_operand, "sizes": s.operand(np.array(sizes, np.int64), fixed=True) if use_sizes else None}
    s.output(s.call("Resize", operands, attributes))


def upsample(s):
    s.opset = s.draw.integer(7, 9)
    shape = s.draw.shape(rank=4, zero=0, limit=800)
    scales = np.array([1, 1, s.draw.pick([1, 2, 3, 1.5]), s.draw.pick([1, 2, 2.5])], np.float32)
    s.tolerance = 1e-5
    s.output(s.call("Upsample", {"X": s.draw.array("float32", shape), "scales": scales}, {"mode": s.draw.maybe(s.draw.pick(["nearest", "linear"]))}))


def grid_sample(s):
    s.choose_version("GridSample")
    draw = s.draw
    spatial = 2 if s.opset < 20 or draw.chance(0.7) else 3
    n, c = draw.integer(1, 3), draw.integer(1, 5)
    shape, out = (n, c) + tuple(draw.integer(1, 8) for _ in range(spatial)), tuple(draw.integer(1, 8) for _ in range(spatial))
    modes = ["nearest", "linear"] + (["cubic"] if spatial == 2 else []) if s.opset >= 20 else ["nearest", "bilinear", "bicubic"]
    attributes = {"mode": draw.maybe(draw.pick(modes), 0.8), "padding_mode": draw.maybe(draw.pick(["zeros", "border", "reflection"]), 0.8),
                  "align_corners": draw.maybe(draw.integer(0, 1))}  # fmt: skip
    s.tolerance = 1e-4
    dtype = draw.pick(["float32", "float32", "float64"])
    s.output(s.call("GridSample", {"X": draw.array(dtype, shape), "grid": draw.array(dtype, (n,) + out + (spatial,), -1.4, 1.4)}, attributes))


def affine_grid(s):
    s.choose_version("AffineGrid")
    draw = s.draw
    spatial = draw.pick([2, 3])
    n = draw.integer(1, 3)
    size = [n, draw.integer(1, 4)] + [draw.integer(2, 6) for _ in range(spatial)]
    s.tolerance = 1e-5
    theta = draw.array("float32", (n, spatial, spatial + 1))
    s.output(s.call("AffineGrid", {"theta": theta, "size": np.array(size, np.int64)}, {"align_corners": draw.maybe(draw.integer(0, 1))}))


def create(s):
    op = s.draw.pick(["ConstantOfShape", "EyeLike", "OneHot", "Range", "Trilu", "CenterCropPad", "Col2Im", "ReverseSequence", "Compress"])
    s.choose_version(op)
    draw = s.draw
    if op == "ConstantOfShape":
        dtype = draw.pick(["float32", "int64", "bool", "uint8", "float16", "int32", "float64"])
        value = helper.make_tensor("value", onnx_type(dtype), [1], draw.array(dtype, (1,), 0, 5).tolist())
        return s.output(s.call(op, {"shape": np.array(draw.shape(0, 5), np.int64)}, {"value": draw.maybe(value)}))
    if op == "EyeLike":
        x = _data(s, op, draw.shape(rank=2))
        return s.output(s.call(op, {"x": x}, {"k": draw.maybe(draw.integer(-5, 5)), "dtype": draw.maybe(draw.pick([1, 7, 11, 6]))}))
    if op == "OneHot":
        depth, dtype = draw.integer(1, 9), draw.pick(["float32", "int64", "int32", "bool", "float32"])
        indices = draw.array(draw.pick(["int64", "int32", "float32"]), draw.shape(1, 3), -depth, depth - 1)
        if indices.dtype.kind == "f":
            indices = np.floor(indices)
        axis = draw.maybe(draw.integer(-indices.ndim - 1, indices.ndim))
        operands = {"indices": indices, "depth": np.array(depth if draw.chance(0.5) else [depth], draw.pick(["int64", "int32", "float32"])), "values": draw.array(dtype, (2,))}
        return s.output(s.call(op, operands, {"axis": axis}))
    if op == "Range":
        dtype = draw.pick(["float32", "int64", "int32", "float64", "int16"])
        start, step = draw.integer(-9, 9), draw.pick([-3, -2, -1, 1, 2, 4])
        limit = start + step * draw.integer(-1, 20) + draw.integer(0, 1)
        return s.output(s.call(op, {k: np.array(v, dtype) for k, v in (("start", start), ("limit", limit), ("delta", step))}))
    if op == "Trilu":
        x = _data(s, op, draw.shape(2))
        return s.output(s.call(op, {"x": x, "k": draw.maybe(np.array(draw.integer(-6, 6), np.int64))}, {"upper": draw.maybe(draw.integer(0, 1))}))
    if op == "CenterCropPad":
        shape = draw.shape(1, 5, zero=0)
        axes = draw.maybe(draw.axes(len(shape)))
        target = [draw.integer(1, 9) for _ in (axes or shape)]
        return s.output(s.call(op, {"x": _data(s, op, shape), "shape": np.array(target, draw.pick(["int32", "int64"]))}, {"axes": axes}))
    if op == "Col2Im":
        image, block = [draw.integer(3, 9), draw.integer(3, 9)], [draw.integer(1, 3), draw.integer(1, 3)]
        strides, dilations, pads = [draw.integer(1, 2) for _ in "hw"], [draw.pick([1, 1, 2]) for _ in "hw"], [draw.integer(0, 1) for _ in "hwhw"]
        blocks = [(image[i] + pads[i] + pads[i + 2] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(2)]
        if min(blocks) < 1:
            raise NotDefined(op)
        x = draw.array("float32", (draw.integer(1, 2), draw.integer(1, 4) * block[0] * block[1], blocks[0] * blocks[1]))
        s.tolerance = 1e-5
        operands = {"x": x, "image": np.array(image, np.int64), "block": np.array(block, np.int64)}
        return s.output(s.call(op, operands, {"strides": strides, "dilations": dilations, "pads": pads}))
    if op == "ReverseSequence":
        shape = draw.shape(2, 5, zero=0)
        time = draw.integer(0, 1)
        lengths = draw.array("int64", (shape[1 - time],), 0 if draw.chance(0.2) else 1, shape[time])
        return s.output(s.call(op, {"x": _data(s, op, shape), "lengths": lengths}, {"time_axis": time, "batch_axis": 1 - time}))
    shape = draw.shape(1, 5)
    axis = draw.maybe(draw.axis(len(shape), 0.3 if s.opset >= 11 else 0), 0.7)
    length = shape[axis] if axis is not None else int(np.prod(shape))
    s.output(s.call(op, {"x": _data(s, op, shape), "condition": draw.array("bool", (draw.integer(0, length),))}, {"axis": axis}))


def sequences(s):
    s.opset = s.draw.integer(11, 26)
    draw = s.draw
    kind = draw.pick(["at", "length", "insert", "erase", "concat", "split", "stack"])
    dtype = draw.type(["float32", "int64", "float64", "int32", "bool"])
    shape = list(draw.shape(1, 4))
    items = [draw.array(dtype, shape) for _ in range(draw.integer(1, 4))]
    if kind == "split":
        axis = draw.axis(len(shape))
        chunk = draw.pick([None, np.array(draw.integer(1, 4), np.int64)])
        keep = draw.maybe(draw.integer(0, 1)) if chunk is None else None
        sequence = s.call("SplitToSequence", {"x": items[0], "split": chunk}, {"axis": axis, "keepdims": keep})[0]
        if shape[axis] == 0:
            raise NotDefined(kind)
        s.output(s.call("SequenceAt", {"s": sequence, "i": np.array(0, np.int64)}))
        return s.output(s.call("SequenceLength", {"s": sequence}))
    sequence = s.call("SequenceConstruct", {f"x{i}": x for i, x in enumerate(items)})[0]
    n = len(items)
    if kind == "insert":
        sequence = s.call("SequenceInsert", {"s": sequence, "x": draw.array(dtype, shape), "i": draw.maybe(np.array(draw.integer(-n, n), np.int64))})[0]
        n += 1
    if kind == "erase" and n > 1:
        sequence = s.call("SequenceErase", {"s": sequence, "i": draw.maybe(np.array(draw.integer(-n, n - 1), np.int64))})[0]
        n -= 1
    if kind in ("concat", "stack"):
        new = 1 if kind == "stack" else 0
        axis = draw.axis(len(shape) + new)
        return s.output(s.call("ConcatFromSequence", {"s": sequence}, {"axis": axis, "new_axis": new}))
    if kind == "at":
        return s.output(s.call("SequenceAt", {"s": sequence, "i": np.array(draw.integer(-n, n - 1), draw.pick(["int32", "int64"]))}))
    s.output([sequence])
    s.output(s.call("SequenceLength", {"s": sequence}))


FAMILY = {
    transpose: 3, reshape: 2, squeeze: 2, slice_: 3, gather: 3, scatter: 3, pad: 3, concat: 2, split: 2, tile: 2, depth: 1, resize: 3, upsample: 0.5,
    grid_sample: 1, affine_grid: 0.5, create: 4, sequences: 1,
}  # fmt: skip
