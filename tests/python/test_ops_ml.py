"""Operators of ai.onnx.ml against onnxruntime."""

import numpy as np
import pytest
from one_node import assert_same, one_node
from onnx import helper, numpy_helper

pytest.importorskip("onnxruntime")
from oriel import ort  # noqa: E402

ML = "ai.onnx.ml"
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]


@pytest.fixture
def check(reference):
    def compare(op, inputs, tolerance=1e-5, **arguments):
        model, feeds = one_node(op, inputs, ML, **arguments)
        theirs = reference(model).run(None, feeds)
        ours = ort.InferenceSession(model).run(None, feeds)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, tolerance)

    return compare


def floats(rng, shape, dtype=np.float32):
    return rng.normal(0, 1, shape).astype(dtype)


def labels(count, strings):
    return {"classlabels_strings": [f"c{i}" for i in range(count)]} if strings else {"classlabels_ints": list(range(3, 3 + count))}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("strings", [False, True])
def test_linear_classifier(check, rng, transform, classes, strings):
    x = floats(rng, (6, 4))
    check("LinearClassifier", {"x": x}, outputs=2, coefficients=floats(rng, 4 * classes), intercepts=floats(rng, classes),
          post_transform=transform, multi_class=1, **labels(classes, strings))


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("strings", [False, True])
def test_linear_classifier_of_one_set(check, rng, transform, strings):
    check("LinearClassifier", {"x": floats(rng, (6, 4))}, outputs=2, coefficients=floats(rng, 4), intercepts=[0.1],
          post_transform=transform, **labels(2, strings))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_regressor(check, rng, transform, targets, bias):
    if transform == "PROBIT":
        arguments = {"coefficients": rng.uniform(0, 0.2, 4 * targets).astype(np.float32)}
        x = rng.uniform(0.1, 0.9, (5, 4)).astype(np.float32)
    else:
        arguments = {"coefficients": floats(rng, 4 * targets)}
        x = floats(rng, (5, 4))
    if bias:
        arguments["intercepts"] = np.full(targets, 0.05, np.float32)
    check("LinearRegressor", {"x": x}, targets=targets, post_transform=transform, **arguments)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32])
def test_normalizer(check, rng, norm, dtype):
    x = (rng.normal(0, 5, (4, 6))).astype(dtype)
    x[1] = 0
    check("Normalizer", {"x": x}, norm=norm)
    check("Normalizer", {"x": x[0]}, norm=norm)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32, object])
def test_array_feature_extractor(check, rng, dtype):
    x = rng.integers(0, 50, (3, 2, 6)).astype(dtype if dtype is not object else str).astype(dtype)
    picks = np.array([[4, 0, 0, 5]])
    check("ArrayFeatureExtractor", {"x": x, "y": picks})
    check("ArrayFeatureExtractor", {"x": x[0, 0], "y": picks[0]})


def test_small_transforms(check, rng):
    x = floats(rng, (4, 5))
    check("Scaler", {"x": x}, offset=floats(rng, 5), scale=floats(rng, 5))
    check("Scaler", {"x": x.astype(np.int64)}, offset=[0.5], scale=[2.0])
    check("Binarizer", {"x": x}, threshold=0.25)
    holes = x.copy()
    holes[::2, 1] = np.nan
    holes[1] = -1
    check("Imputer", {"x": holes}, imputed_value_floats=floats(rng, 5), replaced_value_float=float("nan"))
    check("Imputer", {"x": holes}, imputed_value_floats=[7.0], replaced_value_float=-1.0)
    check("Imputer", {"x": holes[1:2].astype(np.int64)}, imputed_value_int64s=[9], replaced_value_int64=-1)
    check("FeatureVectorizer", {"a": x, "b": floats(rng, (4, 2))}, inputdimensions=[5, 2])


def test_one_hot_encoder(check):
    check("OneHotEncoder", {"x": np.array([[3, 1, 7, 4]])}, cats_int64s=[1, 4, 3], zeros=1)
    check("OneHotEncoder", {"x": np.array([3.0, 1.0, 4.0], np.float32)}, cats_int64s=[1, 4, 3])
    check("OneHotEncoder", {"x": np.array(["b", "z"], object)}, cats_strings=["a", "b"], zeros=1)


