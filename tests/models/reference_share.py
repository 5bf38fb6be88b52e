"""Steps of the reference device in whole models.

    python tests/models/reference_share.py MODEL.onnx ... [--run]

Prints the operator types that ran on the reference device and are not in reference_steps.txt. With --run every model is run under
the profiler as well, and each listed type has to stay below 1 % of the run (those of models below a millisecond are too short to
measure and count only by type). Exit status 1 where a model breaks either rule.
"""

import argparse
import collections
import json
import os
import sys
import tempfile

import compare

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference_steps.txt")
MOST_TYPES = 15
MOST_SHARE = 0.01
SHORTEST_MS = 1.0


def allowed():
    """The operator types of the list, each with its reason."""
    rows = [line.split(None, 1) for line in open(LIST) if line.strip() and not line.startswith("#")]
    return {op: reason.strip() for op, reason in rows}


def reference_types(path):
    """Operator types of a model's steps on the reference device, with how many there are."""
    from oriel import ort

    session = ort.InferenceSession(path, providers=["OpenVINOExecutionProvider"])
    return collections.Counter(s["op"] for s in compare.steps(session) if s["device"] == "REFERENCE")


def shares(path, worker, runs=5):
    """(milliseconds of a run, share of each operator type on the reference device): the run of least time of several."""
    from oriel import ort

    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = os.path.join(folder, "profile")
        session = ort.InferenceSession(path, options, providers=["OpenVINOExecutionProvider"])
        inputs = [(i.name, compare.TYPES[i.type[7:-1]], i.shape) for i in session.get_inputs()]
        feed = worker.make_feed(path, inputs, {})
        for _ in range(runs):
            session.run(None, feed)
        events = json.load(open(session.end_profiling()))
    # A run's event stands before those of its steps only by time: each step counts for the run it lies in.
    best = None
    for run in (e for e in events if e["name"] == "model_run"):
        inside = [e for e in events if e["cat"] == "Node" and run["ts"] <= e["ts"] < run["ts"] + max(run["dur"], 1)]
        spent = collections.Counter()
        for e in inside:
            if e["args"].get("device") == "REFERENCE":
                spent[e["args"]["op_name"]] += e["dur"]
        if best is None or run["dur"] < best[0]:
            best = (run["dur"], spent)
    total, spent = best
    return total / 1e3, {op: us / max(total, 1) for op, us in spent.items()}


def problems(path, worker=None):
    """Sentences about what breaks the rules; with a worker the shares are measured too."""
    types = reference_types(path)
    found = [f"{op} ({count} steps) runs on the reference device" for op, count in sorted(types.items()) if op not in allowed()]
    if worker is not None and types and not found:
        milliseconds, share = shares(path, worker)
        if milliseconds >= SHORTEST_MS:
            found += [f"{op} takes {part:.1%} of a run of {milliseconds:.2f} ms" for op, part in sorted(share.items()) if part >= MOST_SHARE]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--run", action="store_true", help="measure shares as well")
    args = parser.parse_args()
    worker = compare.load_worker() if args.run else None
    failed = 0
    for path in args.models:
        try:
            found = problems(path, worker)
        except Exception as error:
            found = [f"{type(error).__name__}: {str(error)[:300]}"]
        for sentence in found:
            print(f"{os.path.basename(path)}: {sentence}", flush=True)
        failed += bool(found)
    print(f"{len(args.models) - failed} of {len(args.models)} models within the rules")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
