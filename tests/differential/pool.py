"""Runs cases in processes that may crash or hang: how a case ended is its result."""

import multiprocessing
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import wait

import departures
import verdict
from generate import make_case

TIMEOUT_S = 30
# The reference computes in f64: what both f32 results lose to cancellation shows beside it.
F64 = 20


@dataclass
class Result:
    """How a case ended: `status` is same, alone, departure, or what is wrong; `detail` says more in one line."""

    index: int
    label: str
    status: str
    detail: str = ""

    @property
    def wrong(self):
        return self.status not in ("same", "alone", "departure", "refused")


def run_case(case, index, tell=lambda stage: None):
    """Runs one case. `tell(stage)` hears which engine runs next."""
    import runtimes

    def result(status, detail=""):
        return Result(index, case.label, status, " ".join(str(detail).split())[:500])

    found, again, failures = {}, {}, {}
    for engine in runtimes.ENGINES:
        tell(engine)
        try:
            found[engine], again[engine] = runtimes.run(engine, case, threads=1 + index % 2)
        except runtimes.Refused as refusal:
            failures[engine] = refusal
        except AssertionError as broken:
            return result("unsteady", broken)
    tell("comparison")
    oriel, reference, theirs = (found.get(e) for e in runtimes.ENGINES)
    if (oriel is None) != (reference is None):
        return result("devices", f"only one device refuses: {failures.get('oriel') or failures.get('reference')}")
    if oriel is not None:
        ours, plain = again["oriel"], again["reference"]
        if (ours is None) != (plain is None):
            return result("extents", f"only {'the reference' if ours is None else 'the optimised'} device runs the inputs of other extents")
        if ours is not None and (found_again := verdict.difference(plain, ours, case, F64)):
            return result("extents", f"with other extents: {found_again}")
        devices = verdict.difference(reference, oriel, case, F64)
        if theirs is None:
            if devices:
                return result("devices", devices)
            refusal = failures["onnxruntime"]
            if refusal.unsupported:
                return result("alone", refusal)
            return _judge(result, case, "accepts", str(refusal), oriel)
        ours = verdict.difference(theirs, oriel, case)
        plain = verdict.difference(theirs, reference, case, F64)
        if ours and plain:
            return result("devices", f"{devices} (and onnxruntime: {ours})") if devices else _judge(result, case, "value", ours, oriel)
        if ours:
            return result("optimised", ours)
        if plain:
            return result("reference", plain)
        return result("same")
    if theirs is None:
        return result("refused", failures["oriel"])
    return result("rejects", failures["oriel"])


def _judge(result, case, status, detail, ours):
    reason = departures.reason(case, status, detail, ours)
    return result("departure", reason) if reason else result(status, detail)


def _work(pipe, seed, names, generator):
    import warnings

    warnings.filterwarnings("ignore")
    while (index := pipe.recv()) is not None:
        try:
            case = make_case(seed, index, names, generator)
            pipe.send(("label", case.label))
            result = run_case(case, index, lambda stage: pipe.send(("stage", stage)))
        except Exception:
            result = Result(index, "", "broken", traceback.format_exc())
        pipe.send(("done", result))


class _Worker:
    def __init__(self, context, *arguments):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.index, self.stage, self.label, self.silent = None, "generator", "", 0

    def give(self, index):
        self.index, self.stage, self.label, self.silent = index, "generator", "", 0
        self.pipe.send(index)

    def stop(self):
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


def _failed(worker, how):
    """The result of a case whose process did not come back: what onnxruntime does to its own process is no fault of Oriel's."""
    if worker.stage == "onnxruntime":
        return Result(worker.index, worker.label, "alone", f"onnxruntime {how}")
    return Result(worker.index, worker.label, how.split()[0], f"{worker.stage} {how}")


def run_all(seed, indices, jobs, report, names=None, generator=None):
    """Runs the cases of the indices; `report(result)` is called as they end."""
    context = multiprocessing.get_context("fork")
    todo = iter(indices)
    workers = [_Worker(context, seed, names, generator) for _ in range(jobs)]
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
        waited = time.monotonic()
        ready = wait([w.pipe for w in busy], timeout=1.0)
        # At most a second counts each time: a machine that stands still is no hang.
        waited = min(time.monotonic() - waited, 1.0)
        for worker in list(busy):
            result = None
            if worker.pipe in ready:
                try:
                    kind, value = worker.pipe.recv()
                except EOFError:
                    worker.process.join()
                    result = _failed(worker, f"crash with code {worker.process.exitcode}")
                else:
                    if kind == "done":
                        result = value
                    else:
                        setattr(worker, kind, value)
                        worker.silent = 0
                        continue
            else:
                worker.silent += waited
                if worker.silent > TIMEOUT_S:
                    result = _failed(worker, f"timeout after {TIMEOUT_S} s")
                    worker.process.kill()
                    worker.process.join()
            if result is None:
                continue
            busy.remove(worker)
            report(result)
            if not worker.process.is_alive():
                worker.stop()
                worker = _Worker(context, seed, names, generator)
            assign(worker)
