"""The log: where onnxruntime's users expect it, on stderr, unless a callback takes it.

Severities: 0 verbose, 1 info, 2 warning, 3 error, 4 fatal. Default: warnings and worse. The engine itself never prints;
what is logged here are facts about sessions that nobody is told otherwise. Errors raise exceptions and are not logged
as well.
"""

import datetime
import sys
import warnings

from ... import _core

VERBOSE, INFO, WARNING, ERROR, FATAL = range(5)
_LETTERS = "VIWEF"
_default = {"severity": WARNING, "verbosity": 0, "callback": None}


def _check(severity):
    if isinstance(severity, str) or not hasattr(severity, "__index__"):
        raise TypeError(f"a severity is a number, got {type(severity).__name__}")
    severity = severity.__index__()
    if not 0 <= severity <= 4:
        raise RuntimeError("Invalid logging severity. 0:Verbose, 1:Info, 2:Warning, 3:Error, 4:Fatal")
    return severity


def set_default_logger_severity(severity):
    """What is logged where a session or run says nothing else: `severity` and worse. RuntimeError outside of 0 to 4."""
    _default["severity"] = _check(severity)


def set_default_logger_verbosity(verbosity):
    """How much is said at severity 0."""
    if isinstance(verbosity, str) or not hasattr(verbosity, "__index__"):
        raise TypeError(f"a verbosity is a number, got {type(verbosity).__name__}")
    _default["verbosity"] = verbosity.__index__()


def set_default_logger_callback(callback, severity=WARNING):
    """Sends the log to callback(severity, category, logid, code_location, message) instead of stderr; None sends it
    back.

    Exceptions that leave the callback are shown as unraisable and go no further. RuntimeError for what cannot be
    called.
    """
    if callback is not None and not callable(callback):
        raise RuntimeError("the logging callback must be callable or None")
    if callback is not None:
        set_default_logger_severity(severity)
    _default["callback"] = callback


def enabled(severity, level=-1):
    """Whether a message goes out at the `level` of a session or run; -1 for the default."""
    return severity >= (_default["severity"] if level < 0 else level)


def log(severity, message, logid="", level=-1, place="oriel"):
    """Logs one message."""
    if not enabled(severity, level):
        return
    callback = _default["callback"]
    if callback is not None:
        _core.call_callback(callback, severity, "onnxruntime", logid, place, message)
        return
    now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S.%f")
    try:
        print(f"{now} [{_LETTERS[severity]}:onnxruntime:{logid}, {place}] {message}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        # No stderr, no log.
        pass


def warn(text, stacklevel=3):
    """A Python warning, for what a caller should change; not shown where the log's severity is above warnings."""
    if _default["severity"] <= WARNING:
        warnings.warn(text, stacklevel=stacklevel + 1)
