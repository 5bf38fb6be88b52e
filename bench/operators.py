"""The rows of bench/ops.py: models of one node at sizes as they occur in vision, language and tabular models.

A row is an operator, its operands in order, and its attributes. Operands are made from a seed when a row is used; those wrapped
in `fixed` are part of the model. The operator table of the documentation tries the same rows with other element types.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

ML = "ai.onnx.ml"
MS = "com.microsoft"
OPSETS = {"": 21, ML: 4, MS: 1}


@dataclass
class Operand:
    """An operand: how to make it from a random generator, and whether it is part of the model."""

    make: object
    constant: bool = False


def normal(*shape, scale=1.0, dtype="float32"):
    """Normally distributed numbers."""
    return Operand(lambda rng: (rng.standard_normal(shape) * scale).astype(dtype))


def uniform(low, high, *shape, dtype="float32"):
    """Real numbers of [low, high), evenly distributed."""
    return Operand(lambda rng: rng.uniform(low, high, shape).astype(dtype))


def whole(low, high, *shape, dtype="int64"):
    """Whole numbers of [low, high), evenly distributed."""
    return Operand(lambda rng: rng.integers(low, high, shape).astype(dtype))


def bits(*shape):
    """Booleans."""
    return Operand(lambda rng: rng.random(shape) < 0.5)


def values(*numbers, dtype="int64"):
    """A vector of the given numbers."""
    return Operand(lambda rng: np.array(numbers, dtype))


def scalar(number, dtype="float32"):
    """A tensor without axes."""
    return Operand(lambda rng: np.array(number, dtype))


def fixed(operand):
    """The same operand as part of the model."""
    return Operand(operand.make, True)


@dataclass
class Row:
    """One model: `name` is the operator, and what distinguishes the row from others of the operator."""

    op: str
    operands: list
    domain: str = ""
    note: str = ""
    outputs: int = 1
    opset: int = 0
    attributes: dict = field(default_factory=dict)

    @property
    def full_name(self):
        """The operator with its domain, as Oriel writes it."""
        return f"{self.domain}.{self.op}" if self.domain else self.op

    @property
    def name(self):
        """What identifies the row."""
        return f"{self.full_name} ({self.note})" if self.note else self.full_name

    def arrays(self, seed=0):
        """The operands, None where one is omitted."""
        rng = np.random.default_rng(seed)
        return [None if o is None else o.make(rng) for o in self.operands]

    def opsets(self):
        """Versions by domain."""
        return {**OPSETS, **({self.domain: self.opset} if self.opset else {})}

    def model(self, arrays=None, opsets=None):
        """(bytes of the model, its inputs by name)."""
        arrays = self.arrays() if arrays is None else arrays
        names = ["" if a is None else f"in{i}" for i, a in enumerate(arrays)]
        results = [f"out{i}" for i in range(self.outputs)]
        given = [(n, a, o.constant) for n, a, o in zip(names, arrays, self.operands) if a is not None]
        graph = helper.make_graph(
            [helper.make_node(self.op, names, results, name="node", domain=self.domain, **self.attributes)],
            "row",
            [helper.make_tensor_value_info(n, element_type(a), a.shape) for n, a, constant in given if not constant],
            [onnx.ValueInfoProto(name=r) for r in results],
            [numpy_helper.from_array(a, n) for n, a, constant in given if constant],
        )
        imports = [helper.make_opsetid(d, v) for d, v in (opsets or self.opsets()).items()]
        model = helper.make_model(graph, opset_imports=imports, ir_version=10)
        return model.SerializeToString(), {n: a for n, a, constant in given if not constant}


def element_type(array):
    """ONNX's number for an array's element type."""
    if array.dtype.kind in "OU":
        return onnx.TensorProto.STRING
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def row(op, *operands, note="", domain="", outputs=1, opset=0, **attributes):
    """A row; attributes by their ONNX names."""
    return Row(op, list(operands), domain, note, outputs, opset, attributes)


def ml(op, *operands, **rest):
    """A row of ai.onnx.ml."""
    return row(op, *operands, domain=ML, **rest)


def forest(prefix, features, targets, trees, depth, seed=3):
    """Attributes of complete random trees whose leaves vote for one target each."""
    rng = np.random.default_rng(seed)
    per_tree = 2 ** (depth + 1) - 1
    inner = 2**depth - 1
    number = np.tile(np.arange(per_tree), trees)
    leaf = number >= inner
    tree = np.repeat(np.arange(trees), per_tree)
    count = trees * per_tree
    leaves = int(leaf.sum())
    return {
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": number.tolist(),
        "nodes_featureids": rng.integers(0, features, count).tolist(),
        "nodes_modes": ["LEAF" if end else "BRANCH_LEQ" for end in leaf],
        "nodes_values": rng.standard_normal(count).astype(np.float32).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, 2 * number + 1).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, 2 * number + 2).tolist(),
        f"{prefix}_treeids": tree[leaf].tolist(),
        f"{prefix}_nodeids": number[leaf].tolist(),
        f"{prefix}_ids": rng.integers(0, targets, leaves).tolist(),
        f"{prefix}_weights": rng.standard_normal(leaves).astype(np.float32).tolist(),
    }


def joint_forest(features, trees, depth, seed=3):
    """The same kind of trees as attributes of TreeEnsemble, one target."""
    rng = np.random.default_rng(seed)
    inner = 2**depth - 1
    node = np.tile(np.arange(inner), trees)
    tree = np.repeat(np.arange(trees), inner)
    attributes = {"n_targets": 1, "aggregate_function": 1, "post_transform": 0, "tree_roots": (np.arange(trees) * inner).tolist()}
    for side, branch in (("true", 1), ("false", 2)):
        child = 2 * node + branch
        leaf = child >= inner
        attributes[f"nodes_{side}nodeids"] = np.where(leaf, tree * 2**depth + child - inner, tree * inner + child).tolist()
        attributes[f"nodes_{side}leafs"] = leaf.astype(int).tolist()
    count = trees * inner
    leaves = trees * 2**depth
    attributes["nodes_featureids"] = rng.integers(0, features, count).tolist()
    attributes["nodes_splits"] = numpy_helper.from_array(rng.standard_normal(count).astype(np.float32), "splits")
    attributes["nodes_modes"] = numpy_helper.from_array(np.zeros(count, np.uint8), "modes")
    attributes["leaf_targetids"] = [0] * leaves
    attributes["leaf_weights"] = numpy_helper.from_array(rng.standard_normal(leaves).astype(np.float32), "weights")
    return attributes


IMAGE = (1, 64, 56, 56)
TOKENS = (1, 128, 768)


def elementwise_rows():
    """Functions of one element, pairs, comparisons, casts."""
    rows = []
    for op in ("Relu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Softplus", "Softsign", "Elu", "Selu", "Celu", "LeakyRelu", "ThresholdedRelu", "Abs", "Neg",
               "Sign", "Floor", "Ceil", "Round", "Exp", "Erf", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Shrink", "Mish", "Gelu", "Identity"):  # fmt: skip
        rows.append(row(op, normal(*IMAGE)))
    rows += [row("Gelu", normal(*TOKENS), note="tanh", approximate="tanh"), row("Swish", normal(*IMAGE), opset=24)]
    for op in ("Sqrt", "Log", "Reciprocal"):
        rows.append(row(op, uniform(0.1, 4, *IMAGE)))
    for op in ("Asin", "Acos", "Atanh"):
        rows.append(row(op, uniform(-0.99, 0.99, *IMAGE)))
    rows.append(row("Acosh", uniform(1, 9, *IMAGE)))
    rows.append(row("Clip", normal(*IMAGE), fixed(scalar(-1)), fixed(scalar(1))))
    rows.append(row("Clip", whole(-99, 99, 1, 64, 56, 56), fixed(scalar(-9, "int64")), fixed(scalar(9, "int64")), note="i64"))
    rows += [row("IsNaN", normal(*IMAGE)), row("IsInf", normal(*IMAGE)), row("Not", bits(*IMAGE))]
    for op in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
        rows.append(row(op, normal(*IMAGE), uniform(0.5, 2, *IMAGE)))
    rows += [
        row("Add", normal(*TOKENS), fixed(normal(768)), note="row"),
        row("Mul", normal(*IMAGE), uniform(0, 1, 1, 64, 1, 1), note="channel"),
        row("Sub", normal(1, 128, 768), normal(1, 128, 1), note="column"),
        row("Add", normal(128, 1, 64), normal(1, 96, 64), note="outer"),
        row("Add", whole(0, 99, 1, 128, 768), whole(0, 99, 1, 128, 768), note="i64"),
        row("Mul", whole(0, 99, 1, 128, 768, dtype="int32"), whole(0, 99, 1, 128, 1, dtype="int32"), note="i32"),
        row("Div", whole(0, 999, 1, 128, 768), fixed(scalar(7, "int64")), note="i64"),
        row("Pow", uniform(0, 2, *TOKENS), fixed(scalar(2.0))),
        row("Pow", uniform(0.1, 2, *TOKENS), fixed(scalar(2.4)), note="real"),
        row("Pow", uniform(0.1, 2, *TOKENS), uniform(-1, 1, *TOKENS), note="tensors"),
        row("Mod", whole(0, 999, *TOKENS), fixed(scalar(7, "int64"))),
        row("Mod", normal(*TOKENS), uniform(0.5, 2, *TOKENS), note="fmod", fmod=1),
        row("PRelu", normal(*IMAGE), fixed(uniform(0, 0.3, 64, 1, 1))),
        row("Sum", normal(*IMAGE), normal(*IMAGE), normal(*IMAGE)),
        row("Mean", normal(*IMAGE), normal(*IMAGE), normal(*IMAGE)),
        row("And", bits(*IMAGE), bits(*IMAGE)),
        row("Or", bits(*IMAGE), bits(*IMAGE)),
        row("Xor", bits(*IMAGE), bits(*IMAGE)),
        row("BitShift", whole(0, 99, *TOKENS, dtype="uint32"), whole(0, 5, *TOKENS, dtype="uint32"), direction="LEFT"),
        row("BitwiseNot", whole(0, 99, *TOKENS, dtype="int32")),
        row("Where", bits(1, 12, 128, 128), normal(1, 12, 128, 128), fixed(scalar(-1e4))),
        row("Where", bits(1, 1, 128, 128), normal(1, 12, 128, 128), normal(1, 12, 128, 128), note="mask"),
    ]
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        rows.append(row(op, whole(0, 99, *TOKENS, dtype="int32"), whole(0, 99, *TOKENS, dtype="int32")))
    for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
        rows.append(row(op, normal(*TOKENS), normal(*TOKENS)))
    rows.append(row("Equal", whole(0, 9, *TOKENS), fixed(scalar(3, "int64")), note="i64"))
    f32, f16, i64, i32, u8, boolean = (onnx.TensorProto.DataType.Value(t) for t in ("FLOAT", "FLOAT16", "INT64", "INT32", "UINT8", "BOOL"))
    rows += [
        row("Cast", whole(0, 255, *IMAGE, dtype="uint8"), note="u8 to f32", to=f32),
        row("Cast", uniform(0, 255, *IMAGE), note="f32 to u8", to=u8),
        row("Cast", whole(0, 99, *TOKENS), note="i64 to f32", to=f32),
        row("Cast", normal(*TOKENS), note="f32 to i64", to=i64),
        row("Cast", whole(0, 99, *TOKENS), note="i64 to i32", to=i32),
        row("Cast", bits(*TOKENS), note="bool to f32", to=f32),
        row("Cast", normal(*TOKENS), note="f32 to f16", to=f16),
        row("Cast", normal(*TOKENS, dtype="float16"), note="f16 to f32", to=f32),
        row("Cast", normal(*TOKENS), note="f32 to bool", to=boolean),
        row("CastLike", whole(0, 99, *TOKENS), fixed(scalar(0.0))),
        row("Dropout", normal(*TOKENS)),
    ]
    return rows


def movement_rows():
    """What moves, selects, repeats and creates elements."""
    image = normal(*IMAGE)
    rows = [
        row("Transpose", normal(1, 3, 224, 224), note="NCHW to NHWC", perm=[0, 2, 3, 1]),
        row("Transpose", normal(1, 224, 224, 3), note="NHWC to NCHW", perm=[0, 3, 1, 2]),
        row("Transpose", image, note="64 channels last", perm=[0, 2, 3, 1]),
        row("Transpose", normal(1, 56, 56, 64), note="64 channels first", perm=[0, 3, 1, 2]),
        row("Transpose", normal(1, 128, 12, 64), note="heads", perm=[0, 2, 1, 3]),
        row("Transpose", normal(1, 12, 128, 64), note="keys", perm=[0, 1, 3, 2]),
        row("Transpose", normal(768, 768), note="matrix", perm=[1, 0]),
        row("Transpose", normal(511, 513), note="odd matrix", perm=[1, 0]),
        row("Transpose", normal(8, 16, 7, 9, 11), note="reverse 5-D", perm=[4, 3, 2, 1, 0]),
        row("Transpose", normal(2, 3, 4, 8, 16, 32), note="6-D", perm=[0, 4, 2, 1, 5, 3]),
        row("Transpose", whole(0, 255, 1, 224, 224, 3, dtype="uint8"), note="u8", perm=[0, 3, 1, 2]),
        row("Transpose", whole(0, 255, 1, 128, 768), note="i64", perm=[2, 1, 0]),
        row("Transpose", normal(1, 128, 12, 64, dtype="float16"), note="f16", perm=[0, 2, 3, 1]),
        row("Reshape", normal(*TOKENS), fixed(values(1, 128, 12, 64))),
        row("Squeeze", normal(1, 128, 768), fixed(values(0))),
        row("Unsqueeze", normal(128, 768), fixed(values(0))),
        row("Flatten", normal(*IMAGE)),
        row("Concat", image, image, axis=1),
        row("Concat", normal(1, 128, 64), normal(1, 128, 64), note="last axis", axis=-1),
        row("Concat", normal(1, 3, 64, 255), normal(1, 3, 32, 255), normal(1, 3, 16, 255), note="boxes", axis=2),
        row("Split", normal(1, 128, 2304), outputs=3, axis=-1, num_outputs=3),
        row("Split", normal(1, 116, 28, 28), outputs=2, note="channels", axis=1, num_outputs=2),
        row("Slice", image, fixed(values(0, 0)), fixed(values(56, 56)), fixed(values(2, 3)), fixed(values(2, 2))),
        row("Slice", normal(1, 128, 768), fixed(values(0)), fixed(values(64)), fixed(values(1)), note="rows"),
        row("Slice", normal(1, 128, 768), fixed(values(-1)), fixed(values(-(2**40))), fixed(values(2)), fixed(values(-1)), note="reverse"),
        row("Pad", image, fixed(values(0, 0, 1, 1, 0, 0, 1, 1))),
        row("Pad", image, fixed(values(0, 0, 3, 3, 0, 0, 3, 3)), note="reflect", mode="reflect"),
        row("Pad", image, fixed(values(0, 0, 2, 2, 0, 0, 2, 2)), note="edge", mode="edge"),
        row("Pad", image, fixed(values(0, 0, 2, 2, 0, 0, 2, 2)), note="wrap", mode="wrap"),
        row("Expand", normal(1, 1, 128, 64), fixed(values(1, 12, 128, 64))),
        row("Expand", normal(1, 12, 128, 1), fixed(values(1, 12, 128, 64)), note="last axis"),
        row("Tile", normal(1, 64, 28, 28), fixed(values(1, 2, 2, 2))),
        row("Tile", normal(1, 128, 64), fixed(values(1, 1, 12)), note="last axis"),
        row("Gather", normal(1, 128, 768), whole(0, 128, 64), note="axis 1", axis=1),
        row("Gather", fixed(normal(30522, 768)), whole(0, 30522, 1, 128), note="embedding"),
        row("Gather", normal(64, 512), whole(0, 512, 128), note="last axis", axis=-1),
        row("GatherElements", normal(1, 1000, 64), whole(0, 1000, 1, 300, 64), axis=1),
        row("GatherElements", normal(64, 1000), whole(0, 1000, 64, 100), note="last axis", axis=1),
        row("GatherND", normal(64, 128, 64), whole(0, 64, 1000, 2)),
        row("GatherND", normal(1, 8400, 85), whole(0, 1000, 1, 300, 1), note="batched", batch_dims=1),
        row("ScatterElements", normal(256, 256), whole(0, 256, 128, 256), normal(128, 256)),
        row("ScatterElements", normal(256, 256), whole(0, 256, 256, 100), normal(256, 100), note="add", axis=1, reduction="add"),
        row("ScatterND", normal(64, 128, 64), whole(0, 64, 500, 2), normal(500, 64)),
        row("ScatterND", normal(128, 128), whole(0, 128, 4000, 2), normal(4000), note="add", reduction="add"),
        row("NonZero", bits(100, 1000)),
        row("Compress", normal(1000, 85), bits(1000), axis=0),
        row("OneHot", whole(0, 1000, 128), fixed(scalar(1000, "int64")), fixed(values(0, 1, dtype="float32"))),
        row("ReverseSequence", normal(128, 8, 256), values(*range(121, 129))),
        row("TopK", normal(1, 8400), fixed(values(300)), outputs=2),
        row("TopK", normal(128, 1000), fixed(values(5)), outputs=2, note="5 of 1000"),
        row("TopK", normal(1, 1000, 64), fixed(values(10)), outputs=2, note="axis 1", axis=1),
        row("TopK", normal(16, 2000), fixed(values(2000)), outputs=2, note="sort", largest=0),
        row("Range", fixed(scalar(0, "int64")), scalar(100000, "int64"), fixed(scalar(1, "int64"))),
        row("ConstantOfShape", values(1, 128, 768)),
        row("EyeLike", normal(512, 512)),
        row("Shape", normal(*IMAGE)),
        row("Size", normal(*IMAGE)),
        row("DepthToSpace", normal(1, 64, 56, 56), blocksize=2),
        row("DepthToSpace", normal(1, 64, 56, 56), note="CRD", blocksize=2, mode="CRD"),
        row("SpaceToDepth", normal(1, 64, 56, 56), blocksize=2),
        row("Trilu", normal(12, 128, 128), upper=0),
        row("CumSum", normal(1, 128, 768), fixed(scalar(1, "int64"))),
        row("CumSum", normal(64, 4096), fixed(scalar(1, "int64")), note="last axis"),
        row("CumSum", whole(0, 2, 1, 512), fixed(scalar(1, "int64")), note="i64 mask"),
        row("CumProd", normal(64, 4096), fixed(scalar(1, "int64")), opset=26),
        row("CenterCropPad", normal(3, 256, 256), fixed(values(224, 224)), axes=[1, 2]),
        row("Unique", whole(0, 500, 20000), outputs=4),
        row("TensorScatter", normal(2, 8, 256, 64), normal(2, 8, 4, 64), values(3, 100), opset=24),
        row("RandomNormal", shape=[128, 768], seed=1.0),
        row("RandomUniform", shape=[128, 768], seed=1.0),
        row("RandomNormalLike", normal(128, 768), seed=1.0),
        row("RandomUniformLike", normal(128, 768), seed=1.0),
        row("Bernoulli", uniform(0, 1, 128, 768), seed=1.0),
        row("Multinomial", normal(8, 1000), sample_size=16, seed=1.0),
        row("BitCast", normal(128, 768), to=onnx.TensorProto.INT32, opset=26),
    ]
    return rows


def reduce_rows():
    """Reductions over the last, the first and middle axes."""
    rows = []
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"):
        rows.append(row(op, uniform(0.5, 1.5, *TOKENS), fixed(values(-1))))
    for op in ("ReduceSum", "ReduceMean", "ReduceMax"):
        rows += [
            row(op, normal(*IMAGE), fixed(values(2, 3)), note="image"),
            row(op, normal(*IMAGE), fixed(values(1)), note="channels"),
            row(op, normal(*TOKENS), fixed(values(1)), note="tokens"),
            row(op, normal(128, 768), fixed(values(0)), note="first axis"),
            row(op, normal(16, 24, 32, 40), fixed(values(0, 2)), note="axes 0 and 2"),
            row(op, normal(16, 24, 32, 40), fixed(values(1, 3)), note="axes 1 and 3"),
        ]
    rows += [
        row("ReduceMean", normal(*IMAGE), note="all"),
        row("ReduceSum", whole(0, 9, 128, 768), fixed(values(-1)), note="i64"),
        row("ReduceMax", whole(0, 99, 128, 768), fixed(values(-1)), note="i64"),
        row("ArgMax", normal(128, 1000), axis=-1),
        row("ArgMax", normal(1, 21, 128, 128), note="channels", axis=1),
        row("ArgMin", normal(128, 1000), axis=-1),
    ]
    return rows


def product_rows():
    """Products, convolutions, recurrences."""
    rows = [
        row("MatMul", normal(128, 768), fixed(normal(768, 768)), note="128x768 768x768"),
        row("MatMul", normal(12, 128, 64), normal(12, 64, 128), note="batch"),
        row("MatMul", normal(1, 1000), fixed(normal(1000, 1000)), note="one row"),
        row("MatMul", normal(64, 64, 64, dtype="float64"), normal(64, 64, 64, dtype="float64"), note="f64"),
        row("MatMul", whole(0, 9, 128, 256, dtype="int32"), whole(0, 9, 256, 128, dtype="int32"), note="i32"),
        row("MatMul", normal(12, 128, 64, dtype="float16"), normal(12, 64, 128, dtype="float16"), note="f16"),
        row("Gemm", normal(8, 2048), fixed(normal(1000, 2048)), fixed(normal(1000)), transB=1),
        row("Gemm", normal(256, 200), normal(256, 300), normal(300), note="at run time", transA=1, alpha=0.5),
        row("Einsum", normal(1, 128, 12, 64), normal(1, 128, 12, 64), note="bqhd,bkhd->bhqk", equation="bqhd,bkhd->bhqk"),
        row("Einsum", normal(8, 64, 64), normal(8, 64, 64), note="bij,bjk->bik", equation="bij,bjk->bik"),
        row("Einsum", normal(256, 256), note="ii->i", equation="ii->i"),
        row("Einsum", normal(64, 32, 32), normal(64, 32, 32), note="bij,bij->b", equation="bij,bij->b"),
        row("Einsum", normal(1, 14, 14, 64), fixed(normal(14, 14, 64)), note="bhwc,hkc->bhwk", equation="bhwc,hkc->bhwk"),
        row("Det", normal(64, 8, 8)),
        row("Inverse", normal(64, 16, 16), domain=MS),
        row("Conv", normal(1, 3, 224, 224), fixed(normal(64, 3, 7, 7)), fixed(normal(64)), note="7x7 stem", strides=[2, 2], pads=[3, 3, 3, 3]),
        row("Conv", normal(*IMAGE), fixed(normal(64, 64, 3, 3)), note="3x3", pads=[1, 1, 1, 1]),
        row("Conv", normal(1, 256, 28, 28), fixed(normal(128, 256, 1, 1)), note="1x1"),
        row("Conv", normal(1, 96, 56, 56), fixed(normal(96, 1, 3, 3)), note="depthwise 3x3", group=96, pads=[1, 1, 1, 1]),
        row("Conv", normal(1, 96, 56, 56), fixed(normal(96, 1, 7, 7)), note="depthwise 7x7", group=96, pads=[3, 3, 3, 3]),
        row("Conv", normal(1, 144, 56, 56), fixed(normal(144, 1, 5, 5)), note="depthwise 5x5 stride 2", group=144, pads=[2, 2, 2, 2], strides=[2, 2]),
        row("Conv", normal(1, 128, 28, 28), fixed(normal(128, 4, 3, 3)), note="32 groups", group=32, pads=[1, 1, 1, 1]),
        row("Conv", normal(1, 64, 28, 28), fixed(normal(64, 64, 3, 3)), note="dilated", dilations=[2, 2], pads=[2, 2, 2, 2]),
        row("Conv", normal(1, 80, 3000), fixed(normal(384, 80, 3)), note="1-D", pads=[1, 1]),
        row("Conv", normal(1, 16, 8, 28, 28), fixed(normal(32, 16, 3, 3, 3)), note="3-D", pads=[1] * 6),
        row("Conv", normal(1, 16, 28, 28), normal(32, 16, 3, 3), note="weights at run time", pads=[1, 1, 1, 1]),
        row("ConvTranspose", normal(1, 64, 28, 28), fixed(normal(64, 32, 2, 2)), note="2x2 stride 2", strides=[2, 2]),
        row("ConvTranspose", normal(1, 64, 28, 28), fixed(normal(64, 32, 4, 4)), note="4x4 stride 2", strides=[2, 2], pads=[1, 1, 1, 1]),
        row("ConvTranspose", normal(1, 32, 28, 28), fixed(normal(32, 1, 4, 4)), note="depthwise", group=32, strides=[2, 2], pads=[1, 1, 1, 1]),
        row("ConvTranspose", normal(1, 32, 500), fixed(normal(32, 16, 8)), note="1-D", strides=[4], pads=[2, 2]),
        row("DeformConv", normal(1, 32, 28, 28), fixed(normal(32, 32, 3, 3)), normal(1, 18, 28, 28, scale=0.5), pads=[1, 1, 1, 1], opset=19),
        row("LSTM", normal(50, 1, 128), fixed(normal(1, 512, 128, scale=0.1)), fixed(normal(1, 512, 128, scale=0.1)), fixed(normal(1, 1024, scale=0.1)), outputs=3, hidden_size=128),
        row("LSTM", normal(50, 4, 64), fixed(normal(2, 256, 64, scale=0.1)), fixed(normal(2, 256, 64, scale=0.1)), outputs=3, note="bidirectional", hidden_size=64,
            direction="bidirectional"),
        row("GRU", normal(50, 1, 128), fixed(normal(1, 384, 128, scale=0.1)), fixed(normal(1, 384, 128, scale=0.1)), fixed(normal(1, 768, scale=0.1)), outputs=2, hidden_size=128),
        row("GRU", normal(50, 1, 128), fixed(normal(1, 384, 128, scale=0.1)), fixed(normal(1, 384, 128, scale=0.1)), fixed(normal(1, 768, scale=0.1)), outputs=2,
            note="linear before reset", hidden_size=128, linear_before_reset=1),
        row("RNN", normal(50, 1, 128), fixed(normal(1, 128, 128, scale=0.1)), fixed(normal(1, 128, 128, scale=0.1)), outputs=2, hidden_size=128),
        row("Attention", normal(1, 12, 128, 64), normal(1, 12, 128, 64), normal(1, 12, 128, 64), opset=23),
        row("RotaryEmbedding", normal(1, 12, 128, 64), normal(1024, 32), normal(1024, 32), whole(0, 1024, 1, 128), opset=23),
    ]
    return rows


def normalisation_rows():
    """Softmax and its like, normalisations, pools, resizing, detection."""
    scale = fixed(uniform(0.5, 1.5, 64))
    shift = fixed(normal(64))
    rows = [
        row("Softmax", normal(1, 12, 128, 128)),
        row("Softmax", normal(1, 21, 64, 64), note="channels", axis=1),
        row("Softmax", normal(1, 32000), note="one line"),
        row("LogSoftmax", normal(128, 1000)),
        row("Hardmax", normal(128, 1000)),
        row("LayerNormalization", normal(*TOKENS), fixed(normal(768)), fixed(normal(768))),
        row("RMSNormalization", normal(*TOKENS), fixed(normal(768)), opset=23),
        row("InstanceNormalization", normal(*IMAGE), scale, shift),
        row("GroupNormalization", normal(*IMAGE), scale, shift, num_groups=8, epsilon=1e-5),
        row("BatchNormalization", normal(*IMAGE), scale, shift, fixed(normal(64)), fixed(uniform(0.5, 1.5, 64))),
        row("LRN", normal(1, 96, 27, 27), size=5),
        row("LpNormalization", normal(128, 256), axis=1),
        row("MeanVarianceNormalization", normal(*IMAGE)),
        row("MaxPool", normal(1, 64, 112, 112), note="3x3 stride 2", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        row("MaxPool", normal(*IMAGE), note="2x2", kernel_shape=[2, 2], strides=[2, 2]),
        row("MaxPool", normal(1, 256, 20, 20), note="5x5", kernel_shape=[5, 5], pads=[2, 2, 2, 2]),
        row("MaxPool", normal(*IMAGE), note="indices", outputs=2, kernel_shape=[2, 2], strides=[2, 2]),
        row("MaxPool", normal(1, 32, 3000), note="1-D", kernel_shape=[3], strides=[2]),
        row("MaxPool", normal(1, 16, 8, 28, 28), note="3-D", kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        row("MaxPool", whole(0, 255, *IMAGE, dtype="uint8"), note="u8", kernel_shape=[2, 2], strides=[2, 2]),
        row("AveragePool", normal(*IMAGE), kernel_shape=[2, 2], strides=[2, 2]),
        row("AveragePool", normal(1, 192, 28, 28), note="3x3 padded", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        row("AveragePool", normal(1, 16, 8, 28, 28), note="3-D", kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        row("GlobalAveragePool", normal(1, 512, 7, 7)),
        row("GlobalMaxPool", normal(1, 512, 7, 7)),
        row("LpPool", normal(*IMAGE), kernel_shape=[2, 2], strides=[2, 2]),
        row("GlobalLpPool", normal(1, 512, 7, 7)),
        row("MaxUnpool", normal(1, 16, 28, 28), Operand(lambda rng: np.arange(16 * 784).reshape(1, 16, 28, 28) * 4), kernel_shape=[2, 2], strides=[2, 2]),
        row("Resize", normal(1, 64, 28, 28), None, fixed(values(1, 1, 2, 2, dtype="float32")), note="nearest x2", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        row("Resize", normal(1, 64, 28, 28), None, fixed(values(1, 1, 2, 2, dtype="float32")), note="linear x2", mode="linear"),
        row("Resize", normal(1, 21, 33, 33), None, None, fixed(values(1, 21, 224, 224)), note="linear to size", mode="linear", coordinate_transformation_mode="align_corners"),
        row("Resize", normal(1, 3, 480, 640), None, None, fixed(values(1, 3, 224, 224)), note="linear down", mode="linear"),
        row("Resize", normal(1, 480, 640, 3), None, None, fixed(values(1, 224, 224, 3)), note="linear NHWC", mode="linear"),
        row("Resize", normal(1, 3, 224, 224), None, None, fixed(values(1, 3, 384, 384)), note="cubic", mode="cubic"),
        row("Resize", normal(1, 3, 480, 640), None, None, fixed(values(1, 3, 224, 224)), note="antialias", mode="linear", antialias=1),
        row("Resize", normal(1, 8, 8, 16, 16), None, fixed(values(1, 1, 2, 2, 2, dtype="float32")), note="linear 3-D", mode="linear"),
        row("GridSample", normal(1, 32, 56, 56), uniform(-1, 1, 1, 56, 56, 2), opset=20),
        row("GridSample", normal(1, 32, 56, 56), uniform(-1, 1, 1, 56, 56, 2), note="cubic", mode="cubic", opset=20),
        row("GridSample", normal(1, 32, 56, 56), uniform(-1.2, 1.2, 1, 56, 56, 2), note="nearest, border", mode="nearest", padding_mode="border", opset=20),
        row("AffineGrid", normal(1, 2, 3), fixed(values(1, 3, 224, 224))),
        row("RoiAlign", normal(1, 64, 50, 50), Operand(lambda rng: boxes(rng, 100, 400)[0]), Operand(lambda rng: np.zeros(100, np.int64)), output_height=7, output_width=7,
            sampling_ratio=2, spatial_scale=0.125),
        row("MaxRoiPool", normal(1, 64, 50, 50), Operand(lambda rng: np.hstack([np.zeros((100, 1), np.float32), boxes(rng, 100, 400)[0]])), pooled_shape=[7, 7], spatial_scale=0.125),
        row("CropAndResize", normal(1, 16, 50, 50), uniform(0, 1, 50, 4), whole(0, 1, 50, dtype="int32"), fixed(values(7, 7, dtype="int32")), domain=MS),
        row("NonMaxSuppression", Operand(lambda rng: boxes(rng, 2000, 600)), uniform(0, 1, 1, 1, 2000), fixed(scalar(100, "int64")), fixed(scalar(0.5)), fixed(scalar(0.3))),
        row("NonMaxSuppression", Operand(lambda rng: boxes(rng, 1000, 600)), uniform(0, 1, 1, 20, 1000), fixed(scalar(100, "int64")), fixed(scalar(0.5)), fixed(scalar(0.5)), note="20 classes"),
        row("Col2Im", normal(1, 64 * 9, 784), fixed(values(28, 28)), fixed(values(3, 3)), pads=[1, 1, 1, 1]),
        row("DFT", normal(16, 256, 1), None, fixed(scalar(1, "int64")), opset=20, onesided=1),
        row("STFT", normal(1, 16000, 1), fixed(scalar(160, "int64")), fixed(uniform(0, 1, 400)), onesided=1),
        row("MelWeightMatrix", fixed(scalar(80, "int64")), scalar(400, "int64"), fixed(scalar(16000, "int64")), fixed(scalar(0.0)), fixed(scalar(8000.0))),
        row("HannWindow", scalar(400, "int64")),
        row("HammingWindow", scalar(400, "int64")),
        row("BlackmanWindow", scalar(400, "int64")),
        row("NegativeLogLikelihoodLoss", normal(128, 1000), whole(0, 1000, 128)),
        row("SoftmaxCrossEntropyLoss", normal(128, 1000), whole(0, 1000, 128)),
    ]
    return rows


def boxes(rng, count, size):
    """[1, count, 4] corners of boxes inside a square of that size."""
    corner = rng.uniform(0, size * 0.8, (1, count, 2))
    return np.concatenate([corner, corner + rng.uniform(4, size * 0.2, (1, count, 2))], 2).astype(np.float32)


def byte(*shape):
    """u8 over its range."""
    return whole(0, 256, *shape, dtype="uint8")


def steps(count, dtype="float32"):
    """Positive scales."""
    return uniform(0.01, 0.05, count, dtype=dtype)


def quantised_rows():
    """Quantisation and operators on bytes."""
    step, other, zero = fixed(scalar(0.02)), fixed(scalar(0.05)), fixed(scalar(128, "uint8"))
    signed_zero = fixed(scalar(0, "int8"))
    weights = fixed(whole(-127, 128, 64, 64, 3, 3, dtype="int8"))
    rows = [
        row("QuantizeLinear", normal(*IMAGE), step, zero),
        row("QuantizeLinear", normal(64, 64, 56), fixed(steps(64)), fixed(whole(0, 1, 64, dtype="int8")), note="by channel", axis=0),
        row("DequantizeLinear", byte(*IMAGE), step, zero),
        row("DequantizeLinear", byte(64, 64, 56), fixed(steps(64)), fixed(whole(100, 140, 64, dtype="uint8")), note="by channel", axis=0),
        row("DynamicQuantizeLinear", normal(*TOKENS), outputs=3),
        row("QLinearConv", byte(*IMAGE), step, zero, weights, step, signed_zero, fixed(scalar(1.5)), zero, pads=[1, 1, 1, 1]),
        row("QLinearConv", byte(1, 96, 56, 56), step, zero, fixed(whole(-127, 128, 96, 1, 3, 3, dtype="int8")), step, signed_zero, other, zero, note="depthwise", group=96, pads=[1, 1, 1, 1]),
        row("ConvInteger", byte(1, 32, 28, 28), fixed(whole(-127, 128, 32, 32, 3, 3, dtype="int8")), zero, pads=[1, 1, 1, 1]),
        row("MatMulInteger", byte(128, 768), fixed(whole(-127, 128, 768, 768, dtype="int8")), zero),
        row("QLinearMatMul", byte(128, 768), step, zero, fixed(whole(-127, 128, 768, 768, dtype="int8")), step, signed_zero, fixed(scalar(4.0)), zero),
    ]
    for op in ("QLinearSigmoid", "QLinearLeakyRelu"):
        rows.append(row(op, byte(*IMAGE), step, zero, other, zero, domain=MS))
    for op in ("QLinearAdd", "QLinearMul"):
        rows.append(row(op, byte(*IMAGE), step, zero, byte(*IMAGE), other, zero, other, zero, domain=MS))
    rows += [
        row("QLinearConcat", step, zero, byte(*IMAGE), step, zero, byte(*IMAGE), other, zero, domain=MS, axis=1),
        row("QLinearGlobalAveragePool", byte(1, 512, 7, 7), step, zero, other, zero, domain=MS),
        row("QLinearAveragePool", byte(*IMAGE), step, zero, other, zero, domain=MS, kernel_shape=[2, 2], strides=[2, 2]),
        Row("QLinearSoftmax", [byte(128, 1000), step, zero, fixed(scalar(1 / 256)), fixed(scalar(0, "uint8"))], MS, attributes={"axis": -1, "opset": 13}),
        row("QLinearWhere", bits(*TOKENS), byte(*TOKENS), step, zero, byte(*TOKENS), other, zero, other, zero, domain=MS),
        row("QGemm", byte(8, 512), step, zero, fixed(whole(-127, 128, 512, 256, dtype="int8")), step, signed_zero, None, other, zero, domain=MS),
        row("MatMulNBits", normal(1, 768), fixed(byte(768, 24, 16)), fixed(steps(768 * 24)), domain=MS, K=768, N=768, bits=4, block_size=32),
        row("MatMulNBits", normal(64, 768), fixed(byte(768, 24, 16)), fixed(steps(768 * 24)), note="64 rows", domain=MS, K=768, N=768, bits=4, block_size=32),
    ]
    return rows


def words(count, among):
    """Texts, drawn from that many."""
    return Operand(lambda rng: np.array([f"word{i}" for i in rng.integers(0, among, count)], dtype=object))


def tabular_rows():
    """Trees, linear models, encoders; texts."""
    table = normal(1000, 30)
    names = [f"word{i}" for i in range(100)]
    labels = {"classlabels_int64s": [0, 1, 2]}
    linear_labels = {"classlabels_ints": [0, 1, 2]}
    rows = [
        ml("TreeEnsembleRegressor", table, n_targets=1, **forest("target", 30, 1, 100, 6)),
        ml("TreeEnsembleRegressor", normal(1, 30), note="one row", n_targets=1, **forest("target", 30, 1, 100, 6)),
        ml("TreeEnsembleClassifier", table, outputs=2, **labels, **forest("class", 30, 3, 100, 6)),
        ml("TreeEnsembleClassifier", normal(1, 30), outputs=2, note="one row", **labels, **forest("class", 30, 3, 100, 6)),
        ml("TreeEnsemble", table, opset=5, **joint_forest(30, 100, 6)),
        ml("LinearRegressor", table, coefficients=np.linspace(-1, 1, 30).tolist(), intercepts=[0.5], targets=1),
        ml("LinearClassifier", table, outputs=2, coefficients=np.linspace(-1, 1, 90).tolist(), intercepts=[0.0, 0.1, 0.2], post_transform="SOFTMAX", **linear_labels),
        ml("SVMRegressor", table, kernel_type="RBF", kernel_params=[0.1, 0.0, 3.0], n_supports=50, support_vectors=np.linspace(-1, 1, 1500).tolist(),
           coefficients=np.linspace(-1, 1, 50).tolist(), rho=[0.1]),
        ml("SVMClassifier", table, outputs=2, kernel_type="RBF", kernel_params=[0.1, 0.0, 3.0], support_vectors=np.linspace(-1, 1, 1800).tolist(), vectors_per_class=[20, 20, 20],
           coefficients=np.linspace(-1, 1, 120).tolist(), rho=[0.1, 0.2, 0.3], **linear_labels),
        ml("Normalizer", table, norm="L2"),
        ml("Scaler", table, offset=[0.5] * 30, scale=[2.0] * 30),
        ml("Binarizer", table, threshold=0.1),
        ml("Imputer", table, imputed_value_floats=[0.5] * 30, replaced_value_float=float("nan")),
        ml("ArrayFeatureExtractor", table, fixed(values(1, 4, 9))),
        ml("FeatureVectorizer", normal(1000, 10), normal(1000, 20), inputdimensions=[10, 20]),
        ml("LabelEncoder", whole(0, 100, 10000), keys_int64s=list(range(100)), values_floats=[float(v) for v in range(100)]),
        ml("LabelEncoder", words(10000, 100), note="texts", keys_strings=names, values_int64s=list(range(100))),
        ml("OneHotEncoder", whole(0, 100, 1000), cats_int64s=list(range(100))),
        ml("CategoryMapper", words(10000, 100), cats_strings=names, cats_int64s=list(range(100))),
        ml("ZipMap", uniform(0, 1, 1000, 3), **labels),
        row("StringNormalizer", words(1000, 100), locale="C", case_change_action="UPPER"),
        row("StringConcat", words(10000, 100), words(10000, 100)),
        row("StringSplit", words(10000, 100), outputs=2, delimiter="o"),
        row("RegexFullMatch", words(10000, 100), pattern=r"word\d*[05]"),
        row("TfIdfVectorizer", whole(0, 200, 1000), mode="TF", min_gram_length=1, max_gram_length=2, max_skip_count=0, ngram_counts=[0, 100], ngram_indexes=list(range(150)),
            pool_int64s=list(range(200))),
    ]
    return rows


def all_rows():
    """Every row, in the order of the families above."""
    families = (elementwise_rows, movement_rows, reduce_rows, product_rows, normalisation_rows, quantised_rows, tabular_rows)
    return [row for family in families for row in family()]
