#!/usr/bin/env python3
"""Checks that every #include in src/, include/, bindings/ and tools/ points to a stage that the includer may see.

The table below is the one of docs/architecture.md: a stage sees itself, the stages named for it, and whatever those
see. Tests and benchmarks (*_test.cpp, *_bench.cpp, *_test.h, *_bench.h) stand to the right of everything.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

# Stage -> the stages directly to its left. "api" is include/oriel, which knows nobody.
LEFT_OF = {
    "api": [],
    "base": [],
    "kernels": ["base"],
    "ir": ["base"],
    "images": ["base"],
    "ops": ["ir", "images"],
    "frontends": ["ops"],
    "passes": ["ops"],
    "device": ["ops", "api"],
    "partition": ["device"],
    "plan": ["base", "ir"],
    "devices/reference": ["device", "plan", "passes"],
    "devices/cpu": ["device", "plan", "passes", "kernels"],
    "devices/opencl": ["device", "plan", "passes"],
    "devices/virtual": ["device", "partition"],
    "providers": ["device", "partition"],
    "runtime": [
        "frontends",
        "passes",
        "providers",
        "devices/reference",
        "devices/cpu",
        "devices/opencl",
        "devices/virtual",
    ],
    "bindings": ["runtime", "api"],
    "tools": ["runtime"],
}

# Stages that only those beside them see: nothing further right reaches through.
PRIVATE_TO = {
    "kernels": ["devices/cpu"],
    "images": ["ops"],
    "devices/reference": ["runtime"],
    "devices/cpu": ["runtime"],
    "devices/opencl": ["runtime"],
    "devices/virtual": ["runtime"],
}

ISA_FILE = re.compile(r"_(avx2|avx512|vnni|bf16)\.cpp$")
TEST_FILE = re.compile(r"_(test|bench)\.(cpp|h)$")
SOURCES = {".h", ".hpp", ".cpp", ".cc", ".inc"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def visible_stages():
    """Returns stage -> the set of stages that it may include."""
    visible = {}

    def see(stage):
        if stage not in visible:
            reach = {stage}
            for left in LEFT_OF[stage]:
                reach |= see(left)
            visible[stage] = reach
        return visible[stage]

    for stage in LEFT_OF:
        see(stage)
    for stage, reach in visible.items():
        for hidden, viewers in PRIVATE_TO.items():
            if stage != hidden and stage not in viewers:
                reach.discard(hidden)
    return visible


def stage_of(path):
    """Returns the stage that a path relative to the root belongs to, or None where no stage does."""
    parts = path.parts
    if parts[0] in ("bindings", "tools"):
        return parts[0]
    if parts[:2] == ("include", "oriel"):
        return "api"
    if parts[0] != "src" or len(parts) < 3:
        return None
    name = "/".join(parts[1:3]) if parts[1] == "devices" else parts[1]
    return name if name in LEFT_OF else None


def resolve(root, includer, target):
    """Returns the file of this tree that an include names, relative to the root, or None."""
    for folder in (includer.parent, Path("src"), Path("include"), Path(".")):
        candidate = root / folder / target
        if candidate.is_file():
            candidate = candidate.resolve()
            if candidate.is_relative_to(root):
                return candidate.relative_to(root)
    return None


def check(root):
    """Returns one message for each breach in the tree under root, and the number of files read."""
    root = root.resolve()
    visible = visible_stages()
    breaches, files = [], 0
    for top in ("src", "include", "bindings", "tools"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in SOURCES or not file.is_file():
                continue
            files += 1
            includer = file.relative_to(root)
            stage = stage_of(includer)
            if stage is None:
                breaches.append(f"{includer}: belongs to no stage; give its folder a row in scripts/check_layers.py")
                continue
            is_test = TEST_FILE.search(file.name) is not None
            text = file.read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                kind, target = match.groups()
                place = f"{includer}:{text.count(chr(10), 0, match.start()) + 1}"
                found = resolve(root, includer, target)
                if found is None:
                    if kind == '"':
                        breaches.append(f'{place}: "{target}" is not in src/; other libraries are included with <>')
                    continue
                if kind == "<":
                    breaches.append(f'{place}: <{target}> is a header of this project; include it with ""')
                goal = stage_of(found)
                if goal is None:
                    breaches.append(f"{place}: {found} belongs to no stage")
                elif not is_test and goal not in visible[stage]:
                    allowed = ", ".join(sorted(visible[stage] - {stage})) or "nothing but itself"
                    breaches.append(f"{place}: {stage} must not include {goal} ({found}); it sees {allowed}")
                elif ISA_FILE.search(file.name) and goal != "kernels":
                    breaches.append(f"{place}: an instruction-set file includes kernel headers only, not {found}")
    return breaches, files


def self_test():
    """Checks made-up trees whose breaches are known; raises AssertionError where the verdict differs."""
    headers = {
        "src/base/dim.h": "",
        "src/ir/graph.h": '#include "base/dim.h"\n',
        "src/ops/op.h": '#include "ir/graph.h"\n',
        "src/kernels/gemm/gemm.h": "",
        "src/plan/plan.h": '#include "ir/graph.h"\n',
        "src/passes/pass.h": '#include "ops/op.h"\n#include "base/dim.h"\n',
        "src/device/device.h": '#include "ops/op.h"\n#include "oriel/oriel_provider.h"\n',
        "src/partition/partition.h": '#include "device/device.h"\n',
        "src/frontends/onnx/reader.h": '#include "ops/op.h"\n#include <vector>\n',
        "src/devices/cpu/cpu.h": '#include "kernels/gemm/gemm.h"\n#include "passes/pass.h"\n#include "plan/plan.h"\n',
        "src/devices/virtual/hetero.h": '#include "partition/partition.h"\n',
        "src/providers/provider.h": '#include "partition/partition.h"\n',
        "src/runtime/engine.h": '#include "devices/cpu/cpu.h"\n#include "frontends/onnx/reader.h"\n',
        "src/devices/cpu/cpu_test.cpp": '#include "devices/virtual/hetero.h"\n',
        "src/kernels/gemm/gemm_avx2.cpp": '#include "kernels/gemm/gemm.h"\n#include <immintrin.h>\n',
        "include/oriel/oriel_provider.h": "",
        "bindings/python/module.cpp": '#include "boundary.h"\n#include "runtime/engine.h"\n#include "ir/graph.h"\n',
        "bindings/python/boundary.h": "",
        "tools/oriel/main.cpp": '#include "runtime/engine.h"\n',
    }
    breaking = {
        ("src/base/bad.h", '#include "ir/graph.h"'): "base must not include ir",
        ("src/ir/bad.h", '#include "ops/op.h"'): "ir must not include ops",
        ("src/ops/bad.cpp", '#include "kernels/gemm/gemm.h"'): "ops must not include kernels",
        ("src/kernels/bad.h", '#include "ir/graph.h"'): "kernels must not include ir",
        ("src/plan/bad.h", '#include "ops/op.h"'): "plan must not include ops",
        ("src/passes/bad.h", '#include "device/device.h"'): "passes must not include device",
        ("src/partition/bad.h", '#include "devices/cpu/cpu.h"'): "partition must not include devices/cpu",
        ("src/devices/reference/bad.h", '#include "kernels/gemm/gemm.h"'): "devices/reference must not include kernels",
        ("src/devices/virtual/bad.h", '#include "../cpu/cpu.h"'): "devices/virtual must not include devices/cpu",
        ("src/providers/bad.h", '  #  include "devices/cpu/cpu.h"'): "providers must not include devices/cpu",
        ("src/runtime/bad.h", '#include "kernels/gemm/gemm.h"'): "runtime must not include kernels",
        ("bindings/python/bad.h", '#include "devices/cpu/cpu.h"'): "bindings must not include devices/cpu",
        ("tools/bad.cpp", '#include "kernels/gemm/gemm.h"'): "tools must not include kernels",
        ("include/oriel/bad.h", '#include "base/dim.h"'): "api must not include base",
        ("src/novel/bad.h", '#include "base/dim.h"'): "belongs to no stage",
        ("src/ops/bad.h", '#include "ops/absent.h"'): "is not in src/",
        ("src/ops/bad.h", "#include <ir/graph.h>"): 'include it with ""',
        ("src/ops/bad.h", "#include <kernels/gemm/gemm.h>"): "ops must not include kernels",
        ("src/kernels/bad_avx512.cpp", '#include "base/dim.h"'): "kernel headers only",
    }

    def breaches_with(extra):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**headers, **extra}.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check(Path(folder))[0]

    sound = breaches_with({})
    assert not sound, f"a sound tree is refused: {sound}"
    for (name, line), expected in breaking.items():
        found = breaches_with({name: f"// A file.\n{line}\n"})
        assert any(expected in breach and breach.startswith(name) for breach in found), f"{name} with {line}: {found}"
        if "no stage" not in expected:
            assert all(breach.startswith(f"{name}:2: ") for breach in found), f"{name} with {line}: {found}"
    print(f"self-test: a sound tree passes, {len(breaking)} breaches are found")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="check the checker on made-up trees")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return 0
    breaches, files = check(arguments.root)
    for breach in breaches:
        print(breach)
    if not files:
        print(f"no sources under {arguments.root}")
        return 1
    print(f"layers: {files} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
