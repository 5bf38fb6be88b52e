"""Runs a case on all engines and says which of them is wrong."""

import warnings
from dataclasses import dataclass

import departures
import processes
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


def _failed(index, told, how, detail):
    """The result of a case whose process did not come back: what onnxruntime does to its own process is no fault of Oriel's."""
    stage, label = told.get("stage", "generator"), told.get("label", "")
    if how == "error":
        return Result(index, label, "broken", detail)
    if stage == "onnxruntime":
        return Result(index, label, "alone", f"onnxruntime {how} {detail}")
    return Result(index, label, how, f"{stage} {how} {detail}")


def run_all(seed, indices, jobs, report, names=None, generator=None):
    """Runs the cases of the indices; `report(result)` is called as they end."""

    def work(index, tell):
        warnings.filterwarnings("ignore")
        case = make_case(seed, index, names, generator)
        tell("label", case.label)
        return run_case(case, index, lambda stage: tell("stage", stage))

    processes.run_all(indices, work, _failed, report, jobs, TIMEOUT_S)
