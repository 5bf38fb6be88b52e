"""ai.onnx.ml: trees, linear and support vector models, encoders, scalers."""

import numpy as np
from onnx import defs

ML = "ai.onnx.ml"
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]


def _schema(s, op):
    since = sorted(x.since_version for x in defs.get_all_schemas_with_history() if x.name == op and x.domain == ML)
    s.opset = s.draw.integer(13, 21)
    s.ml = s.draw.integer(max(since[0], 1), 4 if op.startswith("TreeEnsemble") and op != "TreeEnsemble" else 5)


def tree(s):
    op = s.draw.pick(["TreeEnsembleRegressor", "TreeEnsembleClassifier"])
    _schema(s, op)
    draw = s.draw
    s.ml = draw.pick([1, 3])
    features, targets, trees = draw.integer(1, 6), draw.integer(1, 4), draw.integer(1, 5)
    nodes = {k: [] for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    leaves = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    one_mode = draw.pick(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"]) if draw.chance(0.7) else None

    def grow(t, depth, counter):
        me = counter[0]
        counter[0] += 1
        row = len(nodes["treeids"])
        for k in nodes:
            nodes[k].append(0)
        nodes["treeids"][row], nodes["nodeids"][row] = t, me
        nodes["values"][row] = 0.0
        if depth == 0 or draw.chance(0.2):
            nodes["modes"][row] = "LEAF"
            for target in draw.sample(range(targets), draw.integer(1, targets)):
                leaves["treeids"].append(t)
                leaves["nodeids"].append(me)
                leaves["ids"].append(target)
                leaves["weights"].append(draw.uniform(-1, 1))
            return me
        nodes["featureids"][row] = draw.integer(0, features - 1)
        nodes["values"][row] = float(np.float32(draw.pick([draw.uniform(-2, 2), float(draw.integer(-2, 2))])))
        nodes["modes"][row] = one_mode or draw.pick(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE", "BRANCH_EQ", "BRANCH_NEQ"])
        nodes["missing_value_tracks_true"][row] = draw.integer(0, 1)
        nodes["truenodeids"][row] = grow(t, depth - 1, counter)
        nodes["falsenodeids"][row] = grow(t, depth - 1, counter)
        return me

    for t in range(trees):
        grow(t, draw.integer(0, 4), [0])
    attributes = {f"nodes_{k}": v for k, v in nodes.items()}
    if draw.chance(0.4):
        attributes.pop("nodes_missing_value_tracks_true")
    classify = op == "TreeEnsembleClassifier"
    stem = "class" if classify else "target"
    attributes.update({f"{stem}_{k}": v for k, v in leaves.items()})
    attributes["post_transform"] = draw.maybe(draw.pick(TRANSFORMS[:4] if classify else TRANSFORMS[:3]))
    count = targets
    if classify:
        binary = targets == 1
        labels = 2 if binary else targets
        if draw.chance(0.5):
            attributes["classlabels_int64s"] = [int(v) for v in draw.permutation(labels)]
        else:
            attributes["classlabels_strings"] = [f"c{v}" for v in range(labels)]
        attributes["base_values"] = draw.maybe([draw.uniform(-1, 1) for _ in range(count)], 0.3)
    else:
        attributes["n_targets"] = targets
        attributes["base_values"] = draw.maybe([draw.uniform(-1, 1) for _ in range(targets)], 0.4)
        attributes["aggregate_function"] = draw.maybe(draw.pick(["SUM", "AVERAGE", "MIN", "MAX"]))
    dtype = draw.pick(["float32", "float32", "float64", "int64", "int32"])
    x = draw.array(dtype, (draw.integer(0 if draw.chance(0.1) else 1, 65), features), -3, 3, special=0.05 if dtype == "float32" and draw.chance(0.3) else 0)
    if dtype == "float32" and draw.chance(0.4):
        x = np.round(x)
    s.tolerance = 1e-5
    s.label = f"{op} {attributes['post_transform']} {'/'.join(sorted(set(nodes['modes'])))}"
    s.output(s.node(op, [s.operand(x, False)], attributes, outputs=2 if classify else 1, domain=ML))


def linear(s):
    op = s.draw.pick(["LinearClassifier", "LinearRegressor"])
    _schema(s, op)
    draw = s.draw
    features, targets = draw.integer(1, 6), draw.integer(1, 4)
    dtype = draw.pick(["float32", "float32", "float64", "int64", "int32"])
    coefficients = [draw.uniform(-2, 2) for _ in range(features * targets)]
    attributes = {"coefficients": coefficients, "intercepts": draw.maybe([draw.uniform(-1, 1) for _ in range(targets)]), "post_transform": draw.maybe(draw.pick(TRANSFORMS[:4]))}
    s.tolerance = 1e-5
    if op == "LinearRegressor":
        dtype = "float32"
        attributes["targets"] = targets
    else:
        labels = 2 if targets == 1 else targets
        attributes["intercepts"] = [draw.uniform(-1, 1) for _ in range(targets)]
        attributes.update({"classlabels_ints": list(range(labels))} if draw.chance(0.5) else {"classlabels_strings": [f"c{i}" for i in range(labels)]})
    x = s.operand(draw.array(dtype, (draw.integer(1, 9), features)), False)
    s.output(s.node(op, [x], attributes, outputs=1 if op == "LinearRegressor" else 2, domain=ML))


def svm(s):
    op = s.draw.pick(["SVMRegressor", "SVMClassifier"])
    _schema(s, op)
    draw = s.draw
    features = draw.integer(1, 5)
    kernel = draw.pick(["LINEAR", "POLY", "RBF", "SIGMOID"])
    attributes = {"kernel_type": kernel, "kernel_params": [draw.uniform(0.1, 1), draw.uniform(0, 1), 2.0]}
    s.tolerance = 1e-4
    x = s.operand(draw.array("float32", (draw.integer(1, 9), features), -1.5, 1.5), False)
    if op == "SVMRegressor":
        n = draw.integer(1, 5)
        attributes.update(n_supports=n, coefficients=[draw.uniform(-1, 1) for _ in range(n)], support_vectors=[draw.uniform(-1, 1) for _ in range(n * features)], rho=[draw.uniform(-1, 1)],
                          one_class=draw.maybe(draw.integer(0, 1), 0.3))  # fmt: skip
        return s.output(s.node(op, [x], attributes, domain=ML))
    classes = draw.integer(2, 4)
    per = [draw.integer(1, 3) for _ in range(classes)]
    n, pairs = sum(per), classes * (classes - 1) // 2
    attributes.update(vectors_per_class=per, coefficients=[draw.uniform(-1, 1) for _ in range(n * (classes - 1))], support_vectors=[draw.uniform(-1, 1) for _ in range(n * features)],
                      rho=[draw.uniform(-1, 1) for _ in range(pairs)], post_transform=draw.maybe(draw.pick(TRANSFORMS[:4])))  # fmt: skip
    if draw.chance(0.4):
        attributes.update(prob_a=[draw.uniform(-2, -0.5) for _ in range(pairs)], prob_b=[draw.uniform(-0.5, 0.5) for _ in range(pairs)])
    attributes.update({"classlabels_ints": list(range(classes))} if draw.chance(0.5) else {"classlabels_strings": [f"c{i}" for i in range(classes)]})
    s.output(s.node(op, [x], attributes, outputs=2, domain=ML))


def encode(s):
    op = s.draw.pick(["LabelEncoder", "OneHotEncoder", "CategoryMapper", "Binarizer", "Scaler", "Imputer", "Normalizer", "ArrayFeatureExtractor", "FeatureVectorizer"])
    _schema(s, op)
    draw = s.draw
    shape = draw.shape(1, 3, limit=200)
    s.tolerance = 1e-6
    words = ["a", "b", "oriel", "12", "x"]
    if op == "LabelEncoder":
        s.ml = draw.integer(2, 5)
        key, value = draw.pick([("int64s", "strings"), ("strings", "int64s"), ("floats", "strings"), ("int64s", "floats"), ("strings", "floats"), ("floats", "int64s"), ("strings", "strings"), ("int64s", "int64s")])
        items = {"int64s": [1, 2, 3, 7, -4], "strings": words, "floats": [0.5, 1.0, 2.0, -3.0, 4.0]}
        attributes = {f"keys_{key}": items[key], f"values_{value}": items[value]}
        if draw.chance(0.5):
            attributes[{"int64s": "default_int64", "strings": "default_string", "floats": "default_float"}[value]] = {"int64s": 99, "strings": "none", "floats": 1.5}[value]
        x = draw.array({"int64s": "int64", "strings": "object", "floats": "float32"}[key], shape, -5, 8)
        if key == "floats":
            x = np.round(x * 2) / 2
        return s.output(s.node(op, [x], attributes, domain=ML))
    if op == "OneHotEncoder":
        strings = draw.chance(0.4)
        x = draw.array("object", shape) if strings else draw.array(draw.pick(["int64", "float32", "int32", "float64"]), shape, 0, 4)
        if not strings and x.dtype.kind == "f":
            x = np.round(x)
        attributes = {"cats_strings": words} if strings else {"cats_int64s": [0, 2, 3]}
        return s.output(s.node(op, [x], {**attributes, "zeros": 1}, domain=ML))
    if op == "CategoryMapper":
        x = draw.array("object", shape) if draw.chance(0.5) else draw.array("int64", shape, 0, 6)
        return s.output(s.node(op, [x], {"cats_strings": words, "cats_int64s": [0, 1, 2, 3, 4], "default_int64": -7, "default_string": "none"}, domain=ML))
    dtype = draw.pick(["float32", "float32", "float64", "int64", "int32"])
    if op == "Binarizer":
        return s.output(s.node(op, [draw.array("float32", shape)], {"threshold": draw.maybe(draw.uniform(-1, 1))}, domain=ML))
    if op == "Scaler":
        n = draw.pick([1, shape[-1] or 1])
        shape = draw.pick([(shape[-1],), (3, shape[-1])]) if n > 1 else shape
        attributes = {"offset": [draw.uniform(-1, 1) for _ in range(n)], "scale": [draw.uniform(0.5, 2) for _ in range(n)]}
        return s.output(s.node(op, [draw.array(dtype, shape)], attributes, domain=ML))
    if op == "Imputer":
        shape = (draw.integer(1, 5), draw.integer(1, 5))
        n = draw.pick([1, shape[1]])
        if draw.chance(0.4):
            return s.output(s.node(op, [draw.array("int64", shape, 0, 3)], {"imputed_value_int64s": list(range(10, 10 + n)), "replaced_value_int64": 2}, domain=ML))
        x = np.round(draw.array("float32", shape))
        replaced = draw.pick([0.0, float("nan"), 1.0])
        if np.isnan(replaced):
            x[0, 0] = np.nan
        return s.output(s.node(op, [x], {"imputed_value_floats": [float(i) + 0.5 for i in range(n)], "replaced_value_float": replaced}, domain=ML))
    if op == "Normalizer":
        shape = (draw.integer(1, 6), draw.integer(1, 6)) if draw.chance(0.8) else (draw.integer(1, 6),)
        return s.output(s.node(op, [draw.array(dtype, shape, 1, 9)], {"norm": draw.pick(["MAX", "L1", "L2"])}, domain=ML))
    if op == "ArrayFeatureExtractor":
        shape = draw.shape(1, 3, zero=0, limit=200)
        indices = draw.array("int64", (draw.integer(1, 5),), 0, shape[-1] - 1)
        x = draw.array(draw.pick(["float32", "int64", "float64", "int32", "object"]), shape)
        return s.output(s.node(op, [x, indices], domain=ML))
    n = draw.integer(1, 3)
    sizes = [draw.integer(1, 4) for _ in range(n)]
    s.output(s.node(op, [s.operand(draw.array("float32", (3, k)), False) for k in sizes], {"inputdimensions": sizes}, domain=ML))


FAMILY = {tree: 4, linear: 2, svm: 2, encode: 4}
