#!/usr/bin/env python3
"""The differential fuzzer: random operators and graphs on Oriel's two devices and onnxruntime.

    python tests/differential/run.py --seed S --cases N [--only INDEX] [--save DIR] [--shrink]
"""

import argparse
import collections
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "shared")]
try:
    import oriel  # noqa: F401
except ModuleNotFoundError:
    sys.path.insert(0, str(HERE.parents[1] / "build" / "python"))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="index of the first case")
    parser.add_argument("--only", type=int, action="append", help="only this case, printed in full; may be repeated")
    parser.add_argument("--family", action="append", help="only cases of this family (other cases than without it)")
    parser.add_argument("--generator", help="only cases of this generator (other cases than without it)")
    parser.add_argument("--save", type=Path, help="write wrong cases (with --only: the named ones) as model.onnx and inputs.npz into this folder")
    parser.add_argument("--shrink", action="store_true", help="save and print wrong graphs as their smallest part that is wrong in the same way")
    parser.add_argument("--json", type=Path, help="write the results here, one JSON object a line")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--show", default="", help="also list results of these states, with commas between")
    return parser.parse_args()


def save(case, folder):
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    np.savez(folder / "inputs.npz", **case.feeds)


def describe(case):
    import onnx

    print(onnx.printer.to_text(case.model))
    for name, value in case.feeds.items():
        print(f"{name} = {value.dtype}{list(value.shape)} {str(value.tolist())[:300]}")


def main():
    options = parse()
    import generate
    import judge
    import shrink

    shown = set(filter(None, options.show.split(",")))
    counts, wrong, lines = collections.Counter(), [], []
    started = time.monotonic()

    def report(result):
        counts[result.status] += 1
        lines.append(result)
        if result.wrong:
            wrong.append(result)
        if result.wrong or result.status in shown or options.only:
            print(f"{result.index} {result.status} {result.label}: {result.detail}", flush=True)

    indices = options.only or range(options.first, options.first + options.cases)
    if options.only:
        for index in options.only:
            describe(generate.make_case(options.seed, index, options.family, options.generator))
    judge.run_all(options.seed, indices, min(options.jobs, len(indices)), report, options.family, options.generator)
    for result in lines if options.only else wrong:
        if not (options.save or options.shrink):
            break
        case = generate.make_case(options.seed, result.index, options.family, options.generator)
        if options.shrink and result.wrong:
            case = shrink.shrink(case, result.index, result.status)
            print(f"{result.index} {result.status}, made smaller:")
            describe(case)
        if options.save:
            save(case, options.save / f"{options.seed}-{result.index}")
    if options.json:
        options.json.write_text("".join(json.dumps(vars(r)) + "\n" for r in sorted(lines, key=lambda r: r.index)))
    total = ", ".join(f"{n} {status}" for status, n in counts.most_common())
    print(f"seed {options.seed}: {len(lines)} cases in {time.monotonic() - started:.0f} s: {total}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
