"""Runs cases in a few processes. A case that crashes or hangs its process is a result like any other."""

import os
import time
from dataclasses import dataclass

import cases as case_library
import engines
import processes

TIMEOUT_S = 60


@dataclass
class Result:
    """How one case ended: `status` is pass, load, run, value, crash, timeout or error; `detail` is the reason in one line."""

    name: str
    status: str
    detail: str = ""
    seconds: float = 0.0

    @property
    def passed(self):
        return self.status == "pass"


def run_case(case, engine, provider):
    """Runs one case in this process."""
    started = time.perf_counter()

    def result(status, detail=""):
        line = " ".join(str(detail).split())
        return Result(case.name, status, line[:400], time.perf_counter() - started)

    model, data_sets = case.load()
    try:
        session = engines.open_session(engine, provider, model)
    except Exception as error:
        return result("load", error)
    for inputs, expected in data_sets:
        try:
            actual = session(inputs)
        except Exception as error:
            return result("run", error)
        found = case_library.difference(expected, actual, case.rtol, case.atol, "_expanded" in case.name)
        if found:
            return result("value", found)
    return result("pass")


def run_all(cases, engine, provider, jobs=None, report=None):
    """Runs all cases; results come in the order of the cases. `report(result)` is called as they arrive."""
    results = {}

    def note(result):
        results[result.name] = result
        if report:
            report(result)

    def failed(index, told, how, detail):
        return Result(cases[index].name, how, detail, TIMEOUT_S if how == "timeout" else 0.0)

    jobs = max(1, min(jobs or os.cpu_count() or 1, len(cases)))
    processes.run_all(range(len(cases)), lambda i, tell: run_case(cases[i], engine, provider), failed, note, jobs, TIMEOUT_S)
    return [results[c.name] for c in cases]
