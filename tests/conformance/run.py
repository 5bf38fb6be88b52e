#!/usr/bin/env python3
"""Runs the cases that the onnx package ships, for developers; pytest runs the same through test_conformance.py."""

import argparse
import collections
import fnmatch
import json
import os
import re
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "shared")]

import cases as case_library  # noqa: E402
import engines  # noqa: E402
import runner  # noqa: E402
from expectations import expected_failures, verdict  # noqa: E402


def select(cases, patterns):
    """Cases whose name contains, or matches as a shell pattern, one of the patterns."""
    if not patterns:
        return cases
    return [c for c in cases if any(p in c.name or fnmatch.fnmatch(c.name, p) for p in patterns)]


def cause(result):
    """A failure without what is particular to one case: names in quotes, numbers, places."""
    text = re.sub(r"\(node \"[^)]*\)", "", result.detail)
    text = re.sub(r"\"[^\"]*\"", '"..."', text)
    text = re.sub(r"[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?", "N", text)
    return f"{result.status}: {text.strip()}"[:160]


def write_results(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps([vars(r) for r in results], indent=1))
    else:
        lines = ["name\tstatus\tseconds\tdetail"] + [f"{r.name}\t{r.status}\t{r.seconds:.4f}\t{r.detail}" for r in results]
        path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filter", "-k", action="append", default=[], help="part of a name, or a shell pattern; may be repeated")
    parser.add_argument("--kind", action="append", choices=case_library.KINDS, help="only these kinds of cases")
    parser.add_argument("--engine", choices=engines.ENGINES, default=os.environ.get("ORIEL_TEST_ENGINE", "oriel"))
    parser.add_argument("--provider", default=os.environ.get("ORIEL_TEST_PROVIDER", "CPUExecutionProvider"))
    parser.add_argument("--threads", type=int, help="threads of a session; 1 where not given")
    parser.add_argument("--no-optimization", action="store_true", help="run the graphs as they are")
    parser.add_argument("--jobs", "-j", type=int, help="processes; all processors where not given")
    parser.add_argument("--in-process", action="store_true", help="run in this process, for a debugger")
    parser.add_argument("--list-failures", action="store_true", help="print every unexpected result, not only the causes")
    parser.add_argument("--ignore-expectations", action="store_true", help="count expected failures as failures")
    parser.add_argument("--results", type=Path, help="write results to this file, .json or .tsv")
    options = parser.parse_args()
    if options.threads:
        os.environ["ORIEL_TEST_THREADS"] = str(options.threads)
    if options.no_optimization:
        os.environ["ORIEL_TEST_OPTIMIZATION"] = "off"

    try:
        import oriel  # noqa: F401
    except ModuleNotFoundError:
        sys.path.insert(0, str(HERE.parents[1] / "build" / "python"))

    cases = select(case_library.load_cases(options.kind or case_library.KINDS), options.filter)
    if not cases:
        print("no case has such a name", file=sys.stderr)
        return 2
    started = time.monotonic()
    if options.in_process:
        results = [runner.run_case(c, options.engine, options.provider) for c in cases]
    else:
        results = runner.run_all(cases, options.engine, options.provider, options.jobs)
    seconds = time.monotonic() - started

    reasons = {} if options.ignore_expectations or options.engine != "oriel" else expected_failures()
    bad = [(r, line) for r, (ok, line) in ((r, verdict(r, reasons)) for r in results) if not ok]
    if options.results:
        write_results(options.results, results)
    if options.list_failures or len(cases) <= 20:
        for result, line in bad:
            print(f"{result.name}: {line}")
    else:
        for text, count in collections.Counter(cause(r) for r, _ in bad).most_common():
            print(f"{count:5}  {text}")
    passed = sum(r.passed for r in results)
    expected = sum(not r.passed and r.name in reasons for r in results)
    print(f"{len(results)} cases: {passed} pass, {expected} fail as expected, {len(bad)} unexpected; {seconds:.1f} s "
          f"({options.engine}, {options.provider})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
