"""The list of cases that are known to fail, with the reason of each."""

from pathlib import Path

FILE = Path(__file__).with_name("expected_failures.txt")


def expected_failures(path=FILE):
    """{case name: reason}. The file has reasons in brackets, one a line, each above the names that it holds for."""
    reasons = {}
    reason = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        if text.startswith("[") and text.endswith("]"):
            reason = text[1:-1].strip()
        elif reason is None:
            raise ValueError(f"{path}:{number}: {text} has no reason above it")
        elif text in reasons:
            raise ValueError(f"{path}:{number}: {text} is listed twice")
        else:
            reasons[text] = reason
    return reasons


def verdict(result, reasons):
    """(ok, one line) for a result: failures must be expected, and what is expected to fail must fail."""
    reason = reasons.get(result.name)
    if result.passed:
        return (True, "passes") if reason is None else (False, f"passes, but is expected to fail: {reason}")
    if reason is not None:
        return True, f"fails as expected: {reason}"
    return False, f"{result.status}: {result.detail}"
