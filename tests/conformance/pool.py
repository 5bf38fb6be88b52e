"""Runs cases in a few processes. A case that crashes or hangs its process is a result like any other."""

import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import wait

import cases as case_library
import engines

TIMEOUT_S = 60


@dataclass
class Result:
    """How one case ended: `status` is pass, load, run, value, crash or timeout; `detail` is the reason in one line."""

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
        found = case_library.difference(expected, actual, case.rtol, case.atol)
        if found:
            return result("value", found)
    return result("pass")


def _work(pipe, cases, engine, provider):
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    while (index := pipe.recv()) is not None:
        pipe.send(run_case(cases[index], engine, provider))


class _Worker:
    def __init__(self, context, cases, engine, provider):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, cases, engine, provider), daemon=True)
        self.process.start()
        theirs.close()
        self.index = None
        self.deadline = 0.0

    def give(self, index):
        self.index = index
        self.deadline = time.monotonic() + TIMEOUT_S
        self.pipe.send(index)

    def stop(self):
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


def run_all(cases, engine, provider, jobs=None, report=None):
    """Runs all cases; results come in the order of the cases. `report(result)` is called as they arrive."""
    context = multiprocessing.get_context("fork")
    jobs = max(1, min(jobs or os.cpu_count() or 1, len(cases)))
    results = [None] * len(cases)
    todo = iter(range(len(cases)))
    workers = [_Worker(context, cases, engine, provider) for _ in range(jobs)]
    busy = []

    def assign(worker):
        index = next(todo, None)
        if index is None:
            worker.stop()
        else:
            worker.give(index)
            busy.append(worker)

    for worker in workers:
        assign(worker)
    while busy:
        ready = wait([w.pipe for w in busy], timeout=1.0)
        for worker in list(busy):
            name = cases[worker.index].name
            if worker.pipe in ready:
                try:
                    result = worker.pipe.recv()
                except EOFError:
                    worker.process.join()
                    result = Result(name, "crash", f"the process ended with code {worker.process.exitcode}")
            elif time.monotonic() > worker.deadline:
                result = Result(name, "timeout", f"took more than {TIMEOUT_S} s", TIMEOUT_S)
            else:
                continue
            busy.remove(worker)
            results[worker.index] = result
            if report:
                report(result)
            if result.status in ("crash", "timeout"):
                worker.stop()
                worker = _Worker(context, cases, engine, provider)
            assign(worker)
    return results
