"""Operators that compute each element alone: one operand, two, many; comparison, logic, bits, casts."""

import numpy as np
from draw import FLOATS, INTEGERS, is_float

# Operator: range of its operand, ranges of its float attributes. A third item is an attribute of given choices.
UNARY = {
    "Abs": (-5, 5, {}), "Acos": (-1, 1, {}), "Acosh": (1, 6, {}), "Asin": (-1, 1, {}), "Asinh": (-5, 5, {}), "Atan": (-5, 5, {}),
    "Atanh": (-0.95, 0.95, {}), "Ceil": (-5, 5, {}), "Cos": (-8, 8, {}), "Cosh": (-5, 5, {}), "Elu": (-4, 4, {"alpha": (0.1, 2)}),
    "Celu": (-4, 4, {"alpha": (0.3, 2)}), "Erf": (-3, 3, {}), "Exp": (-6, 6, {}), "Floor": (-5, 5, {}), "Gelu": (-5, 5, {"approximate": ["none", "tanh"]}),
    "HardSigmoid": (-5, 5, {"alpha": (0.1, 0.5), "beta": (0.1, 0.8)}), "HardSwish": (-5, 5, {}), "Identity": (-5, 5, {}),
    "LeakyRelu": (-5, 5, {"alpha": (-0.5, 0.5)}), "Log": (0.01, 9, {}), "Mish": (-6, 6, {}), "Neg": (-5, 5, {}), "Reciprocal": (0.2, 5, {}),
    "Relu": (-5, 5, {}), "Round": (-5, 5, {}), "Selu": (-5, 5, {"alpha": (0.5, 2), "gamma": (0.5, 2)}), "Shrink": (-3, 3, {"bias": (-1, 1), "lambd": (0, 1)}),
    "Sigmoid": (-9, 9, {}), "Sign": (-5, 5, {}), "Sin": (-8, 8, {}), "Sinh": (-5, 5, {}), "Softplus": (-9, 9, {}), "Softsign": (-5, 5, {}),
    "Sqrt": (0, 9, {}), "Swish": (-6, 6, {"alpha": (0.2, 2)}), "Tan": (-1.3, 1.3, {}), "Tanh": (-5, 5, {}), "ThresholdedRelu": (-5, 5, {"alpha": (0, 2)}),
    "Not": (0, 1, {}), "BitwiseNot": (-100, 100, {}), "IsNaN": (-5, 5, {}), "IsInf": (-5, 5, {"detect_negative": [0, 1], "detect_positive": [0, 1]}),
}  # fmt: skip
# No special values: the sign of NaN is open, and so are sines of large values.
UNDEFINED = {"Sin", "Cos", "Tan", "Sign"}
EXACT = {"Abs", "Ceil", "Floor", "Identity", "Neg", "Relu", "Round", "Sign", "Not", "BitwiseNot", "IsNaN", "IsInf"}


def attributes_of(draw, op):
    chosen = {}
    for name, choices in UNARY[op][2].items():
        if draw.chance(0.6):
            chosen[name] = draw.pick(choices) if isinstance(choices, list) else draw.uniform(*choices)
    return chosen


def unary(s):
    op = s.draw.pick(UNARY)
    s.choose_version(op)
    dtype = s.draw.type(s.types(op))
    low, high, _ = UNARY[op]
    x = s.draw.array(dtype, s.draw.shape(), low, high, special=0.1 if op not in UNDEFINED else 0)
    if op == "Round" and is_float(dtype) and s.draw.chance(0.5):
        x = (np.round(x.astype(np.float64) * 2) / 2).astype(x.dtype)
    s.tolerance = 0 if op in EXACT else 2e-6
    s.output(s.call(op, {"X": x}, attributes_of(s.draw, op)))


def clip(s):
    s.choose_version("Clip")
    dtype = s.draw.type(s.types("Clip"))
    unsigned = dtype.startswith("u")
    low, high = s.draw.array(dtype, (), 0 if unsigned else -2, 2), s.draw.array(dtype, (), 0 if unsigned else -1, 3)
    if s.opset < 12 and low > high:
        low, high = high, low
    s.output(s.call("Clip", {"X": s.draw.array(dtype, s.draw.shape(), special=0.1), "min": s.draw.maybe(low, 0.7), "max": s.draw.maybe(high, 0.7)}))


