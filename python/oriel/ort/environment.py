"""Functions of the whole process: versions, logging, seeds, devices."""

import warnings

from .. import __version__ as _oriel_version
from .. import _core

_VERSION = "1.31.1"
_log = {"severity": 2, "verbosity": 0}


def get_version_string():
    """The version of onnxruntime whose interface this module follows."""
    return _VERSION


def get_build_info():
    """What this build is."""
    return f"Oriel {_oriel_version}, interface of onnxruntime {_VERSION}, build type=Release"


def has_collective_ops():
    """Whether operators across processes are built in: they are not."""
    return False


def get_available_providers():
    """Providers of this build, in order of priority."""
    return _core.available_providers()


def get_all_providers():
    """Providers by onnxruntime's names that this build knows."""
    return _core.available_providers()


def get_device():
    """The kind of device of this build."""
    return "CPU"


def set_default_logger_severity(severity):
    """0 verbose to 4 fatal: warnings are given at 2 and below."""
    if not 0 <= int(severity) <= 4:
        raise RuntimeError("Invalid logging severity. 0:Verbose, 1:Info, 2:Warning, 3:Error, 4:Fatal")
    _log["severity"] = int(severity)


def set_default_logger_verbosity(verbosity):
    """How much is said at severity 0."""
    _log["verbosity"] = int(verbosity)


def set_seed(seed):
    """Seeds random operators without a seed of their own, in sessions that are made from now on."""
    _core.set_seed(int(seed))


def disable_telemetry_events():
    """There is no telemetry."""


def enable_telemetry_events():
    """There is no telemetry, and this does not start any."""


def warn(text, stacklevel=3):
    """A warning, unless the log severity is above it."""
    if _log["severity"] <= 2:
        warnings.warn(text, stacklevel=stacklevel + 1)