@pytest.mark.parametrize("version", [2, 4])
def test_label_encoder(check, version):
    opsets = {ML: version}
    words = np.array([["b", "z"], ["a", "b"]], object)
    check("LabelEncoder", {"x": words}, opsets=opsets, keys_strings=["a", "b"], values_int64s=[5, 6], default_int64=-3)
    check("LabelEncoder", {"x": words}, opsets=opsets, keys_strings=["a", "b"], values_floats=[0.5, 6.5], default_float=2.5)
    check("LabelEncoder", {"x": np.array([1, 2, 3])}, opsets=opsets, keys_int64s=[3, 1], values_strings=["c", "a"])
    numbers = np.array([1.0, np.nan, 2.0], np.float32)
    if version == 4:
        check("LabelEncoder", {"x": numbers}, opsets=opsets, keys_floats=[np.nan, 2.0], values_floats=[7.0, 8.0], default_float=9.0)
        pair = {"keys_tensor": np.array([1, 2]), "values_tensor": np.array([1.5, 2.5]), "default_tensor": np.array([9.0])}
        check("LabelEncoder", {"x": np.array([2, 7])}, opsets=opsets,
              **{name: numpy_helper.from_array(value, name) for name, value in pair.items()})


def test_label_encoder_1(check):
    opsets = {ML: 1, "": 11}
    check("LabelEncoder", {"x": np.array(["b", "z"], object)}, opsets=opsets, classes_strings=["a", "b"], default_int64=-2)
    check("LabelEncoder", {"x": np.array([1, 7, 0])}, opsets=opsets, classes_strings=["a", "b"], default_string="?")


def test_category_mapper(check):
    cats = {"cats_int64s": [4, 9], "cats_strings": ["four", "nine"]}
    check("CategoryMapper", {"x": np.array(["nine", "ten"], object)}, default_int64=-7, **cats)
    check("CategoryMapper", {"x": np.array([9, 10])}, default_string="?", **cats)


@pytest.mark.parametrize("keys", [{"classlabels_int64s": [4, 2, 9]}, {"classlabels_strings": ["p", "q", "r"]}])
def test_zip_map(check, rng, keys):
    check("ZipMap", {"x": floats(rng, (2, 3))}, **keys)


def random_trees(rng, prefix, trees, depth, targets, features=4, modes=("BRANCH_LEQ",), positive=False, single=None):
    """Complete trees with votes at their leaves, as attributes."""
    a = {f"nodes_{n}": [] for n in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
                                    "missing_value_tracks_true")}
    a |= {f"{prefix}_{n}": [] for n in ("treeids", "nodeids", "ids", "weights")}
    inner = 2**depth - 1
    for tree in range(trees):
        for node in range(2 * inner + 1):
            leaf = node >= inner
            row = (tree, node, 0 if leaf else int(rng.integers(features)), 0.0 if leaf else float(np.float32(rng.normal())),
                   "LEAF" if leaf else modes[int(rng.integers(len(modes)))], 0 if leaf else 2 * node + 1,
                   0 if leaf else 2 * node + 2, int(rng.integers(2)))
            for name, value in zip(("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
                                    "missing_value_tracks_true"), row):
                a[f"nodes_{name}"].append(value)
            for target in ([single] if single is not None else range(targets)) if leaf else ():
                weight = rng.uniform(0.0, 0.4) if positive else rng.normal()
                for name, value in zip(("treeids", "nodeids", "ids", "weights"), (tree, node, target, float(np.float32(weight)))):
                    a[f"{prefix}_{name}"].append(value)
    return a


MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")


def rows(rng, dtype=np.float32):
    x = rng.normal(0, 1, (12, 4)).astype(dtype)
    x[3, 1] = np.nan
    return x


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("modes", [MODES[:1], MODES])
@pytest.mark.parametrize("base", [False, True])
def test_tree_classifier(check, rng, transform, modes, base):
    arguments = random_trees(rng, "class", 5, 3, 3, modes=modes)
    if base:
        arguments["base_values"] = [0.5, -0.25, 1.0]
    check("TreeEnsembleClassifier", {"x": rows(rng)}, outputs=2, opsets={ML: 3}, post_transform=transform,
          classlabels_strings=["a", "b", "c"], **arguments)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("single", [0, 1])
@pytest.mark.parametrize("base", [False, True])
def test_tree_classifier_of_two(check, rng, transform, positive, single, base):
    arguments = random_trees(rng, "class", 4, 2, 2, positive=positive, single=single)
    if base:
        arguments["base_values"] = [0.125]
    check("TreeEnsembleClassifier", {"x": rows(rng)}, outputs=2, opsets={ML: 3}, post_transform=transform,
          classlabels_int64s=[7, 8], **arguments)


def test_tree_classifier_takes_the_larger_of_two(rng):
    arguments = random_trees(rng, "class", 3, 2, 2) | {"base_values": [0.5, -0.5], "classlabels_int64s": [7, 8]}
    model, feeds = one_node("TreeEnsembleClassifier", {"x": rows(rng)}, ML, outputs=2, opsets={ML: 3}, **arguments)
    labels, scores = ort.InferenceSession(model).run(None, feeds)
    np.testing.assert_array_equal(labels, np.where(scores[:, 1] > scores[:, 0], 8, 7))


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC"])
def test_tree_regressor(check, rng, aggregate, targets, transform):
    arguments = random_trees(rng, "target", 5, 3, targets, modes=MODES)
    check("TreeEnsembleRegressor", {"x": rows(rng)}, opsets={ML: 3}, n_targets=targets, aggregate_function=aggregate,
          post_transform=transform, base_values=[0.25] * targets, **arguments)


