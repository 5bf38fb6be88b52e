"""Where onnxruntime departs from the standard's text. What is told apart here counts as no difference.

A departure holds for cases of one operator, and only where Oriel's two devices agree with each other. Where the evaluator of
the onnx package runs the case, values must agree with it as well.
"""

import re
from dataclasses import dataclass
from typing import Callable

import numpy as np
import verdict
from onnx import helper, numpy_helper


@dataclass
class Departure:
    """One departure: the operator, when it applies, what onnxruntime does, and the sentence of the standard that Oriel follows."""

    op: str
    when: Callable
    does: str
    sentence: str
    evaluated: bool = False


class Call:
    """The node of a case that departs, with its attributes and operands."""

    def __init__(self, case, op):
        self.node = next(n for n in case.model.graph.node if n.op_type == op)
        self.opset = next((i.version for i in case.model.opset_import if i.domain == self.node.domain), 0)
        self.attributes = {a.name: helper.get_attribute_value(a) for a in self.node.attribute}
        held = {t.name: t for t in case.model.graph.initializer}
        for n in case.model.graph.node:
            if n.op_type == "Constant":
                held[n.output[0]] = n.attribute[0].t
        self.operands = [case.feeds[i] if i in case.feeds else numpy_helper.to_array(held[i]) if i in held else None for i in self.node.input]

    def operand(self, i):
        return self.operands[i] if i < len(self.operands) else None


def _empty_sum(call, *_):
    a, b = call.operands[:2]
    return a is not None and b is not None and (a.size == 0 or b.size == 0)


def _narrow_integers(call, status, detail):
    x = call.operand(0)
    to = call.attributes.get("to")
    return status == "value" and to in (21, 22) and x is not None and x.dtype.kind not in "iub"


def _holds_nan(call, status, detail):
    x = call.operand(0)
    return status == "value" and x.dtype.kind not in "iub" and bool(np.isnan(x.astype(np.float64)).any())


def _open_slices(call, status, detail):
    found = re.fullmatch(r"output \d+: shape \(0, (.*)\), expected \(0, (.*)\)", detail)
    if status != "value" or not found:
        return False
    ours, theirs = (part.split(", ") for part in found.groups())
    return len(ours) == len(theirs) and all(b in (a, "0") for a, b in zip(ours, theirs))


def _masked_rows(call, status, detail):
    return status == "accepts" and "inconsistent q_sequence_length" in detail or "inconsistent total_sequence_length" in detail


def _causal_cache(call, status, detail):
    return status == "value" and call.attributes.get("is_causal") == 1 and call.operand(4) is not None


def _two_classes(call, status, detail):
    labels = call.attributes.get("classlabels_int64s") or call.attributes.get("classlabels_strings") or []
    return status == "value" and len(labels) == 2 and (
        len(set(call.attributes["class_ids"])) == 2 or len(call.attributes.get("base_values", [])) == 2
    )


def _based(call, status, detail):
    return status == "value" and bool(call.attributes.get("base_values")) and call.attributes.get("n_targets", 1) > 1


def _text_blocks(call, status, detail):
    x = call.operand(0)
    axis = call.attributes.get("axis", 0)
    return status == "value" and x.dtype == object and int(np.prod(x.shape[axis:][1:])) > 1


def _empty_text(call, status, detail):
    return detail.startswith("output 1") and "" in call.operand(0).ravel().tolist()


def _typed(message):
    return lambda call, status, detail: status == "accepts" and message in detail


def _pruned(call, status, detail):
    return status == "value" and "shape" in detail and call.operand(0).size == 0


def _extents(call):
    """[(extent, scale)] of the axes that Resize scales; none where it is given sizes."""
    x, scales = call.operand(0), call.operand(2 if call.opset > 10 else 1)
    if scales is None or not scales.size:
        return []
    axes = call.attributes.get("axes", range(x.ndim))
    return [(x.shape[a], float(v)) for a, v in zip(axes, scales)]


def _single(call, status, detail):
    return status == "value" and call.operand(0).shape[call.attributes["axis"]] == 1


def _fractional_corners(call, status, detail):
    aligned = call.attributes.get("coordinate_transformation_mode") == b"align_corners"
    return status == "value" and aligned and any(d * v != int(d * v) for d, v in _extents(call))


def _filtered(call, status, detail):
    odd = call.attributes.get("mode") == b"cubic" or call.operand(0).dtype == np.int8
    return status == "value" and call.attributes.get("antialias") == 1 and odd


def _same_extents(call, status, detail):
    pairs = _extents(call)
    return status == "value" and any(v != 1 for _, v in pairs) and all(int(np.float32(d) * np.float32(v)) == d for d, v in pairs)


