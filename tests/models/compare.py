"""Compares Oriel with onnxruntime (graph optimisations off) on whole models.

    python tests/models/compare.py MODEL.onnx ... [--provider NAME] [--seconds S] [--json FILE]

Needs onnxruntime and numpy. Inputs come from ../shared/models/feeds.json by way of ../shared/bench/worker.py's make_feed. The
tolerance is 1e-4 of an output's largest magnitude, or twice onnxruntime's own difference with and without optimisations where
that is larger; a model's entry in feeds.json may allow more. A quantised model whose float form stands beside it may also
differ by rounding, as long as its mean error against the float form is at most 1.05 times onnxruntime's. The order in which a
NonMaxSuppression gives boxes turns on differences between scores that are smaller than rounding: the outputs that come out of
one may have their rows in another order, as long as there are as many and each has its partner within the tolerance. Exit
status 1 where a model fails.
"""

import argparse
import importlib.util
import json
import os
import sys
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.environ.get("ORIEL_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
TYPES = {
    "float": "float32", "float16": "float16", "double": "float64", "int64": "int64", "int32": "int32", "int16": "int16",
    "int8": "int8", "uint8": "uint8", "bool": "bool",
}  # fmt: skip


# Quantised models, by how their names begin, and their float forms in the same folder. NAME_qdq and NAME_dynq are those of NAME.
FLOAT_FORMS = {"squeezenet_q": "squeezenet_fp32_op13", "yolox_nano_q": "yolox_nano_op13"}


def load_worker():
    """The module that makes the same inputs for every engine."""
    spec = importlib.util.spec_from_file_location("worker", os.path.join(SHARED, "bench", "worker.py"))
    argv, sys.argv = sys.argv, ["worker", "ort"]
    module = importlib.util.module_from_spec(spec)
    source = open(spec.origin).read().rsplit("\nmain()", 1)[0]
    module.__file__ = spec.origin
    exec(compile(source, spec.origin, "exec"), module.__dict__)
    sys.argv = argv
    return module


def flatten(values):
    """Outputs as plain arrays: sequences of maps become rows, sequences of arrays their concatenation of ravelled parts."""
    for value in values:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = [list(row.values()) for row in value]
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            value = np.concatenate([v.ravel() for v in value])
        value = np.asarray(value)
        yield value.astype(str) if value.dtype == object else value


def difference(got, want):
    """Largest error over all outputs, each relative to its largest magnitude; infinite for other shapes or texts."""
    worst = 0.0
    for a, b in zip(flatten(got), flatten(want)):
        if a.shape != b.shape or a.dtype.kind != b.dtype.kind:
            return float("inf")
        if b.dtype.kind == "U":
            if not (a == b).all():
                return float("inf")
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        if b.size:
            same = (np.isnan(a) & np.isnan(b)) | (a == b)
            error = np.where(same, 0.0, np.abs(a - b))
            worst = max(worst, float(np.max(np.where(np.isnan(error), np.inf, error))) / (float(np.nanmax(np.abs(b))) + 1e-12))
    return worst


def behind_suppression(path):
    """Names of a model's outputs that depend on a NonMaxSuppression, one in a body of control flow included."""
    import onnx

    def suppresses(node):
        bodies = [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
        return node.op_type == "NonMaxSuppression" or any(suppresses(n) for body in bodies for n in body.node)

    graph = onnx.load(path, load_external_data=False).graph
    behind = set()
    for node in graph.node:
        if suppresses(node) or behind & set(node.input):
            behind |= set(node.output)
    return {o.name for o in graph.output} & behind


def set_difference(got, want):
    """As difference(), for outputs whose rows belong together (row i of each) and may come in another order."""

    def table(values, scales):
        columns = []
        for value, scale in zip(values, scales):
            value = value.reshape(value.shape[next((i for i, d in enumerate(value.shape) if d != 1), value.ndim):])
            rows = value.shape[0] if value.ndim else 1
            columns.append(value.reshape(rows, -1).astype(np.float64) / scale)
        return columns

    got, want = list(flatten(got)), list(flatten(want))
    if [a.shape for a in got] != [b.shape for b in want] or any(v.dtype.kind == "U" for v in got + want):
        return float("inf")
    scales = [float(np.nanmax(np.abs(b.astype(np.float64)))) + 1e-12 if b.size else 1.0 for b in want]
    ours, theirs = table(got, scales), table(want, scales)
    count = max(c.shape[0] for c in theirs)
    worst = difference([a for a, c in zip(got, theirs) if c.shape[0] != count], [b for b, c in zip(want, theirs) if c.shape[0] != count])
    ours = np.concatenate([a for a, c in zip(ours, theirs) if c.shape[0] == count], 1)
    theirs = np.concatenate([c for c in theirs if c.shape[0] == count], 1)
    free = np.ones(count, bool)
    for row in theirs:
        errors = np.where(free, np.abs(ours - row).max(1, initial=0.0), np.inf)
        best = int(np.argmin(errors))
        worst = max(worst, float(errors[best]))
        free[best] = False
    return worst


def mean_error(got, want):
    """Mean absolute error over all outputs."""
    pairs = list(zip(flatten(got), flatten(want)))
    return sum(float(np.abs(a.astype(np.float64) - b.astype(np.float64)).sum()) for a, b in pairs) / sum(b.size for _, b in pairs)


def float_form(path):
    """The path of a quantised model's float form, or None."""
    for end in ("_qdq.onnx", "_dynq.onnx"):
        candidate = path.removesuffix(end) + ".onnx"
        if path.endswith(end) and os.path.exists(candidate):
            return candidate
    for start, form in FLOAT_FORMS.items():
        candidate = os.path.join(os.path.dirname(path), form + ".onnx")
        if os.path.basename(path).startswith(start) and os.path.exists(candidate):
            return candidate
    return None


def compare(path, provider, worker, shapes=None):
    """One row of results for a model."""
    import onnxruntime

    from oriel import ort

    name = os.path.basename(path).rsplit(".", 1)[0]
    row = {"model": name}
    try:
        plain = onnxruntime.SessionOptions()
        plain.log_severity_level = 4
        plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        reference = onnxruntime.InferenceSession(path, plain, providers=["CPUExecutionProvider"])
        inputs = [(i.name, TYPES[i.type[7:-1]], i.shape) for i in reference.get_inputs()]
        feed = worker.make_feed(path, inputs, shapes or {})
        want = reference.run(None, feed)
        optimised = onnxruntime.SessionOptions()
        optimised.log_severity_level = 4
        own = difference(onnxruntime.InferenceSession(path, optimised, providers=["CPUExecutionProvider"]).run(None, feed), want)
    except Exception as error:
        row["status"] = f"no reference: {type(error).__name__}: {str(error)[:120]}"
        return row
    try:
        start = time.perf_counter()
        session = ort.InferenceSession(path, providers=[provider])
        row["load_s"] = time.perf_counter() - start
        start = time.perf_counter()
        got = session.run(None, feed)
        row["run_s"] = time.perf_counter() - start
        if [o.name for o in session.get_outputs()] != [o.name for o in reference.get_outputs()]:
            row["status"] = "FAIL: other outputs"
            return row
        row["error"], row["own"] = difference(got, want), own
        known = json.load(open(os.path.join(SHARED, "models", "feeds.json"))).get(name, {})
        half = any(o.type == "tensor(float16)" for o in reference.get_outputs())
        row["tolerance"] = max(1e-4, 2 * own if np.isfinite(own) and name != "tiny_yolov2" else 0, known.get("tolerance", 0), 1e-2 if half else 0)
        if "atol" in known:
            worst = max(float(np.max(np.abs(a.astype(float) - b.astype(float)))) for a, b in zip(flatten(got), flatten(want)))
            if worst <= known["atol"]:
                row["error"] = 0.0
        row["status"] = "ok" if row["error"] <= row["tolerance"] else "FAIL: difference"
        behind = behind_suppression(path) if row["status"] != "ok" else ()
        if behind:
            sides = [[[v for v, o in zip(values, reference.get_outputs()) if (o.name in behind) == after] for values in (got, want)] for after in (False, True)]
            as_set = max(difference(*sides[0]), set_difference(*sides[1]))
            if as_set <= row["tolerance"]:
                row["error"], row["status"] = as_set, "ok (rows behind NonMaxSuppression in another order)"
        form = float_form(path)
        if row["status"] != "ok" and form:
            exact = onnxruntime.InferenceSession(form, plain, providers=["CPUExecutionProvider"]).run(None, feed)
            row["mean_error_ratio"] = mean_error(got, exact) / mean_error(want, exact)
            if row["mean_error_ratio"] <= 1.05:
                row["status"] = f"ok (mean error {row['mean_error_ratio']:.3f} of onnxruntime's against the float form)"
        row["reference_steps"] = sorted({s["op"] for s in steps(session) if s["device"] == "REFERENCE"})
    except Exception as error:
        row["status"] = f"FAIL: {type(error).__name__}: {str(error)[:400]}"
    return row


def steps(session):
    """All steps of a session, those of bodies included."""

    def walk(items):
        for s in items:
            yield s
            for body in s.get("bodies", []):
                yield from walk(body)

    return list(walk(session._session.steps()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--provider", default="OpenVINOExecutionProvider")
    parser.add_argument("--json")
    args = parser.parse_args()
    worker = load_worker()
    rows = []
    for path in args.models:
        row = compare(path, args.provider, worker)
        rows.append(row)
        print(f"{row['model'][:36]:36s} {row.get('error', float('nan')):9.1e} of {row.get('tolerance', float('nan')):7.1e}"
              f"  load {row.get('load_s', 0):6.2f} s  run {row.get('run_s', 0):6.2f} s  {row['status']}", flush=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)
    skipped = sum(r["status"].startswith("no reference") for r in rows)
    failed = sum(r["status"].startswith("FAIL") for r in rows)
    print(f"{len(rows) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
