#!/usr/bin/env python3
"""What a new input shape costs against a repeated one, and whether memory stays on a plateau over many shapes.

    new_shapes.py MODEL.onnx --extent seq=1:300 [--extent NAME=LOW:HIGH[:STEP]] [--sum total=past+seq] [--shapes 1000]

Every shape is drawn at random, run once as new (unless it was drawn before) and three times again. Printed are the ratios
of the new run to the median of the repeated ones, in time of the calling thread with one thread, and resident memory along
the way. Integer inputs are zeros, masks ones, floats normal numbers.
"""

import argparse
import re
import statistics
import time

import numpy as np

import oriel.ort as ort

KINDS = {"float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_}


def resident_mib():
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * 4 / 1024


def seconds_of(session, feed):
    start = time.thread_time()
    session.run(None, feed)
    return time.thread_time() - start


def draw(inputs, extents, sums, rng):
    """A feed of one random shape and the extents that tell it from others."""
    drawn = {name: int(rng.integers(low, high + 1)) // step * step or step for name, (low, high, step) in extents.items()}
    drawn.update({name: sum(drawn[part] for part in parts) for name, parts in sums.items()})
    feed = {}
    for i in inputs:
        shape = [d if isinstance(d, int) else drawn[d] for d in i.shape]
        kind = i.type[7:-1]
        if "mask" in i.name:
            feed[i.name] = np.ones(shape, KINDS.get(kind, kind))
        elif kind in KINDS:
            feed[i.name] = rng.standard_normal(shape).astype(KINDS[kind])
        else:
            feed[i.name] = np.zeros(shape, kind)
    return tuple(drawn.items()), feed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--extent", action="append", default=[], metavar="NAME=LOW:HIGH[:STEP]")
    parser.add_argument("--sum", action="append", default=[], metavar="NAME=PART+PART")
    parser.add_argument("--shapes", type=int, default=1000)
    args = parser.parse_args()
    extents, sums = {}, {}
    for text in args.extent:
        name, numbers = text.split("=")
        extents[name] = (*map(int, numbers.split(":")), 1)[:3]
    for text in args.sum:
        name, *parts = re.split("[=+]", text)
        sums[name] = parts
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    named = {d for i in session.get_inputs() for d in i.shape if not isinstance(d, int)}
    if named - set(extents) - set(sums):
        parser.error(f"no --extent for {', '.join(sorted(map(str, named - set(extents) - set(sums))))}")
    rng = np.random.default_rng(0)
    seen, ratios, memory = set(), [], []
    for i in range(args.shapes):
        key, feed = draw(session.get_inputs(), extents, sums, rng)
        first = seconds_of(session, feed)
        again = statistics.median(seconds_of(session, feed) for _ in range(3))
        if key not in seen:
            ratios.append(first / again)
        seen.add(key)
        if (i + 1) % max(1, args.shapes // 5) == 0:
            memory.append(resident_mib())
    p50, p95 = np.percentile(ratios, [50, 95])
    print(f"{len(ratios)} new shapes: {p50:.2f} times a repeated one, {p95:.2f} at the 95th percentile")
    print("resident MiB along the way: " + ", ".join(f"{m:.0f}" for m in memory))


if __name__ == "__main__":
    main()