@pytest.mark.parametrize("aggregate", [0, 1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tree_ensemble(check, rng, aggregate, dtype):
    def tensor(values, element=dtype):
        return numpy_helper.from_array(np.array(values, element))

    check("TreeEnsemble", {"x": rng.normal(0, 2, (10, 3)).astype(dtype)}, opsets={ML: 5}, n_targets=2, aggregate_function=aggregate,
          post_transform=0, tree_roots=[0, 2], nodes_featureids=[0, 1, 2], nodes_modes=tensor([0, 2, 3], np.uint8),
          nodes_splits=tensor([0.5, -0.25, 1.0]), nodes_truenodeids=[1, 0, 3], nodes_trueleafs=[0, 1, 1], nodes_falsenodeids=[2, 1, 4],
          nodes_falseleafs=[1, 1, 1], leaf_targetids=[0, 1, 0, 1, 0], leaf_weights=tensor([1.5, -2.0, 0.5, 4.0, -1.0]))


def test_trees_that_contradict_themselves_are_an_error(rng):
    good = random_trees(rng, "target", 1, 2, 1)
    for name, value in {"nodes_truenodeids": [99] * 7, "nodes_values": [0.0], "target_ids": [5] * 4, "nodes_nodeids": [0] * 7}.items():
        model, _ = one_node("TreeEnsembleRegressor", {"x": np.zeros((1, 4), np.float32)}, ML, opsets={ML: 3}, n_targets=1,
                            **{**good, name: value})
        with pytest.raises(Exception, match="TreeEnsembleRegressor"):
            ort.InferenceSession(model)


KERNELS = [("LINEAR", [0.0, 0.0, 0.0]), ("POLY", [0.3, 0.2, 3.0]), ("RBF", [0.4, 0.0, 3.0]), ("SIGMOID", [0.1, 0.2, 3.0])]


@pytest.mark.parametrize("kernel,params", KERNELS)
@pytest.mark.parametrize("one_class", [0, 1])
def test_svm_regressor(check, rng, kernel, params, one_class):
    arguments = {"kernel_params": params} if params else {}
    check("SVMRegressor", {"x": floats(rng, (5, 4))}, kernel_type=kernel, n_supports=6, one_class=one_class, rho=[0.2],
          coefficients=floats(rng, 6), support_vectors=floats(rng, 24), **arguments)


@pytest.mark.parametrize("kernel,params", KERNELS)
@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("probabilities", [False, True])
def test_svm_classifier(check, rng, kernel, params, classes, probabilities):
    pairs = classes * (classes - 1) // 2
    counts = [2, 3, 1, 2][:classes]
    arguments = {"kernel_params": params} if params else {}
    if probabilities:
        arguments |= {"prob_a": rng.uniform(-2, -0.5, pairs).astype(np.float32), "prob_b": floats(rng, pairs)}
    check("SVMClassifier", {"x": floats(rng, (8, 4))}, 1e-4, outputs=2, kernel_type=kernel, rho=floats(rng, pairs),
          coefficients=floats(rng, (classes - 1) * sum(counts)), support_vectors=floats(rng, 4 * sum(counts)),
          vectors_per_class=counts, classlabels_ints=list(range(10, 10 + classes)), **arguments)


def map_model(op, key, value, **attributes):
    kind = helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, []))
    from onnx import ValueInfoProto

    graph = helper.make_graph([helper.make_node(op, ["m"], ["y"], domain=ML, **attributes)], "map",
                              [helper.make_value_info("m", kind)], [ValueInfoProto(name="y")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid(ML, 1)],
                             ir_version=8).SerializeToString()


@pytest.mark.parametrize("form", ["DENSE", "SPARSE"])
@pytest.mark.parametrize("to", ["TO_FLOAT", "TO_INT64"])
def test_cast_map(reference, form, to):
    model = map_model("CastMap", 7, 1, map_form=form, cast_to=to, max_map=6)
    feed = {"m": {1: 2.5, 5: 7.0, 3: -1.5}}
    assert_same(ort.InferenceSession(model).run(None, feed), reference(model).run(None, feed))


def test_dict_vectorizer(reference):
    model = map_model("DictVectorizer", 8, 1, string_vocabulary=["a", "c", "b", "z"])
    feed = {"m": {"a": 4.0, "c": 8.0}}
    assert_same(ort.InferenceSession(model).run(None, feed), reference(model).run(None, feed))
