"""Convolutions, pools, normalisations, attention and losses."""

import numpy as np
from draw import is_float



def window(draw, spatial, auto=True, padded=True):
    """(attributes, kernel) of a window that fits the spatial dimensions."""
    kernel = [draw.pick([1, 2, 3, 3, 4, 5, 7]) for _ in spatial]
    dilations = [draw.pick([1, 1, 1, 2, 3]) for _ in spatial] if draw.chance(0.3) else None
    strides = [draw.pick([1, 1, 2, 3]) for _ in spatial] if draw.chance(0.6) else None
    attributes = {"strides": strides, "dilations": dilations}
    mode = draw.pick(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]) if auto and draw.chance(0.3) else None
    if mode:
        attributes["auto_pad"] = mode
    pads = [0] * (2 * len(spatial))
    if padded and mode in (None, "NOTSET") and draw.chance(0.6):
        pads = [draw.integer(0, (kernel[i % len(spatial)] - 1)) for i in range(2 * len(spatial))]
        attributes["pads"] = pads
    for i, d in enumerate(spatial):
        room = d + (pads[i] + pads[i + len(spatial)] if mode in (None, "NOTSET") else 0)
        if (kernel[i] - 1) * (dilations[i] if dilations else 1) + 1 > room:
            kernel[i] = 1
            for j in (i, i + len(spatial)):
                if "pads" in attributes:
                    pads[j] = 0
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        attributes["dilations"] = None
        if strides:
            attributes["strides"] = [min(a, b) for a, b in zip(strides, kernel)]
    return attributes, kernel