DEPARTURES = [
    Departure("MatMul", _empty_sum, "refuses some operands without elements, and leaves sums of no terms uninitialised",
              "Matrix product that behaves like numpy.matmul"),
    Departure("Gemm", _empty_sum, "leaves beta out where the products have no terms",
              "Compute Y = alpha * A' * B' + beta * C"),
    Departure("Cast", _narrow_integers, "rounds floats to int4 and uint4, where it truncates to every other integer; the standard's evaluator truncates to these too",
              "Casting from floating point to: fixed point: undefined if OOR.", evaluated=True),
    Departure("Loop", _open_slices, "gives scan outputs without iterations an extent of 0 where its inference leaves it open; ours is that of a first iteration",
              "Scan_output variables are used to implicitly concatenate values computed across all the iterations."),
    Departure("Attention", _typed("of Optype (Add) bound to different types"), "expands some calls in bfloat16 to sums with float", "T1: Constrain Q and K inputs types to float tensors."),
    Departure("Attention", _masked_rows, "refuses masks whose rows or heads broadcast",
              "Attention mask. Shape must be broadcastable to (batch_size, q_num_heads, q_sequence_length, total_sequence_length)"),
    Departure("Attention", _causal_cache, "aligns the causal mask with the first key, not behind the past",
              "If set to `1`, causal masking is applied. [...] query in-block index `i` attends key `j` iff `j <= i + offset`, where `offset` is the count of valid keys preceding the query block", evaluated=True),
    Departure("TreeEnsembleClassifier", _two_classes, "decides between two classes with scores of their own by the sign of one",
              "Returns the top class for each of N inputs."),
    Departure("TreeEnsembleRegressor", _based, "leaves base values out for targets that no leaf of a row votes for",
              "Base values for regression, added to final prediction after applying aggregate function"),
    Departure("Gather", _text_blocks, "copies only the first string of each gathered block",
              "Given `data` tensor of rank r >= 1, and `indices` tensor of rank q, gather entries of the axis dimension of `data`", evaluated=True),
    Departure("StringSplit", _empty_text, "counts no substring of an empty string with a delimiter; the standard's evaluator counts one",
              "The second output tensor represents the number of substrings generated.", evaluated=True),
    Departure("QLinearSoftmax", _single, "gives 0 where a sum has one term (an operator of onnxruntime's own; the sentence is from its description)",
              "Softmax(input, axis) = Exp(input) / ReduceSum(Exp(input), axis=axis, keepdims=1)"),
    Departure("CenterCropPad", _typed("bound to different types"), "takes the shape as int64 alone", "Tind: Constrain indices to integer types"),
    Departure("Pad", _typed("ParseData type mismatch"), "takes axes as int64 alone", "Tind: Constrain indices to integer types"),
    Departure("Clip", _typed("tensor(bfloat16)"), "expands it to operators that lack bfloat16", "T: Constrain input and output types to all numeric tensors."),
    Departure("Erf", _typed("of operator (Erf)"), "takes floats alone", "T: Constrain input and output types to all numeric tensors."),
    Departure("ReduceLogSum", _typed("of operator (Log)"), "expands it to a logarithm that lacks integers", "T: Constrain input and output types to numeric tensors."),
    Departure("Resize", _fractional_corners, "rounds the target length down before it aligns corners; the standard's own cases do not",
              "`output_width` the target length on the axis x which can be a fractional number when it is calculated out of a scale factor", evaluated=True),
    Departure("Resize", _same_extents, "copies the input where scales other than 1 leave all extents as they are",
              "x_original = (x_resized + 0.5) / scale - 0.5", evaluated=True),
    Departure("Resize", _filtered, "stretches the cubic filter in a way of its own with antialias, and takes int8 for uint8", "Antialiasing is achieved by stretching the resampling filter by a factor max(1, 1 / scale)", evaluated=True),
    Departure("Resize", _typed("Tensor type mismatch"), "fails for integers with antialias", "T1: Constrain input 'X' and output 'Y' to all tensor types."),
] + [
    Departure(op, _pruned, "keeps the shape of an input without elements where it should be reduced",
              "If `keepdims` equals 0, then the resulting tensor has the reduced dimension pruned.")
    for op in ("ReduceSum", "ReduceProd", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean", "ReduceMax", "ReduceMin")
]  # fmt: skip
DEPARTURES += [
    Departure(op, _holds_nan, "passes over NaN, but in a vector that is reduced whole, where it is the extreme as it is everywhere for numpy",
              "Computes the indices of the m" + ("ax" if op == "ArgMax" else "in") + " elements of the input tensor's element along the provided axis.", evaluated=True)
    for op in ("ArgMax", "ArgMin")
]  # fmt: skip


def _evaluate(case):
    from onnx.reference import ReferenceEvaluator

    return [np.asarray(v) for v in ReferenceEvaluator(case.model).run(None, case.feeds)]


def reason(case, status, detail, ours):
    """Why a difference is onnxruntime's own, as the standard's sentence; None where it is not known to be."""
    if len(case.ops) != 1:
        return None
    for d in DEPARTURES:
        if d.op == case.ops[0] and d.when(Call(case, d.op), status, detail):
            if d.evaluated and status == "value" and verdict.difference(_evaluate(case), ours, case, 20):
                continue
            return f"{d.op}: onnxruntime {d.does}. The standard: {d.sentence}"
    return None
