#!/usr/bin/env python3
"""Times Oriel and onnxruntime on models of one operator, in one run, and prints the ratios, worst first.

    python bench/ops.py [--only REGEX] [--threads 1 2] [--peer openvino] [--rounds N] [--seconds S] [--json FILE] [--limit 1.5]

One line a row of operators.py: the ratio is Oriel's time over the peer's, so above 1 Oriel is slower. Rows beyond --limit are
marked. Rows that an engine cannot run are listed at the end with its reason. docs/benchmarks.md tells how to read the figures.
Exit status 1 with --check where a row is beyond the limit or Oriel fails.
"""

import argparse
import json
import re
import sys

from operators import all_rows
from timing import Contest, geometric_mean, installed


def measure(rows, peer, threads, rounds, seconds, progress):
    """One dictionary a row: name, op, threads, oriel, peer (see Contest.measure) and ratio where both ran."""
    results = []
    with Contest(["oriel", peer], threads, rounds, seconds) as contest:
        for i, row in enumerate(rows):
            if progress:
                print(f"\r\033[K{i + 1}/{len(rows)} {row.name}", end="", file=sys.stderr, flush=True)
            model, feeds = row.model()
            times = contest.measure(model, feeds)
            result = {"row": row.name, "op": row.full_name, "threads": threads, "oriel": times["oriel"], peer: times[peer]}
            if "ratio" in times[peer]:
                result["ratio"] = 1 / times[peer]["ratio"]
            results.append(result)
    if progress:
        print("\r\033[K", end="", file=sys.stderr)
    return results


def print_results(results, peer, limit):
    """Rows with a ratio, worst first; the mean; then the failures."""
    compared = sorted((r for r in results if "ratio" in r), key=lambda r: -r["ratio"])
    for r in compared:
        mark = " SLOW" if r["ratio"] > limit else ""
        print(f"{r['ratio']:7.2f}  t{r['threads']}  {r['row']:48s} {r['oriel']['median_ms'] * 1e3:10.1f} us {r[peer]['median_ms'] * 1e3:10.1f} us"
              f"  differs {r[peer].get('difference', float('nan')):.0e}{mark}")  # fmt: skip
    for r in results:
        for engine in ("oriel", peer):
            if "error" in r[engine]:
                print(f"     --  t{r['threads']}  {r['row']:48s} {engine}: {r[engine]['error'][:150]}")
    if compared:
        slow = [r for r in compared if r["ratio"] > limit]
        print(f"{len(compared)} rows compared with {peer}: geometric mean {geometric_mean([r['ratio'] for r in compared]):.2f}, {len(slow)} beyond {limit}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose name it finds, in any case")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--peer", default="ort", choices=["ort", "openvino"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.02, help="of each engine in each round")
    parser.add_argument("--limit", type=float, default=1.5)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    arguments = parser.parse_args()
    rows = [row for row in all_rows() if re.search(arguments.only, row.name, re.IGNORECASE)]
    if arguments.list:
        print("\n".join(row.name for row in rows))
        return 0
    if not rows:
        parser.error(f"no row's name has {arguments.only}")
    for engine in ("oriel", arguments.peer):
        if not installed(engine):
            parser.error(f"{engine} is not installed; ORIEL_PYTHON and PEERS_PYTHON name Pythons that have the engines")
    results = []
    for threads in arguments.threads:
        part = measure(rows, arguments.peer, threads, arguments.rounds, arguments.seconds, sys.stderr.isatty())
        print_results(part, arguments.peer, arguments.limit)
        results += part
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    bad = [r for r in results if "error" in r["oriel"] or r.get("ratio", 0) > arguments.limit]
    return 1 if arguments.check and bad else 0


if __name__ == "__main__":
    sys.exit(main())
