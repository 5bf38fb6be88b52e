"""Makes a wrong case smaller: fewer outputs and nodes, as long as it ends the same way."""

import copy
import multiprocessing

import judge


def _ends(case, index, status, pipe):
    result = judge.run_case(case, index)
    pipe.send(result.status == status)


def _still(case, index, status):
    """Whether the case ends with `status`; tried in a process of its own, as engines may crash."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_ends, args=(case, index, status, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(judge.TIMEOUT_S) else status == "timeout"
    except EOFError:
        return status == "crash"
    finally:
        process.kill()
        process.join()


def _used(nodes, outputs):
    """The nodes that the outputs need, and the names that those read."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.insert(0, node)
            needed.update(node.input)
            for attribute in node.attribute:
                for inner in attribute.g.node:
                    needed.update(inner.input)
    return kept, needed


def with_outputs(case, outputs):
    """The part of a case that computes `outputs`."""
    part = copy.deepcopy(case)
    graph = part.model.graph
    nodes, needed = _used(list(graph.node), outputs)
    inputs = [i for i in graph.input if i.name in needed]
    held = [t for t in graph.initializer if t.name in needed]
    for field, items in (("node", nodes), ("input", inputs), ("initializer", held)):
        del getattr(graph, field)[:]
        getattr(graph, field).extend(items)
    del graph.output[:]
    for name in outputs:
        graph.output.add().name = name
    part.feeds = {i.name: case.feeds[i.name] for i in inputs}
    part.ops = sorted({n.op_type for n in nodes if n.op_type != "Constant"})
    return part


def shrink(case, index, status):
    """The smallest part of the case that still ends with `status`: the first value that does, alone."""
    names = [o for n in case.model.graph.node if n.op_type != "Constant" for o in n.output if o]
    for name in names:
        part = with_outputs(case, [name])
        if len(part.model.graph.node) < len(case.model.graph.node) and _still(part, index, status):
            return part
    return case
