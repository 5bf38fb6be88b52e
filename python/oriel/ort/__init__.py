"""Sessions with execution providers, under the names that ONNX Runtime's users know."""

from .._core import (  # noqa: F401
    EPFail,
    EngineError,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    ModelLoaded,
    NoModel,
    NoSuchFile,
    NotImplemented,
    RuntimeException,
)
from .options import ExecutionMode, ExecutionOrder, GraphOptimizationLevel, RunOptions, SessionOptions  # noqa: F401
from .session import InferenceSession, ModelMetadata, NodeArg, get_all_providers, get_available_providers, get_device  # noqa: F401

__version__ = "1.31.1"
