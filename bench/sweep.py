#!/usr/bin/env python3
"""Times convolutions and matrix products of random shapes on Oriel and the installed peers, in one run.

    python bench/sweep.py [--seed N] [--convolutions 300] [--products 300] [--threads 1 2] [--rounds N] [--seconds S] [--json FILE]

Shapes are drawn from a seed that is new in every run and printed; --seed repeats a run. Every shape has the weights in the model, as
models do. The ratio is Oriel's time over that of the better peer: below 1 Oriel is faster. Printed are the shapes beyond --limit,
and the geometric means by kind of shape. Exit status 1 with --check where a shape is beyond the limit or Oriel fails.
"""

import argparse
import json
import secrets
import sys

import numpy as np
from operators import fixed, normal, row
from timing import Contest, geometric_mean, installed

MOST_FLOPS = 1.5e9
LEAST_FLOPS = 1e5
MOST_ELEMENTS = 1 << 24


def log_uniform(rng, low, high):
    """A whole number of [low, high], small ones as often as large ones."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def draw_convolution(rng):
    """(row, kind, FLOPs) of one convolution; any size that MOST_FLOPS and MOST_ELEMENTS allow."""
    while True:
        batch = int(rng.integers(1, 5)) if rng.random() < 0.3 else 1
        size = [log_uniform(rng, 1, 300)] * 2
        if rng.random() < 0.3:
            size[1] = log_uniform(rng, 1, 300)
        kernel = [int(rng.choice([1, 3, 5, 7, 2, 4, 6, 8, 9, 10, 11], p=[0.3, 0.3, 0.1, 0.08, 0.04, 0.04, 0.02, 0.02, 0.04, 0.02, 0.04]))] * 2
        if rng.random() < 0.1:
            kernel[1] = int(rng.integers(1, 12))
        stride = int(rng.choice([1, 2, 3, 4], p=[0.65, 0.25, 0.05, 0.05]))
        dilation = int(rng.choice([1, 2, 3], p=[0.85, 0.1, 0.05]))
        channels, features = log_uniform(rng, 1, 1100), log_uniform(rng, 1, 1100)
        form, group = rng.random(), 1
        if form < 0.15:
            group, features = channels, channels
        elif form < 0.3:
            group = log_uniform(rng, 2, 64)
            channels, features = -(-channels // group) * group, -(-features // group) * group
        if max(channels, features) > 1100:
            continue
        spans = [dilation * (k - 1) + 1 for k in kernel]
        pads = [s // 2 for s in spans] if rng.random() < 0.8 else [0, 0]
        out = [(n + 2 * p - s) // stride + 1 for n, p, s in zip(size, pads, spans)]
        if any(n + 2 * p < s for n, p, s in zip(size, pads, spans)):
            continue
        flops = 2.0 * batch * features * out[0] * out[1] * (channels // group) * kernel[0] * kernel[1]
        elements = max(batch * channels * size[0] * size[1], batch * features * out[0] * out[1], features * (channels // group) * kernel[0] * kernel[1])
        if not LEAST_FLOPS <= flops <= MOST_FLOPS or elements > MOST_ELEMENTS:
            continue
        depthwise = group > 1 and channels == features == group
        kind = ("depthwise" if depthwise else "grouped" if group > 1 else "1x1" if kernel == [1, 1] else "3x3" if kernel == [3, 3] else "other") + " convolution"
        weight = normal(features, channels // group, *kernel, scale=(channels // group * kernel[0] * kernel[1]) ** -0.5)
        note = f"{batch}x{channels}x{size[0]}x{size[1]} to {features}, {kernel[0]}x{kernel[1]}, stride {stride}, dilation {dilation}, pads {pads[0]} {pads[1]}, {group} groups"
        return row("Conv", normal(batch, channels, *size), fixed(weight), fixed(normal(features)), note=note, kernel_shape=kernel, strides=[stride] * 2,
                   dilations=[dilation] * 2, pads=pads * 2, group=group), kind, flops  # fmt: skip


def draw_product(rng):
    """(row, kind, FLOPs) of one matrix product."""
    while True:
        rows = int(rng.choice([1, log_uniform(rng, 1, 8), log_uniform(rng, 1, 1100)], p=[0.15, 0.15, 0.7]))
        inner, columns = log_uniform(rng, 1, 4400), log_uniform(rng, 1, 4400)
        flops = 2.0 * rows * inner * columns
        if not LEAST_FLOPS <= flops <= MOST_FLOPS:
            continue
        kind = "product of one row" if rows == 1 else "product of few rows" if rows <= 8 else "product"
        note = f"{rows}x{inner} {inner}x{columns}"
        if rng.random() < 0.5:
            return row("MatMul", normal(rows, inner), fixed(normal(inner, columns, scale=inner**-0.5)), note=note), kind, flops
        weight = fixed(normal(columns, inner, scale=inner**-0.5))
        return row("Gemm", normal(rows, inner), weight, fixed(normal(columns)), note=note + " transposed", transB=1), kind, flops


def measure(draws, engines, threads, rounds, seconds):
    """One dictionary a draw: name, kind, flops, threads, each engine's figures, and ratio to the better peer."""
    results = []
    with Contest(engines, threads, rounds, seconds) as contest:
        for i, (shape, kind, flops) in enumerate(draws):
            if sys.stderr.isatty():
                print(f"\r\033[K{i + 1}/{len(draws)} {shape.name}", end="", file=sys.stderr, flush=True)
            model, feeds = shape.model()
            times = contest.measure(model, feeds)
            peers = [times[e]["ratio"] for e in engines[1:] if "ratio" in times[e]]
            result = {"row": shape.name, "kind": kind, "flops": flops, "threads": threads, **times}
            if peers:
                result["ratio"] = 1 / min(peers)
            results.append(result)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return results


