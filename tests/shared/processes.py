"""Runs items of work in a few processes that may crash or hang: how one ended is its result."""

import multiprocessing
import os
import time
import traceback
from multiprocessing.connection import wait


def _serve(pipe, work):
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    while (item := pipe.recv()) is not None:
        try:
            result = work(item, lambda key, value: pipe.send((key, value)))
        except Exception:
            pipe.send(("error", traceback.format_exc()))
        else:
            pipe.send((None, result))


class _Worker:
    def __init__(self, context, work):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, item):
        self.item, self.told, self.silent = item, {}, 0
        self.pipe.send(item)

    def stop(self):
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


def run_all(items, work, failed, report, jobs=None, timeout=30):
    """Calls `work(item, tell)` for every item, and `report(result)` as they end.

    `tell(key, value)` notes how far an item has come. One of which nothing is heard for `timeout` seconds is a hang.
    `failed(item, told, how, detail)` gives the result of an item that did not come back, where `how` is "crash",
    "timeout", or "error" for an exception.
    """
    context = multiprocessing.get_context("fork")
    todo = iter(items)
    busy = []

    def assign(worker):
        item = next(todo, None)
        if item is None:
            worker.stop()
        else:
            worker.give(item)
            busy.append(worker)

    for _ in range(jobs or os.cpu_count() or 1):
        assign(_Worker(context, work))
    while busy:
        waited = time.monotonic()
        ready = wait([w.pipe for w in busy], timeout=1.0)
        # At most a second counts each time: a machine that stands still is no hang.
        waited = min(time.monotonic() - waited, 1.0)
        for worker in list(busy):
            alive = True
            if worker.pipe in ready:
                try:
                    key, value = worker.pipe.recv()
                except EOFError:
                    worker.process.join()
                    alive = False
                    result = failed(worker.item, worker.told, "crash", f"with code {worker.process.exitcode}")
                else:
                    if key == "error":
                        result = failed(worker.item, worker.told, "error", value)
                    elif key is not None:
                        worker.told[key] = value
                        worker.silent = 0
                        continue
                    else:
                        result = value
            else:
                worker.silent += waited
                if worker.silent <= timeout:
                    continue
                alive = False
                result = failed(worker.item, worker.told, "timeout", f"after {timeout} s")
            busy.remove(worker)
            report(result)
            if not alive:
                worker.stop()
                worker = _Worker(context, work)
            assign(worker)