def image(draw, low=3, high=5, channels=None, zero=0.0):
    rank = draw.pick([3, 4, 4, 4, 5])
    rank = min(max(rank, low), high)
    shape = [draw.integer(1, 3), channels or draw.pick([1, 2, 3, 4, 5, 8, 15, 16, 17, 24, 32, 33])] + [draw.pick([1, 2, 3, 5, 7, 8, 9, 12, 14, 16, 19, 28]) for _ in range(rank - 2)]
    while np.prod(shape) > 8000:
        at = int(np.argmax(shape[2:])) + 2
        shape[at] = max(1, shape[at] // 2)
        if max(shape[2:]) == 1:
            shape[1] = max(1, shape[1] // 2)
    if zero and draw.chance(zero):
        shape[0] = 0
    return shape


def conv_operands(draw, dtype="float32"):
    """(x, w, attributes) of a convolution, grouped and depthwise ones among them."""
    shape = image(draw, zero=0.02)
    attributes, kernel = window(draw, shape[2:])
    groups = draw.pick([g for g in (1, 1, 1, 2, 3, 4, 5, 8, shape[1]) if shape[1] % g == 0])
    out = groups * draw.pick([1, 1, 2, 3, 8, 16, 17] if groups < 8 else [1, 1, 2])
    attributes["group"] = groups if groups > 1 or draw.chance(0.3) else None
    if draw.chance(0.7):
        attributes["kernel_shape"] = kernel
    return draw.array(dtype, shape, -2, 2), draw.array(dtype, [out, shape[1] // groups] + kernel, -1, 1), attributes


def conv(s):
    s.choose_version("Conv")
    dtype = s.draw.type([t for t in s.types("Conv")], weight=0.85)
    x, w, attributes = conv_operands(s.draw, dtype)
    s.tolerance, s.constant_share = 2e-5, 0.4
    s.output(s.call("Conv", {"X": s.operand(x, False), "W": w, "B": s.draw.maybe(s.draw.array(dtype, (w.shape[0],)))}, attributes))


def conv_transpose(s):
    s.choose_version("ConvTranspose")
    draw = s.draw
    shape = image(draw, 3, 5)
    while np.prod(shape) > 2500:
        shape[int(np.argmax(shape))] //= 2
    attributes, kernel = window(draw, shape[2:], auto=False, padded=False)
    strides, dilations = attributes["strides"] or [1] * len(kernel), attributes["dilations"] or [1] * len(kernel)
    groups = draw.pick([g for g in (1, 1, 2, 4, shape[1]) if shape[1] % g == 0])
    extents = [(kernel[i] - 1) * dilations[i] + 1 for i in range(len(kernel))]
    full = [(shape[2 + i] - 1) * strides[i] + extents[i] for i in range(len(kernel))]
    kind = draw.pick(["none", "pads", "shape", "auto", "extra"])
    if kind == "pads":
        pads = [draw.integer(0, min(2, (full[i % len(full)] - 1) // 2)) for i in range(2 * len(full))]
        attributes["pads"] = pads
    elif kind == "shape":
        attributes["output_shape"] = [max(1, f - draw.integer(0, min(2, f - 1, extents[i] - 1 if extents[i] > 1 else 0))) for i, f in enumerate(full)]
    elif kind == "auto":
        attributes["auto_pad"] = draw.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
        if any(e < t for e, t in zip(extents, strides)):
            attributes["auto_pad"] = "VALID"
    elif kind == "extra":
        attributes["output_padding"] = [draw.integer(0, strides[i] - 1) for i in range(len(full))]
    w = draw.array("float32", [shape[1], draw.pick([1, 2, 3, 8, 16])] + kernel, -1, 1)
    s.tolerance, s.constant_share = 2e-5, 0.4
    bias = draw.maybe(draw.array("float32", (w.shape[1] * groups,)))
    s.output(s.call("ConvTranspose", {"X": s.operand(draw.array("float32", shape), False), "W": w, "B": bias}, {**attributes, "group": groups if groups > 1 else None}))


def pool(s):
    op = s.draw.pick(["MaxPool", "MaxPool", "AveragePool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxRoiPool"])
    s.choose_version(op)
    draw = s.draw
    s.tolerance = 0 if "Max" in op else 1e-5
    dtype = draw.type(s.types(op), weight=0.7)
    if op.startswith("Global"):
        return s.output(s.call(op, {"X": draw.array(dtype, image(draw))}))
    if op == "MaxRoiPool":
        shape = image(draw, 4, 4)
        rois = [[draw.integer(0, shape[0] - 1), *sorted(draw.integer(0, shape[3] - 1) for _ in "12"), *sorted(draw.integer(0, shape[2] - 1) for _ in "12")] for _ in range(draw.integer(1, 4))]
        rois = np.array(rois, np.float32)[:, [0, 1, 3, 2, 4]]
        return s.output(s.call(op, {"X": draw.array("float32", shape), "rois": rois}, {"pooled_shape": [draw.integer(1, 4), draw.integer(1, 4)], "spatial_scale": draw.maybe(1.0)}))
    shape = image(draw, zero=0.02)
    attributes, kernel = window(draw, shape[2:])
    attributes["kernel_shape"] = kernel
    attributes["ceil_mode"] = draw.maybe(draw.integer(0, 1)) if s.opset >= 10 else None
    if s.opset < 10 or (op == "AveragePool" and s.opset < 19):
        attributes["dilations"] = None
        if "pads" in attributes:
            attributes["pads"] = [min(p, kernel[i % len(kernel)] - 1) for i, p in enumerate(attributes["pads"])]
    if attributes.get("pads") and attributes.get("dilations") is None:
        attributes["pads"] = [min(p, kernel[i % len(kernel)] - 1) for i, p in enumerate(attributes["pads"])]
    outputs = 1
    if op == "AveragePool":
        attributes["count_include_pad"] = draw.maybe(draw.integer(0, 1))
    elif s.opset >= 8:
        outputs = draw.pick([1, 1, 2])
        attributes["storage_order"] = draw.maybe(draw.integer(0, 1), 0.3) if outputs == 2 else None
    x = draw.distinct(dtype, shape) if outputs == 2 and dtype not in ("int8", "uint8", "float16", "bfloat16") else draw.array(dtype, shape)
    s.output(s.call(op, {"X": x}, attributes, outputs))


def unpool(s):
    s.choose_version("MaxUnpool")
    draw = s.draw
    n, c, h, w = draw.integer(1, 2), draw.integer(1, 4), draw.integer(1, 5), draw.integer(1, 5)
    total = n * c * h * w * 4
    indices = np.sort(draw.rng.permutation(total)[: n * c * h * w]).reshape(n, c, h, w)
    s.output(s.call("MaxUnpool", {"X": draw.array("float32", (n, c, h, w)), "I": indices}, {"kernel_shape": [2, 2], "strides": [2, 2]}))


def normalise(s):
    op = s.draw.pick(["BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization", "LRN"])
    s.choose_version(op)
    draw = s.draw
    dtype = draw.type(s.types(op), weight=0.8)
    epsilon = draw.maybe(draw.pick([1e-5, 1e-3, 0.1]))
    s.tolerance = 1e-4
    if op == "BatchNormalization":
        shape = draw.shape(2, 5)
        low = [draw.array(dtype, (shape[1],)) for _ in range(3)] + [draw.array(dtype, (shape[1],), 0.1, 2)]
        return s.output(s.call(op, {"X": draw.array(dtype, shape), "s": low[0], "b": low[1], "m": low[2], "v": low[3]}, {"epsilon": epsilon}))
    if op == "InstanceNormalization":
        shape = draw.shape(3, 5, zero=0)
        return s.output(s.call(op, {"X": draw.array(dtype, shape), "s": draw.array(dtype, (shape[1],)), "b": draw.array(dtype, (shape[1],))}, {"epsilon": draw.pick([1e-3, 0.1])}))
    if op in ("LayerNormalization", "RMSNormalization"):
        shape = draw.shape(1, 5, zero=0)
        axis = draw.axis(len(shape))
        tail = shape[axis:] if axis < 0 else shape[axis:]
        scale = draw.array(dtype, tail)
        attributes = {"axis": axis if axis != -1 or draw.chance(0.5) else None, "epsilon": draw.pick([1e-3, 0.1])}
        operands = {"X": draw.array(dtype, shape), "scale": scale}
        outputs = 1
        if op == "LayerNormalization":
            operands["B"] = draw.maybe(draw.array(dtype, tail))
            outputs = draw.pick([1, 1, 3])
        return s.output(s.call(op, operands, attributes, outputs))
    if op == "GroupNormalization":
        groups = draw.integer(1, 4)
        shape = [draw.integer(1, 3), groups * draw.integer(1, 5)] + list(draw.shape(1, 3, zero=0, limit=300))
        count = (groups,) if s.opset < 21 else (shape[1],)
        return s.output(s.call(op, {"X": draw.array(dtype, shape), "s": draw.array(dtype, count), "b": draw.array(dtype, count)}, {"num_groups": groups, "epsilon": draw.pick([1e-3, 0.1])}))
    attributes = {"size": draw.pick([1, 3, 5]), "alpha": draw.maybe(draw.uniform(0.01, 0.5)), "beta": draw.maybe(draw.uniform(0.5, 1)), "bias": draw.maybe(draw.uniform(0.5, 2))}
    s.output(s.call(op, {"X": draw.array("float32", image(draw, 4, 4))}, attributes))


def attention(s):
    op = s.draw.pick(["Attention", "Attention", "RotaryEmbedding"])
    s.choose_version(op)
    draw = s.draw
    dtype = draw.type([t for t in s.types(op) if is_float(t)], weight=0.85)
    batch, groups, share, size = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 2), draw.pick([2, 4, 8, 16, 10])
    length, total, out = draw.integer(1, 9), draw.integer(1, 17), draw.pick([4, 8, 6])
    s.tolerance = 1e-5 if dtype in ("float32", "float64") else 1e-2
    if op == "RotaryEmbedding":
        heads, rotary = groups * share, draw.maybe(draw.pick([2, size // 2 * 2]), 0.3)
        half = (rotary or size) // 2
        flat = draw.chance(0.5)
        shape = (batch, length, heads * size) if flat else (batch, heads, length, size)
        positions = draw.maybe(draw.array("int64", (batch, length), 0, 11))
        cache = (12, half) if positions is not None else (batch, length, half)
        operands = {"X": draw.array(dtype, shape), "cos": draw.array(dtype, cache), "sin": draw.array(dtype, cache), "positions": positions}
        return s.output(s.call(op, operands, {"num_heads": heads if flat else None, "rotary_embedding_dim": rotary, "interleaved": draw.maybe(draw.integer(0, 1))}))
    flat = draw.chance(0.4)
    heads = groups * share
    q = (batch, length, heads * size) if flat else (batch, heads, length, size)
    k = (batch, total, groups * size) if flat else (batch, groups, total, size)
    v = (batch, total, groups * out) if flat else (batch, groups, total, out)
    past = draw.integer(1, 5) if draw.chance(0.25) else 0
    mask = None
    if draw.chance(0.4):
        mask_shape = draw.split_shape((batch, heads, length, total + past))[-4:]
        mask_shape = mask_shape if len(mask_shape) >= 2 else (length, total + past)
        mask_shape = mask_shape[:-1] + (total + past,)
        mask = draw.array(dtype, mask_shape) if draw.chance(0.5) else np.ones(mask_shape, bool) & (draw.array("bool", mask_shape) | (np.arange(total + past) == 0))
    attributes = {"is_causal": draw.maybe(draw.integer(0, 1)), "scale": draw.maybe(draw.uniform(0.1, 1)), "softcap": draw.maybe(2.0, 0.2)}
    if flat:
        attributes.update(q_num_heads=heads, kv_num_heads=groups)
    operands = {"Q": draw.array(dtype, q), "K": draw.array(dtype, k), "V": draw.array(dtype, v), "mask": mask}
    outputs = 1
    if past:
        operands["past_key"], operands["past_value"] = draw.array(dtype, (batch, groups, past, size)), draw.array(dtype, (batch, groups, past, out))
        outputs = 3
    s.output(s.call(op, operands, attributes, outputs))


def regions(s):
    op = s.draw.pick(["RoiAlign", "DeformConv"])
    s.choose_version(op)
    draw = s.draw
    s.tolerance = 1e-4
    if op == "RoiAlign":
        shape = [draw.integer(1, 2), draw.integer(1, 4), draw.integer(3, 12), draw.integer(3, 12)]
        count = draw.integer(0 if draw.chance(0.1) else 1, 4)
        corner, size = draw.rng.uniform(0, 6, (count, 2)), draw.rng.uniform(0.5, 6, (count, 2))
        attributes = {"output_height": draw.maybe(draw.integer(1, 4)), "output_width": draw.maybe(draw.integer(1, 4)), "sampling_ratio": draw.maybe(draw.integer(0, 3)),
                      "spatial_scale": draw.maybe(draw.uniform(0.5, 1.5)), "mode": draw.maybe(draw.pick(["avg", "max"])),
                      "coordinate_transformation_mode": draw.maybe(draw.pick(["half_pixel", "output_half_pixel"])) if s.opset >= 16 else None}  # fmt: skip
        operands = {"X": draw.array("float32", shape), "rois": np.concatenate([corner, corner + size], 1).astype(np.float32), "b": draw.array("int64", (count,), 0, shape[0] - 1)}
        return s.output(s.call(op, operands, attributes))
    c, groups, offsets = draw.pick([2, 4]), draw.pick([1, 2]), draw.pick([1, 2])
    h, w, k = draw.integer(3, 7), draw.integer(3, 7), draw.integer(1, 3)
    oh, ow = h - k + 1, w - k + 1
    n = draw.integer(1, 2)
    operands = {"X": draw.array("float32", (n, c, h, w)), "W": draw.array("float32", (groups * draw.integer(1, 2), c // groups, k, k)),
                "offset": draw.array("float32", (n, offsets * k * k * 2, oh, ow), -1, 1)}  # fmt: skip
    operands["B"] = draw.maybe(draw.array("float32", (operands["W"].shape[0],)))
    operands["mask"] = draw.maybe(draw.array("float32", (n, offsets * k * k, oh, ow), 0, 1))
    s.output(s.call(op, operands, {"group": groups, "offset_group": offsets, "pads": [0, 0, 0, 0], "kernel_shape": [k, k]}))


def loss(s):
    op = s.draw.pick(["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
    s.choose_version(op)
    draw = s.draw
    shape = draw.shape(2, 4, zero=0, limit=500)
    target = draw.array(draw.pick(["int32", "int64"]), shape[:1] + shape[2:], 0, shape[1] - 1)
    attributes = {"reduction": draw.maybe(draw.pick(["none", "sum", "mean"])), "ignore_index": draw.maybe(draw.integer(0, shape[1] - 1), 0.3)}
    s.tolerance = 1e-5
    operands = {"x": draw.array("float32", shape), "target": target, "weight": draw.maybe(draw.array("float32", (shape[1],), 0.1, 1))}
    s.output(s.call(op, operands, attributes, outputs=2 if op.startswith("Soft") and draw.chance(0.5) else 1))




FAMILY = {conv: 6, conv_transpose: 2, pool: 4, unpool: 0.4, normalise: 4, attention: 3, regions: 1, loss: 1}
