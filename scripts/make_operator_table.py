#!/usr/bin/env python3
"""Writes docs/operators.md from what the engine does.

    python scripts/make_operator_table.py [--check] [--program build/bin/oriel]

Names, what the reader rewrites and which devices have an operator come from `oriel operators --json`; versions from the standard's
schemas in the onnx package; kernels and element types from sessions over the models of bench/operators.py, with the operator's main
type of its first row replaced by every type that the schema allows. Needs the package oriel. --check compares instead of writing, exit status 1 where
the file differs.
"""

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
# Kernels of the lowest level: which processor this runs on makes no difference.
os.environ["ORIEL_MAX_ISA"] = "scalar"

import ml_dtypes
import numpy as np
import onnx
from operators import all_rows

# Short names as Oriel prints them, in the order of the table.
TYPES = {
    "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f64": np.float64, "i8": np.int8, "u8": np.uint8, "i16": np.int16, "u16": np.uint16,
    "i32": np.int32, "u32": np.uint32, "i64": np.int64, "u64": np.uint64, "bool": np.bool_, "string": np.object_,
}  # fmt: skip
SCHEMA_NAMES = {
    "f32": "float", "f16": "float16", "bf16": "bfloat16", "f64": "double", "i8": "int8", "u8": "uint8", "i16": "int16", "u16": "uint16", "i32": "int32",
    "u32": "uint32", "i64": "int64", "u64": "uint64", "bool": "bool", "string": "string",
}  # fmt: skip
# Names of groups of types, widest first.
GROUPS = {
    "all": list(TYPES),
    "numbers": ["f32", "f16", "bf16", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"],
    "integers": ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"],
    "floats": ["f32", "f16", "bf16", "f64"],
}  # fmt: skip
DOMAINS = ["", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "com.microsoft"]
HEAD = """# Operators

What can be in a model, as this version of Oriel runs it. `scripts/make_operator_table.py` writes this page from the engine, and a test
compares them; `oriel operators` prints the list of the installed one.

- **Versions**: the opset versions in which the standard changed the operator; the reader takes models of every opset from 1 on. Those in
  parentheses are rewritten as operators of the newest version while a model is read.
- **CPU types**: element types of the main operand for which the CPU device has a kernel; f16 and bf16 are computed in f32 and rounded.
  *floats*, *integers* (of 8 to 64 bits), *numbers* and *all* (with bool and string) stand for groups. Types of 4 bits and
  less, of f8 and of complex numbers were not tried.
- **Reference types**: types that the standard allows beside those, and that run on the reference device: plain loops, slow.
- **Kernel**: what computes the node on the CPU device; the name's ending for an instruction set is left out.

A kernel may still decline a node for its shapes or attributes, and then the reference device runs it; `oriel explain MODEL` says so, with the
reason. Operators of control flow run in the runtime, which gives each part of their bodies to a device.
"""


def grouped(types):
    """Names of types, groups in place of their members."""
    left, names = [t for t in TYPES if t in types], []
    for group, members in GROUPS.items():
        if set(members) <= set(left):
            names.append(group)
            left = [t for t in left if t not in members]
    return ", ".join(names + left)


def main_operands(row, schema):
    """(indices of the operands that have the main type, that type's names in the schema). The main type is the output's where an
    operand has it, else the first operand's."""
    formals = list(schema.inputs)
    names = []
    for i in range(len(row.operands)):
        names.append(formals[min(i, len(formals) - 1)].type_str)
    constraints = {c.type_param_str: set(c.allowed_type_strs) for c in schema.type_constraints}
    variable = next((o.type_str for o in schema.outputs if o.type_str in constraints and o.type_str in names), names[0] if names else "")
    if variable not in constraints:
        return [], set()
    return [i for i, n in enumerate(names) if n == variable], constraints[variable]


def converted(array, kind):
    """The array with other elements."""
    if kind == "string":
        return np.array([str(v) for v in array.ravel()], object).reshape(array.shape)
    if array.dtype == object:
        return np.zeros(array.shape, TYPES[kind])
    return array.astype(TYPES[kind])


def kernels_of(model):
    """Names of the kernels that run a model, one step a node; None where a step is on the reference device. Throws where the model cannot be
    loaded."""
    from oriel import ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    steps = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])._session.steps()
    if any(step["device"] != "CPU" for step in steps):
        return None
    names = [re.sub(r"_(scalar|avx2|avx512|vnni|bf16)$", "", step["kernel"]) for step in steps]
    # Conversions around the node itself say nothing about it.
    return [name for name in names if name not in ("reorder", "cast")] or names