def binary(s):
    op = s.draw.pick(["Add", "Sub", "Mul", "Div", "Pow", "Mod", "PRelu"])
    s.choose_version(op)
    dtype = s.draw.type(s.types(op))
    a, b = s.draw.broadcast(2)
    attributes = {}
    x = s.draw.array(dtype, a, special=0.05 if op in ("Add", "Sub", "Mul", "Div") else 0)
    y = s.draw.array(dtype, b)
    if op == "PRelu":
        full = s.draw.shape()
        x, y = s.draw.array(dtype, full), s.draw.array(dtype, s.draw.split_shape(full))
    if op == "Div" and not is_float(dtype):
        y = s.draw.array(dtype, b, 1, 20) * (s.draw.array(dtype, b, 0, 1) * 2 - 1 if dtype.startswith("int") else 1)
        y = y.astype(dtype)
    if op == "Mod":
        y = s.draw.array(dtype, b, 1, 20)
        if dtype.startswith("int") and s.draw.chance(0.5):
            y = (-y).astype(dtype)
        attributes["fmod"] = 1 if is_float(dtype) else s.draw.maybe(s.draw.integer(0, 1))
        if is_float(dtype):
            x, y = s.draw.array("int32", a).astype(dtype), s.draw.array("int32", b, 1, 9).astype(dtype)
    if op == "Pow":
        power = s.draw.type(s.types("Pow", 1)) if s.opset >= 12 else dtype
        x = s.draw.array(dtype, a, 0.1 if is_float(dtype) else 0, 3)
        y = s.draw.array(power, b, -2 if is_float(dtype) and is_float(power) else 0, 3)
        if is_float(dtype) and s.draw.chance(0.4):
            y = s.draw.array(power, (), 0, 4)
    if op in ("Add", "Sub", "Mul") and not is_float(dtype) and s.draw.chance(0.3):
        info = np.iinfo(dtype)
        x = s.draw.rng.integers(info.min, info.max, a, dtype=dtype, endpoint=True)
    s.tolerance = 2e-6 if op in ("Pow", "Div") else 1e-7
    s.output(s.call(op, {"A": x, "B": y}, attributes))


def compare(s):
    op = s.draw.pick(["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"])
    s.choose_version(op)
    dtype = s.draw.type(s.types(op))
    a, b = s.draw.broadcast(2)
    x, y = s.draw.array(dtype, a, -3, 3, special=0.1), s.draw.array(dtype, b, -3, 3, special=0.1)
    attributes = {}
    if is_float(dtype) and s.draw.chance(0.5):
        x, y = np.round(x.astype(np.float64)).astype(x.dtype), np.round(y.astype(np.float64)).astype(y.dtype)
    if op == "BitShift":
        attributes["direction"] = s.draw.pick(["LEFT", "RIGHT"])
        x, y = s.draw.array(dtype, a, 0, 255), s.draw.array(dtype, b, 0, np.iinfo(dtype).bits - 1)
    s.output(s.call(op, {"A": x, "B": y}, attributes))


def many(s):
    op = s.draw.pick(["Max", "Min", "Sum", "Mean"])
    s.choose_version(op)
    dtype = s.draw.type(s.types(op))
    shapes = s.draw.broadcast(s.draw.integer(1, 5))
    if s.opset < 8:
        shapes = [shapes[0]] * len(shapes)
    s.tolerance = 0 if op in ("Max", "Min") else 1e-6
    s.output(s.call(op, {f"x{i}": s.draw.array(dtype, shape, special=0.05) for i, shape in enumerate(shapes)}))


def where(s):
    s.choose_version("Where")
    dtype = s.draw.type(s.types("Where", 1))
    c, a, b = s.draw.broadcast(3)
    s.output(s.call("Where", {"condition": s.draw.array("bool", c), "X": s.draw.array(dtype, a), "Y": s.draw.array(dtype, b)}))


def numbers_as_text(draw, shape):
    words = np.array(["0", "1", "-2", "3.5", "1e2", "-0.25", "7", "100"], dtype=object)
    return words[draw.rng.integers(len(words), size=shape)] if shape else np.array("3.5", dtype=object)


