"""What YOLO networks answer, as boxes: one function a family of heads, and the rule that tells them apart.

Boxes are [n, 4] of left, top, right, bottom in pixels of the network's input; scores are [n, classes].
"""

import numpy as np

STRIDES = (8, 16, 32)
# Width and height of the anchors that the families were trained with, in pixels (v2: in cells of its grid).
ANCHORS_V2 = np.array([[1.08, 1.19], [3.42, 4.41], [6.63, 11.38], [9.42, 5.11], [16.62, 10.52]])
ANCHORS_V4 = np.array(
    [
        [[12, 16], [19, 36], [40, 28]],
        [[36, 75], [76, 55], [72, 146]],
        [[142, 110], [192, 243], [459, 401]],
    ]
)
SCALES_V4 = (1.2, 1.1, 1.05)


def sigmoid(x):
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (np.tanh(0.5 * x) + 1)


def extent(x):
    """exp(x), for values that a network may have learnt; nonsense stays finite."""
    return np.exp(np.minimum(x, 20))


def softmax(x):
    """Along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cells(size, stride):
    """Column and row of every cell of a grid over an input of (height, width), row by row: [cells, 2]."""
    rows, columns = np.meshgrid(np.arange(size[0] // stride), np.arange(size[1] // stride), indexing="ij")
    return np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64)


def corners(centres, extents):
    """Centres and extents as left, top, right, bottom."""
    return np.concatenate([centres - extents / 2, centres + extents / 2], axis=-1)


def decode_yolox(output, size):
    """[1, cells, 5 + classes]: offsets from cells and logarithms of extents in strides; objectness; class scores."""
    (rows,) = np.asarray(output, np.float64)
    grid = np.concatenate([cells(size, s) for s in STRIDES])
    strides = np.concatenate([np.full((len(cells(size, s)), 1), s) for s in STRIDES])
    boxes = corners((rows[:, :2] + grid) * strides, extent(rows[:, 2:4]) * strides)
    return boxes, rows[:, 4:5] * rows[:, 5:]


def decode_v5(output, size):
    """[1, boxes, 5 + classes]: centres and extents in pixels, objectness, class scores."""
    (rows,) = np.asarray(output, np.float64)
    return corners(rows[:, :2], rows[:, 2:4]), rows[:, 4:5] * rows[:, 5:]


def decode_v8(output, size):
    """[1, 4 + classes, boxes]: centres and extents in pixels, class scores."""
    rows = np.asarray(output, np.float64)[0].T
    return corners(rows[:, :2], rows[:, 2:4]), rows[:, 4:]


def decode_v2(output, size):
    """[1, anchors * (5 + classes), rows, columns] before any activation."""
    (grid,) = np.asarray(output, np.float64)
    anchors = len(ANCHORS_V2)
    stride = size[0] // grid.shape[1]
    values = grid.reshape(anchors, grid.shape[0] // anchors, -1).transpose(0, 2, 1)
    centres = (sigmoid(values[..., :2]) + cells(size, stride)) * stride
    extents = extent(values[..., 2:4]) * ANCHORS_V2[:, None] * stride
    scores = sigmoid(values[..., 4:5]) * softmax(values[..., 5:])
    return corners(centres, extents).reshape(-1, 4), scores.reshape(-1, scores.shape[-1])


def decode_v4(outputs, size):
    """Three grids [1, rows, columns, anchors, 5 + classes] before any activation, the finest first."""
    boxes, scores = [], []
    for output, stride, anchors, scale in zip(outputs, STRIDES, ANCHORS_V4, SCALES_V4):
        values = np.asarray(output, np.float64)[0]
        grid = cells(size, stride).reshape(*values.shape[:2], 1, 2)
        centres = (sigmoid(values[..., :2]) * scale - (scale - 1) / 2 + grid) * stride
        boxes.append(corners(centres, extent(values[..., 2:4]) * anchors).reshape(-1, 4))
        scores.append((sigmoid(values[..., 4:5]) * sigmoid(values[..., 5:])).reshape(-1, values.shape[-1] - 5))
    return np.concatenate(boxes), np.concatenate(scores)


def family_of(shapes, size):
    """Which head answers with these output shapes for an input of (height, width); None for a shape of no family here.

    shapes: lists of ints, anything else where an extent is not fixed.
    """
    fine = sum((size[0] // s) * (size[1] // s) for s in STRIDES)
    first = shapes[0]
    if len(shapes) == 3 and all(len(s) == 5 for s in shapes):
        return "v4"
    if len(shapes) == 3 and len(first) == 3 and first[-1] == 4 and len(shapes[2]) in (2, 3) and shapes[2][-1] == 3:
        return "selected"
    if len(shapes) != 1:
        return None
    if len(first) == 2 and first[1] == 7:
        return "end2end"
    if (
        len(first) == 4
        and isinstance(first[1], int)
        and first[1] % len(ANCHORS_V2) == 0
        and first[1] > 5 * len(ANCHORS_V2)
    ):
        return "v2"
    if len(first) != 3:
        return None
    if first[1] == fine:
        return "yolox"
    if first[1] == 3 * fine:
        return "v5"
    if first[2] == fine:
        return "v8"
    return None


def non_maximum_suppression(boxes, scores, classes, overlap):
    """Indices of the boxes that stay, best first: a box goes where a better one of its class covers it by more than
    `overlap`."""
    order = list(np.argsort(-scores, kind="stable"))
    areas = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)
    kept = []
    while order:
        best = order.pop(0)
        kept.append(best)
        if not order:
            break
        rest = np.array(order)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = np.maximum(high - low, 0).prod(axis=1)
        union = areas[best] + areas[rest] - common
        covered = common / np.maximum(union, 1e-12) > overlap
        order = list(rest[~(covered & (classes[rest] == classes[best]))])
    return kept


def select(boxes, scores, threshold, overlap):
    """The best class of each box above `threshold`, overlapping ones removed: (boxes, scores, classes), best first."""
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes]
    likely = np.flatnonzero(best >= threshold)
    boxes, best, classes = boxes[likely], best[likely], classes[likely]
    kept = non_maximum_suppression(boxes, best, classes, overlap)
    return boxes[kept], best[kept], classes[kept]


DECODERS = {"yolox": decode_yolox, "v5": decode_v5, "v8": decode_v8, "v2": decode_v2}