def probe(row, every_type):
    """(kernels, types on the CPU device, types on the reference device) of one row: of its own type, or of every type that the schema allows.
    """
    kernels, on_cpu, on_reference = [], set(), set()
    arrays = row.arrays()
    schema_of = onnx.defs.get_schema if row.domain != "com.microsoft" else None
    if schema_of is not None:
        operands, allowed = main_operands(row, schema_of(row.op, row.opsets()[row.domain], row.domain))
    else:
        # Without a schema: the type of the largest operand that is no constant.
        main = max((a.size, i) for i, a in enumerate(arrays) if a is not None and not row.operands[i].constant)[1]
        operands = [i for i, a in enumerate(arrays) if a is not None and a.dtype == arrays[main].dtype]
        allowed = {f"tensor({name})" for name in SCHEMA_NAMES.values()}
    own = next((t for t, d in TYPES.items() if operands and np.dtype(d) == arrays[operands[0]].dtype), "")
    others = [t for t in TYPES if f"tensor({SCHEMA_NAMES[t]})" in allowed and t != own] if operands and every_type else []
    for kind in [own, *others]:
        trial = arrays if kind == own else [converted(a, kind) if i in operands and a is not None else a for i, a in enumerate(arrays)]
        try:
            found = kernels_of(row.model(trial)[0])
        except Exception:
            if kind == own:
                raise
            continue
        if found is None:
            on_reference.add(kind)
        else:
            on_cpu.add(kind)
            kernels += [k for k in found if k not in kernels]
    return kernels, on_cpu, on_reference


def kernel_text(kernels):
    """Names of kernels; those that differ in the type alone as one, without it."""
    stems = [re.sub(rf"_({'|'.join(TYPES)})$", "", k) for k in kernels]
    names = [stem if stems.count(stem) > 1 else kernel for kernel, stem in zip(kernels, stems)]
    return ", ".join(dict.fromkeys(names))


def versions():
    """(domain, name) -> versions of the standard's schemas, ascending, those that a later one has not taken back."""
    found = defaultdict(set)
    for schema in onnx.defs.get_all_schemas_with_history():
        found[schema.domain, schema.name].add(schema.since_version)
    return {key: sorted(numbers) for key, numbers in found.items()}


def version_text(numbers, rewritten):
    """Versions with those in parentheses that lie in a rewritten range."""
    inside = [any(first <= n and (last is None or n <= last) for first, last in rewritten) for n in numbers]
    return ", ".join(f"({n})" if rewrites else str(n) for n, rewrites in zip(numbers, inside))


def table(program):
    """The page as text."""
    done = subprocess.run([program, "operators", "--json"], capture_output=True, text=True, check=True)
    listed = {(o["domain"], o["name"]): o for o in json.loads(done.stdout)["operators"]}
    history = versions()
    rows = defaultdict(list)
    for row in all_rows():
        rows[row.domain, row.op].append(row)
    lines = [HEAD]
    for domain in DOMAINS:
        keys = sorted(key for key in listed if key[0] == domain and (key in history or domain not in ("", "ai.onnx.ml")))
        if not keys:
            continue
        lines += [f"## {domain or 'ai.onnx'}", "", "| operator | versions | CPU types | reference types | kernel |", "|---|---|---|---|---|"]
        for key in keys:
            entry = listed[key]
            kernels, on_cpu, on_reference = [], set(), set()
            for i, row in enumerate(rows.get(key, [])):
                more, cpu, reference = probe(row, every_type=i == 0)
                kernels += [k for k in more if k not in kernels]
                on_cpu |= cpu
                on_reference |= reference
            on_reference -= on_cpu
            if entry["structural"]:
                cells = ["", "", "in the runtime" if entry["node"] else "while the model is read"]
            elif not entry["node"]:
                cells = ["", "", "by other operators"]
            elif key not in rows:
                cells = ["", "all that the standard allows", ""] if "CPU" not in entry["devices"] else ["some", "the others", ""]
            else:
                cells = [grouped(on_cpu), grouped(on_reference), kernel_text(kernels)]
            numbers = version_text(history.get(key, []), entry["rewritten"]) or "1"
            lines.append("| " + " | ".join([key[1], numbers, *cells]) + " |")
        lines.append("")
    missing = sorted(f"{d + '.' if d else ''}{n}" for d, n in history if (d, n) not in listed and d in DOMAINS)
    if missing:
        lines += ["## Not there", "", "Operators of the standard that no model may have: " + ", ".join(missing) + "."]
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--program", default=str(ROOT / "build" / "bin" / "oriel"))
    parser.add_argument("--file", type=Path, default=ROOT / "docs" / "operators.md")
    arguments = parser.parse_args()
    text = table(arguments.program)
    if not arguments.check:
        arguments.file.write_text(text, encoding="utf-8")
        return 0
    committed = arguments.file.read_text(encoding="utf-8").splitlines(keepends=True)
    difference = list(difflib.unified_diff(committed, text.splitlines(keepends=True), str(arguments.file), "the engine"))
    sys.stdout.writelines(difference)
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
