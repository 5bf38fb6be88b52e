#!/usr/bin/env python3
"""Fails where an object compiled for more than the baseline could leak its instructions into the rest of the program.

The linker keeps one copy of every weak symbol (inline functions, template instances). If that copy comes from an object
compiled with -mavx512f, the whole program uses it, also on processors without AVX-512. So the objects of *_avx2.cpp,
*_avx512.cpp, *_vnni.cpp and *_bf16.cpp may neither define weak symbols nor call into the C++ standard library's inline
code, of which every object holds a copy of its own.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ISA_SOURCE = re.compile(r"_(avx2|avx512|vnni|bf16)\.cpp$")
ISA_OBJECT = re.compile(r"_(avx2|avx512|vnni|bf16)\.cpp\.o$")
WEAK = set("WwVvu")
# A pointer to the exception personality routine: data, the same in every object.
HARMLESS_WEAK = re.compile(r"^DW\.ref\.__gxx_personality_v0$")
STANDARD = re.compile(r"\b(?:std|__gnu_cxx)::")
# Out of line in libstdc++.
HARMLESS_CALL = re.compile(r"^(?:std::__throw_|std::terminate\(\)|std::nothrow$)")


def symbols(path):
    """Returns (kind letter, demangled name) for every symbol of an object."""
    listing = subprocess.run(["nm", "-C", path], check=True, capture_output=True, text=True).stdout
    found = []
    for line in listing.splitlines():
        match = re.match(r"^[0-9a-f ]{16} ([A-Za-z]) (.+)$", line)
        if match:
            found.append(match.groups())
    return found


def check_object(path):
    """Returns a sentence for each symbol that must not be in the object."""
    breaches = []
    for kind, name in symbols(path):
        if kind in WEAK and not HARMLESS_WEAK.match(name):
            breaches.append(f"{path}: weak symbol {name}; put it into an anonymous namespace or do without it")
        elif kind == "U" and STANDARD.search(name.split("(")[0]) and not HARMLESS_CALL.match(name):
            breaches.append(f"{path}: calls {name}, which another object's copy would serve; do without it")
    return breaches


def check(build):
    """Returns the breaches in a build folder and the number of objects looked at."""
    objects = [path for path in sorted(build.rglob("*.o")) if ISA_OBJECT.search(path.name)]
    breaches = [breach for path in objects for breach in check_object(path)]
    database = build / "compile_commands.json"
    if not database.is_file():
        return [f"{database} is missing: not a configured build folder"], 0
    built = {path.name for path in objects}
    for entry in json.loads(database.read_text(encoding="utf-8")):
        name = Path(entry["file"]).name
        if ISA_SOURCE.search(name) and f"{name}.o" not in built:
            breaches.append(f"{entry['file']}: no object in {build}; build first")
    return breaches, len(objects)


def self_test():
    """Compiles a sound source and three leaking ones; raises AssertionError where the verdict differs."""
    sound = """
        #include <immintrin.h>
        namespace { __attribute__((noinline)) int helper(int x) { return x + 1; } }
        int kernel(int x) { return helper(x); }
        extern "C" void* other(void*);
        void* call(void* p) { return other(p); }
    """
    leaking = {
        "inline function": "__attribute__((noinline)) inline int helper(int x) { return x + 1; }"
        "int kernel(int x) { return helper(x); }",
        "template": "template <class T> __attribute__((noinline)) T helper(T x) { return x + 1; }"
        "int kernel(int x) { return helper(x); }",
        "std::string": '#include <string>\nvoid kernel(std::string& s) { s.append("a"); }',
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "compile_commands.json").write_text("[]", encoding="utf-8")
        built = Path(folder, "kernel_avx2.cpp.o")

        def breaches_of(source):
            command = ["g++", "-std=c++20", "-O2", "-mavx2", "-x", "c++", "-c", "-", "-o", built]
            subprocess.run(command, input=source, text=True, check=True)
            breaches, count = check(Path(folder))
            assert count == 1, count
            return breaches

        found = breaches_of(sound)
        assert not found, f"a sound object is refused: {found}"
        for name, source in leaking.items():
            assert breaches_of(source), f"not found: {name}"
        built.unlink()
        entries = [{"file": "/x/gemm_avx512.cpp"}, {"file": "/x/gemm_scalar.cpp"}]
        (Path(folder) / "compile_commands.json").write_text(json.dumps(entries), encoding="utf-8")
        found, _ = check(Path(folder))
        assert len(found) == 1 and "gemm_avx512.cpp: no object" in found[0], found
    print(f"self-test: a sound object passes, {len(leaking)} leaks and an absent object are found")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="check the checker on made-up objects")
    parser.add_argument("build", nargs="?", type=Path, metavar="BUILD_DIR", help="a build folder (release)")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return 0
    if arguments.build is None:
        parser.error("BUILD_DIR is missing")
    breaches, count = check(arguments.build)
    for breach in breaches:
        print(breach)
    print(f"weak symbols: {count} objects of instruction-set files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
