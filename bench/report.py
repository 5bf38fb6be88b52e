#!/usr/bin/env python3
"""Times models and operators on Oriel and the installed peers, in one run, with what they reach of the machine.

    python bench/report.py [MODEL.onnx ...] [--operators REGEX] [--threads 1 2] [--dim NAME=N] [--json FILE] [--chart FILE.svg]

For every model and every row of operators.py whose name REGEX finds: the ratio of each peer's time to Oriel's (above 1 Oriel is faster),
the share of the machine's arithmetic and of its memory traffic that Oriel reaches, and for each engine seconds to load, milliseconds of the
first run and memory held. What the machine can do, and the work of a model, come from `oriel explain --measure`. Inputs of models are
random: floats from 0 to 1, integers 0 or 1, open dimensions 1 or as --dim says. docs/benchmarks.md tells how to read the figures.
"""

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import onnx
from onnx import helper
from operators import all_rows
from timing import Contest, geometric_mean, installed, python_of

PEERS = {"ort": "onnxruntime", "openvino": "OpenVINO"}


def shell_program():
    """The program oriel: of the build that the package is of, or on PATH; None where there is none."""
    find = "import oriel, pathlib, sys; print(pathlib.Path(oriel.__file__).parents[2] / 'bin' / 'oriel'); print(pathlib.Path(sys.executable).parent / 'oriel')"
    done = subprocess.run([python_of("oriel"), "-c", find], capture_output=True, text=True, check=False)
    for candidate in [*done.stdout.split("\n"), shutil.which("oriel") or ""]:
        if candidate and Path(candidate).is_file():
            return candidate
    return None


def random_feeds(path, dims):
    """Inputs of a model by name."""
    graph = onnx.load(path, load_external_data=False).graph
    given = {t.name for t in graph.initializer}
    rng = np.random.default_rng(0)
    feeds = {}
    for value in graph.input:
        if value.name in given:
            continue
        if not value.type.HasField("tensor_type"):
            raise ValueError(f"input {value.name} is no tensor")
        tensor = value.type.tensor_type
        shape = [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else dims.get(d.dim_param, 1) for d in tensor.shape.dim]
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        numbers = rng.random(shape) if np.dtype(kind).kind == "f" else rng.integers(0, 2, shape)
        feeds[value.name] = np.asarray(numbers).astype(kind)
    return feeds


