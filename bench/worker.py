"""One engine in one process, driven over stdin by timing.py.

Reads a JSON command a line and answers with a JSON line that begins with the byte 1:
  {"do": "load", "model": PATH, "feeds": NPZ, "threads": N}  load_s: seconds to a ready session; rss_mib: what it holds
  {"do": "first"}                                            first_ms: the first run; rss_mib
  {"do": "run", "seconds": S}                                runs, median_ms, min_ms
  {"do": "outputs", "to": NPZ}                               saves the outputs of one run
  {"do": "drop"}                                             lets go of the session
An answer with "error" says what failed. The engine is argv[1]: oriel, ort or openvino; argv[2] the processors to stay on.
"""

import json
import os
import sys
import time

import numpy as np

ENGINE = sys.argv[1]
LEAST_RUNS = 3
OPENVINO_TYPES = {
    "f32": "float32", "f16": "float16", "f64": "float64", "i64": "int64", "i32": "int32", "i16": "int16", "i8": "int8",
    "u64": "uint64", "u32": "uint32", "u16": "uint16", "u8": "uint8", "boolean": "bool",
}  # fmt: skip


def resident_mib():
    """Memory of this process that is in RAM, in MiB."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def plain(value):
    """An output as an array: sequences of maps become rows of values, sequences of tensors one flat array."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = [list(row.values()) for row in value]
    elif isinstance(value, list):
        value = np.concatenate([np.ravel(v) for v in value]) if value else np.zeros(0)
    value = np.asarray(value)
    return value.astype(str) if value.dtype == object else value


class Sessions:
    """Oriel or ONNX Runtime, through the interface that both have."""

    def __init__(self):
        if ENGINE == "oriel":
            import oriel.ort as runtime
        else:
            import onnxruntime as runtime
        self.runtime = runtime
        self.version = runtime.__version__

    def load(self, model, threads):
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        # Both of Oriel's providers run the same kernels; this one optimises as far as its peers do.
        providers = ["OpenVINOExecutionProvider", "CPUExecutionProvider"] if ENGINE == "oriel" else ["CPUExecutionProvider"]
        self.session = self.runtime.InferenceSession(model, options, providers=providers)

    def run(self, feeds):
        return self.session.run(None, feeds)

    def drop(self):
        self.session = None


class Requests:
    """OpenVINO on its CPU device, in f32."""

    def __init__(self):
        import openvino

        self.version = openvino.__version__
        self.core = openvino.Core()

    def load(self, model, threads):
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
        settings["INFERENCE_PRECISION_HINT"] = "f32"
        self.request = self.core.compile_model(model, "CPU", settings).create_infer_request()

    def run(self, feeds):
        result = self.request.infer(feeds, share_inputs=True, share_outputs=True)
        return [result[i] for i in range(len(result))]

    def drop(self):
        self.request = None


def timed_runs(engine, feeds, seconds):
    """Milliseconds of each run, for at least that long."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < LEAST_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        engine.run(feeds)
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)


def main():
    if len(sys.argv) > 2:
        os.sched_setaffinity(0, {int(cpu) for cpu in sys.argv[2].split(",")})
    engine = feeds = None
    before = 0.0
    for line in sys.stdin:
        command = json.loads(line)
        do = command["do"]
        try:
            if engine is None:
                engine = Requests() if ENGINE == "openvino" else Sessions()
            if do == "load":
                with np.load(command["feeds"], allow_pickle=True) as stored:
                    feeds = {name: stored[name] for name in stored.files}
                before = resident_mib()
                start = time.perf_counter()
                engine.load(command["model"], command["threads"])
                answer = {"load_s": time.perf_counter() - start, "rss_mib": max(0.0, resident_mib() - before)}
            elif do == "first":
                start = time.perf_counter()
                engine.run(feeds)
                answer = {"first_ms": (time.perf_counter() - start) * 1e3, "rss_mib": max(0.0, resident_mib() - before)}
            elif do == "run":
                times = timed_runs(engine, feeds, command["seconds"])
                answer = {"runs": len(times), "median_ms": times[len(times) // 2], "min_ms": times[0]}
            elif do == "outputs":
                np.savez(command["to"], *[plain(value) for value in engine.run(feeds)])
                answer = {}
            elif do == "drop":
                engine.drop()
                answer = {}
            else:
                answer = {"version": engine.version}
        except Exception as error:  # the driver reports it beside the engine's name
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:400]}
        print("\x01" + json.dumps(answer), flush=True)


main()