def print_results(results, limit):
    """Shapes beyond the limit, worst first; failures; geometric means by kind."""
    compared = sorted((r for r in results if "ratio" in r), key=lambda r: -r["ratio"])
    for r in compared:
        if r["ratio"] > limit:
            print(f"{r['ratio']:6.2f}  t{r['threads']}  {r['row']}")
    for r in results:
        if "error" in r["oriel"]:
            print(f"    --  t{r['threads']}  {r['row']}: {r['oriel']['error'][:150]}")
        for engine, times in r.items():
            if isinstance(times, dict) and times.get("difference", 0) > 1e-3:
                print(f"    !!  t{r['threads']}  {r['row']}: differs from {engine} by {times['difference']:.0e}")
    for threads in sorted({r["threads"] for r in results}):
        print(f"geometric means of Oriel's time over the better peer's, {threads} thread(s)")
        for kind in [*sorted({r["kind"] for r in results}), ""]:
            ratios = [r["ratio"] for r in compared if r["threads"] == threads and kind in (r["kind"], "")]
            if ratios:
                beyond = sum(x > limit for x in ratios)
                print(f"  {kind or 'all':24s} {geometric_mean(ratios):5.2f}  of {len(ratios)}, {beyond} beyond {limit}, worst {max(ratios):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="default: a new one")
    parser.add_argument("--convolutions", type=int, default=300)
    parser.add_argument("--products", type=int, default=300)
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--peers", nargs="+", choices=["ort", "openvino"], help="default: what is installed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.02, help="of each engine in each round")
    parser.add_argument("--limit", type=float, default=1.2)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    arguments = parser.parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    peers = arguments.peers or [peer for peer in ("ort", "openvino") if installed(peer)]
    for engine in ("oriel", *peers):
        if not installed(engine):
            parser.error(f"{engine} is not installed; ORIEL_PYTHON and PEERS_PYTHON name Pythons that have the engines")
    if not peers:
        parser.error("neither onnxruntime nor openvino is installed; PEERS_PYTHON names a Python that has them")
    print(f"seed {seed}, peers: {', '.join(peers)}", flush=True)
    rng = np.random.default_rng(seed)
    draws = [draw_convolution(rng) for _ in range(arguments.convolutions)] + [draw_product(rng) for _ in range(arguments.products)]
    results = [r for t in arguments.threads for r in measure(draws, ["oriel", *peers], t, arguments.rounds, arguments.seconds)]
    print_results(results, arguments.limit)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"seed": seed, "results": results}, file, indent=1)
    bad = [r for r in results if "error" in r["oriel"] or r.get("ratio", 0) > arguments.limit]
    return 1 if arguments.check and bad else 0


if __name__ == "__main__":
    sys.exit(main())
