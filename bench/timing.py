"""Times engines against each other on one model: each in a process of its own, all in rounds that stand side by side.

Rounds go A B C, A B C, ...; what counts is the median over the rounds of the ratio within a round, so that a machine whose
speed drifts favours nobody. Times of different calls are not comparable.

Programs: ORIEL_PYTHON runs Oriel, PEERS_PYTHON onnxruntime and openvino; both default to the Python that runs this.
"""

import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MODULES = {"oriel": "oriel", "ort": "onnxruntime", "openvino": "openvino"}
WARM_UP = 0.25  # of a turn, before it: threads of the engine before have gone to sleep by then


def python_of(engine):
    """The program that runs an engine."""
    return os.environ.get("ORIEL_PYTHON" if engine == "oriel" else "PEERS_PYTHON") or sys.executable


def installed(engine):
    """Whether the engine's Python finds its package."""
    if python_of(engine) == sys.executable:
        return importlib.util.find_spec(MODULES[engine]) is not None
    check = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({MODULES[engine]!r}) is None)"
    return subprocess.run([python_of(engine), "-c", check], check=False).returncode == 0


class Engine:
    """A worker process. Commands return its answer; one that has died answers with an error."""

    def __init__(self, name, threads):
        self.name = name
        self.threads = threads
        self.process = None

    def start(self):
        cpus = sorted(os.sched_getaffinity(0), reverse=True)[: self.threads]
        self.process = subprocess.Popen(
            [python_of(self.name), str(HERE / "worker.py"), self.name, ",".join(map(str, cpus))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def __call__(self, **command):
        if self.process is None or self.process.poll() is not None:
            self.start()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            for line in self.process.stdout:
                if line.startswith("\x01"):
                    return json.loads(line[1:])
        return {"error": f"the process ended with status {self.process.wait()}"}

    def close(self):
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def difference(got, want):
    """Largest error of saved outputs, each relative to the largest finite magnitude in `want`; infinite for other shapes, texts or places
    of what is not finite."""
    worst = 0.0
    with np.load(got) as ours, np.load(want) as theirs:
        if len(ours.files) != len(theirs.files):
            return float("inf")
        for name in theirs.files:
            a, b = ours[name], theirs[name]
            if a.shape != b.shape or (b.dtype.kind == "U") != (a.dtype.kind == "U"):
                return float("inf")
            if b.dtype.kind == "U":
                worst = worst if np.array_equal(a, b) else float("inf")
                continue
            a, b = a.astype(np.float64), b.astype(np.float64)
            finite = np.isfinite(b)
            if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
                return float("inf")
            if finite.any():
                scale = float(np.max(np.abs(b[finite]))) or 1.0
                worst = max(worst, float(np.max(np.abs(a[finite] - b[finite]))) / scale)
    return worst


class Contest:
    """Engines at a number of threads. Use as a context; the first engine is the one that ratios refer to."""

    def __init__(self, engines, threads, rounds=5, seconds=0.03):
        self.engines = [Engine(name, threads) for name in engines]
        self.threads = threads
        self.rounds = rounds
        self.seconds = seconds

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *_):
        for engine in self.engines:
            engine.close()
        self.folder.cleanup()

    def measure(self, model, feeds, compare=True):
        """Runs a model (path, or bytes) with one set of inputs on every engine.

        Returns engine -> {load_s, first_ms, rss_mib, median_ms, ratio, error_vs_first} or {error}. `ratio` is an engine's time
        over that of the first engine: above 1 the first one is faster. `difference` is how far outputs are from the first
        engine's.
        """
        folder = Path(self.folder.name)
        if isinstance(model, bytes):
            (folder / "model.onnx").write_bytes(model)
            model = folder / "model.onnx"
        np.savez(folder / "feeds.npz", **feeds)
        rows = {}
        for engine in self.engines:
            row = engine(do="load", model=str(model), feeds=str(folder / "feeds.npz"), threads=self.threads)
            if "error" not in row:
                row |= engine(do="first")
            if "error" not in row and compare:
                row |= engine(do="outputs", to=str(folder / f"{engine.name}.npz"))
            rows[engine.name] = row
        alive = [engine for engine in self.engines if "error" not in rows[engine.name]]
        times = {engine.name: [] for engine in alive}
        for _ in range(self.rounds):
            for engine in alive:
                if len(alive) > 1:
                    engine(do="run", seconds=self.seconds * WARM_UP)
                times[engine.name].append(engine(do="run", seconds=self.seconds).get("median_ms", float("nan")))
        first = self.engines[0].name
        for engine in alive:
            row = rows[engine.name]
            row["median_ms"] = statistics.median(times[engine.name])
            if first in times:
                row["ratio"] = statistics.median(a / b for a, b in zip(times[engine.name], times[first]))
                if compare and engine.name != first:
                    row["difference"] = difference(folder / f"{first}.npz", folder / f"{engine.name}.npz")
            engine(do="drop")
        return rows


def geometric_mean(ratios):
    """Of at least one positive number."""
    return statistics.geometric_mean(ratios)