def cast(s):
    s.choose_version("Cast")
    source = s.draw.type(s.types("Cast"), weight=0.2)
    schema = s.schema("Cast")
    allowed = next(c.allowed_type_strs for c in schema.type_constraints if c.type_param_str == "T2")
    from draw import ELEMENT_TYPES, onnx_type

    names = [t[len("tensor(") : -1] for t in allowed]
    target = s.draw.pick([n for n in names if n in ELEMENT_TYPES])
    shape = s.draw.shape()
    floating = target.startswith(("float", "bfloat", "double"))
    low = 0 if target.startswith("uint") or target == "bool" else -7
    x = s.draw.array(source, shape, low, 7, special=0.1 if floating else 0)
    if source == "object":
        if target == "bool":
            return s.draw.pick([unary, compare])(s)
        x = numbers_as_text(s.draw, shape) if target != "string" else x
        if target.startswith(("int", "uint")):
            x = np.asarray(s.draw.array("int64", shape, low, 7)).astype(str).astype(object)
    elif source in INTEGERS and target.startswith(("int", "uint")) and target not in ("int4", "uint4") and s.draw.chance(0.4):
        info = np.iinfo(source)
        x = s.draw.rng.integers(info.min, info.max, shape, dtype=source, endpoint=True)
    elif source in FLOATS and target.startswith("float8") and s.draw.chance(0.5):
        x = s.draw.array(source, shape, -600, 600, special=0.1)
    attributes = {"to": ELEMENT_TYPES[target]}
    if target.startswith("float8"):
        attributes["saturate"] = s.draw.maybe(s.draw.integer(0, 1))
    names = s.call("Cast", {"input": x}, attributes)
    if target in ("int4", "uint4"):
        names = s.call("Cast", {"input": names[0]}, {"to": onnx_type("int8")})
    s.label = f"Cast({source}->{target})"
    s.output(names)


def cast_like(s):
    s.choose_version("CastLike")
    source, target = s.draw.pick(["float32", "int32", "uint8", "float16", "bool", "int64"]), s.draw.pick(["float32", "int8", "int64", "float64", "bool", "float16"])
    s.output(s.call("CastLike", {"input": s.draw.array(source, s.draw.shape(), 0, 9), "target_type": s.draw.array(target, s.draw.shape(0, 2))}))


def dropout(s):
    s.choose_version("Dropout")
    dtype = s.draw.type(s.types("Dropout"))
    x = s.draw.array(dtype, s.draw.shape())
    ratio = s.draw.maybe(s.draw.array("float32", (), 0, 0.9))
    s.output(s.call("Dropout", {"data": x, "ratio": ratio}, outputs=s.draw.integer(1, 2) if s.opset >= 12 else 1))


def bit_cast(s):
    s.choose_version("BitCast")
    from draw import onnx_type

    source, target = s.draw.pick([("float32", "int32"), ("int32", "float32"), ("uint32", "int32"), ("float64", "int64"), ("int8", "uint8"), ("float16", "uint16"), ("uint16", "int16")])
    x = s.draw.array(source, s.draw.shape())
    s.output(s.call("BitCast", {"input": x}, {"to": onnx_type(target)}))


def strings(s):
    op = s.draw.pick(["StringConcat", "RegexFullMatch", "StringSplit", "StringNormalizer", "Equal", "Where", "Identity"])
    s.choose_version(op)
    draw = s.draw
    if op == "StringConcat":
        a, b = draw.broadcast(2)
        return s.output(s.call(op, {"X": draw.array("object", a), "Y": draw.array("object", b)}))
    if op == "RegexFullMatch":
        return s.output(s.call(op, {"X": draw.array("object", draw.shape())}, {"pattern": draw.pick(["a", "[a-zA-Z]+", ".*", "", r"-?\d+(\.\d+)?", "o.+l|B"])}))
    if op == "StringSplit":
        attributes = {"delimiter": draw.maybe(draw.pick([" ", "i", "", "el"])), "maxsplit": draw.maybe(draw.integer(0, 3), 0.3)}
        return s.output(s.call(op, {"X": draw.array("object", draw.shape(0, 3, zero=0))}, attributes, outputs=2))
    if op == "StringNormalizer":
        s.symbolic = False
        shape = draw.pick([(draw.dim(zero=0),), (1, draw.dim(zero=0))])
        attributes = {"case_change_action": draw.maybe(draw.pick(["NONE", "LOWER", "UPPER"])), "is_case_sensitive": draw.maybe(draw.integer(0, 1)),
                      "stopwords": draw.maybe(["a", "b", "zeta"])}  # fmt: skip
        return s.output(s.call(op, {"X": draw.array("object", shape)}, attributes))
    if op == "Equal":
        if s.opset < 19:
            s.opset = 19
        a, b = draw.broadcast(2)
        return s.output(s.call(op, {"A": draw.array("object", a), "B": draw.array("object", b)}))
    if op == "Where":
        c, a, b = draw.broadcast(3)
        return s.output(s.call(op, {"c": draw.array("bool", c), "X": draw.array("object", a), "Y": draw.array("object", b)}))
    return s.output(s.call(op, {"X": draw.array("object", draw.shape())}))


FAMILY = {unary: 6, clip: 1, binary: 5, compare: 3, many: 2, where: 1, cast: 4, cast_like: 0.5, dropout: 0.3, bit_cast: 0.3, strings: 1.5}
