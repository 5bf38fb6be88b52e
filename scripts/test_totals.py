#!/usr/bin/env python3
"""Adds up JUnit reports (of ctest and pytest) and prints "N passed, N failed, N skipped".

A report that is missing, unreadable or empty counts as one failure. The exit status is 1 where anything failed or
nothing ran.
"""

import argparse
import sys
from pathlib import Path
from xml.etree import ElementTree


def count(report):
    """Returns (passed, failed, skipped) of one report."""
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        print(f"no test report: {report}: {error}", file=sys.stderr)
        return 0, 1, 0
    if not cases:
        print(f"no tests in the report {report}", file=sys.stderr)
        return 0, 1, 0
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None or case.get("status") in ("disabled", "notrun") for case in cases)
    return len(cases) - failed - skipped, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="*", type=Path, metavar="REPORT")
    parser.add_argument("--failed-steps", type=int, default=0, help="failures that no report knows of")
    arguments = parser.parse_args()
    passed, failed, skipped = (sum(column) for column in zip((0, 0, 0), *map(count, arguments.reports)))
    failed += arguments.failed_steps
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
