#!/usr/bin/env python3
"""Checks that code quoted in the documents stands literally in the file that it is quoted from.

A fenced ```cpp block whose first line is `// file: path` quotes that file, path relative to the root. A line of `...` alone
stands for lines left out; the pieces around it follow one another in the file. Also checks that relative links of the
documents lead to files.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"// file: (\S+)\n")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)\s]*)?\)")


def documents(root):
    """Returns the Markdown files of the root folder and of docs/."""
    return sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))


def missing_piece(quote, source):
    """Returns the first piece of a quote that does not follow the earlier ones in the source, or None."""
    at = 0
    for piece in re.split(r"^[ ]*\.\.\.\n", quote, flags=re.MULTILINE):
        piece = piece.strip("\n")
        if not piece:
            continue
        found = f"\n{source}\n".find(f"\n{piece}\n", at)
        if found < 0:
            return piece
        at = found + len(piece) + 1
    return None


def check(root):
    """Returns one message for each breach under root, and the number of quotes compared."""
    breaches, quotes = [], 0
    for document in documents(root):
        text = document.read_text(encoding="utf-8")
        name = document.relative_to(root)
        for block in BLOCK.finditer(text):
            head = FILE.match(block.group(1))
            if head is None:
                continue
            quotes += 1
            place = f"{name}:{text.count(chr(10), 0, block.start()) + 1}"
            source = root / head.group(1)
            if not source.is_file():
                breaches.append(f"{place}: {head.group(1)} does not exist")
                continue
            missing = missing_piece(block.group(1)[head.end() :], source.read_text(encoding="utf-8"))
            if missing is not None:
                first_line = missing.split("\n")[0]
                breaches.append(f"{place}: the piece from `{first_line}` on does not stand in {head.group(1)}")
        for link in LINK.finditer(text):
            if not (document.parent / link.group(1)).exists():
                place = f"{name}:{text.count(chr(10), 0, link.start()) + 1}"
                breaches.append(f"{place}: the link to {link.group(1)} leads nowhere")
    return breaches, quotes


def self_test():
    """Checks made-up documents whose breaches are known; raises AssertionError where the verdict differs."""
    source = "int a() {\n  return 1;\n}\n\nint b() {\n  return 2;\n}\n"
    sound = "```cpp\n// file: src/a.cpp\nint a() {\n...\nint b() {\n  return 2;\n}\n```\n[guide](docs/guide.md)\n"
    breaking = {
        "```cpp\n// file: src/a.cpp\nint a() {\n  return 3;\n}\n```\n": "`int a() {` on does not stand",
        "```cpp\n// file: src/a.cpp\n  return 2;\n...\n  return 1;\n```\n": "`  return 1;` on does not stand",
        "```cpp\n// file: src/a.cpp\nreturn 1;\n```\n": "`return 1;` on does not stand",
        "```cpp\n// file: src/b.cpp\nint b() {\n```\n": "src/b.cpp does not exist",
        "[guide](docs/absent.md#part)\n": "docs/absent.md leads nowhere",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in {"src/a.cpp": source, "docs/guide.md": "```cpp\nno quote\n```\n"}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")

        def breaches_of(text):
            (root / "README.md").write_text(text, encoding="utf-8")
            return check(root)

        found, quotes = breaches_of(sound)
        assert not found and quotes == 1, f"a sound document is refused: {found}, {quotes} quotes"
        for text, expected in breaking.items():
            found, _ = breaches_of(text)
            assert len(found) == 1 and found[0].startswith("README.md:1: ") and expected in found[0], f"{text}: {found}"
    print(f"self-test: a sound document passes, {len(breaking)} breaches are found")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="check the checker on made-up documents")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return 0
    breaches, quotes = check(arguments.root.resolve())
    for breach in breaches:
        print(breach)
    if not quotes:
        print(f"no quoted code under {arguments.root}")
        return 1
    print(f"documents: {quotes} quotes, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