def work_of(program, model, feeds, threads, folder):
    """(FLOP and bytes of a run, FLOP/s and bytes/s of the machine), None where Oriel cannot tell."""
    command = [program, "explain", str(model), "--measure", "--repeat", "1", "--threads", str(threads), "--json"]
    for i, (name, array) in enumerate(feeds.items()):
        np.save(folder / f"{i}.npy", array)
        command += ["--input", f"{name}={folder / f'{i}.npy'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    document = json.loads(done.stdout)
    steps = document["steps"]
    if any("flops" not in s for s in steps) or not steps:
        return None
    measured = document["measured"]
    return sum(s["flops"] for s in steps), sum(s["bytes"] for s in steps), measured["machine_flops_per_second"], measured["machine_bytes_per_second"]


def measure(items, engines, arguments, program):
    """One dictionary an item and number of threads."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for threads in arguments.threads:
            with Contest(engines, threads, arguments.rounds, arguments.seconds) as contest:
                for name, kind, make in items:
                    model, feeds = make()
                    if isinstance(model, bytes):
                        (folder / "model.onnx").write_bytes(model)
                        model = folder / "model.onnx"
                    result = {"name": name, "kind": kind, "threads": threads, "engines": contest.measure(model, feeds)}
                    work = work_of(program, model, feeds, threads, folder) if program else None
                    oriel = result["engines"]["oriel"]
                    if work is not None and "median_ms" in oriel:
                        seconds = oriel["median_ms"] / 1e3
                        result |= {"flops": work[0], "bytes": work[1], "share_of_flops": work[0] / seconds / work[2], "share_of_bytes": work[1] / seconds / work[3]}
                    results.append(result)
                    print_result(result)
    return results


def print_result(result):
    """One line an engine."""
    for engine, times in result["engines"].items():
        head = f"{result['name'][:44]:44s} t{result['threads']} {engine:9s}"
        if "error" in times:
            print(f"{head} {times['error'][:110]}", flush=True)
            continue
        shares = ""
        if engine == "oriel" and "share_of_flops" in result:
            shares = f"  {result['share_of_flops']:4.0%} of FLOP/s {result['share_of_bytes']:4.0%} of bytes/s"
        ratio = f"x{times['ratio']:6.2f}" if "ratio" in times else "       "
        print(f"{head} {ratio}  load {times['load_s']:7.3f} s  first {times['first_ms']:8.2f} ms  {times['rss_mib']:7.1f} MiB{shares}", flush=True)


def chart(results, engines, path):
    """Bars of the peers' times over Oriel's, on a logarithmic scale, as SVG."""
    bars = [(f"{r['name']}, {r['threads']} thread{'s' if r['threads'] > 1 else ''}", e, r["engines"][e]["ratio"])
            for r in results for e in engines[1:] if "ratio" in r["engines"][e]]  # fmt: skip
    left, width, line = 330, 560, 18
    reach = max([abs(math.log2(ratio)) for _, _, ratio in bars], default=1)
    reach = max(1, math.ceil(reach))
    at = lambda ratio: left + width / 2 * (1 + math.log2(ratio) / reach)
    colors = {"ort": "#4477aa", "openvino": "#ee7733"}
    height = 60 + line * len(bars)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height}" font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="white"/>', '<text x="10" y="18" font-size="13">Time of the peer over Oriel\'s: right of 1 Oriel is faster</text>']  # fmt: skip
    for i, engine in enumerate(engines[1:]):
        parts.append(f'<rect x="{left + 120 * i}" y="26" width="10" height="10" fill="{colors[engine]}"/><text x="{left + 120 * i + 15}" y="35">{PEERS[engine]}</text>')
    for power in range(-reach, reach + 1):
        x = at(2.0**power)
        parts.append(f'<line x1="{x:.1f}" y1="44" x2="{x:.1f}" y2="{height - 14}" stroke="{"#000" if power == 0 else "#ccc"}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 2}" text-anchor="middle">{2.0**power:g}</text>')
    for i, (name, engine, ratio) in enumerate(bars):
        y = 48 + line * i
        low, high = sorted((at(1.0), at(ratio)))
        parts.append(f'<text x="{left - 8}" y="{y + 10}" text-anchor="end">{escape(name[:52])}</text>')
        parts.append(f'<rect x="{low:.1f}" y="{y}" width="{max(high - low, 0.5):.1f}" height="12" fill="{colors[engine]}"/>')
        parts.append(f'<text x="{left + width + 8}" y="{y + 10}">{ratio:.2f}</text>')
    Path(path).write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL")
    parser.add_argument("--operators", metavar="REGEX", help="rows of operators.py too; '' for all of them")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), help="default: what is installed")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=N", help="an open dimension of models' inputs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each engine in each round")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--chart", metavar="FILE.svg", help="draw the ratios")
    arguments = parser.parse_args()
    engines = ["oriel", *(arguments.peers or [peer for peer in PEERS if installed(peer)])]
    for engine in engines:
        if not installed(engine):
            parser.error(f"{engine} is not installed; ORIEL_PYTHON and PEERS_PYTHON name Pythons that have the engines")
    try:
        dims = {name: int(number) for name, number in (pair.split("=", 1) for pair in arguments.dim)}
    except ValueError:
        parser.error("--dim takes NAME=N")
    items = [(path.stem, "model", lambda path=path: (path.resolve(), random_feeds(path, dims))) for path in arguments.models]
    if arguments.operators is not None:
        items += [(row.name, "operator", row.model) for row in all_rows() if re.search(arguments.operators, row.name, re.IGNORECASE)]
    if not items:
        parser.error("name a model, or operators by --operators")
    program = shell_program()
    if program is None:
        print("there is no program oriel: shares of the machine are left out", file=sys.stderr)
    results = measure(items, engines, arguments, program)
    for engine in engines[1:]:
        for threads in arguments.threads:
            ratios = [r["engines"][engine]["ratio"] for r in results if r["threads"] == threads and "ratio" in r["engines"][engine]]
            if ratios:
                print(f"{PEERS[engine]} over Oriel, {threads} thread(s): geometric mean {geometric_mean(ratios):.2f} of {len(ratios)}, lowest {min(ratios):.2f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    if arguments.chart:
        chart(results, engines, arguments.chart)
    return 0


if __name__ == "__main__":
    sys.exit(main())
