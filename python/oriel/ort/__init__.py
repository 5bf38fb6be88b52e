"""Sessions with execution providers, under the names that ONNX Runtime's users know."""

from .._core import (  # noqa: F401
    EPFail,
    EngineError,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    ModelLoadCanceled,
    ModelLoaded,
    ModelRequiresCompilation,
    NoModel,
    NoSuchFile,
    NotFound,
    NotImplemented,
    RuntimeException,
)
from .devices import OrtEpDevice, OrtHardwareDevice, get_ep_devices  # noqa: F401
from .enums import (  # noqa: F401
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    OrtAllocatorType,
    OrtDeviceMemoryType,
    OrtDeviceVendorId,
    OrtExecutionProviderDevicePolicy,
    OrtHardwareDeviceType,
    OrtMemoryInfoDeviceType,
    OrtMemType,
    OrtSparseFormat,
)
from .environment import (  # noqa: F401
    disable_telemetry_events,
    enable_telemetry_events,
    get_all_providers,
    get_available_providers,
    get_build_info,
    get_device,
    get_version_string,
    has_collective_ops,
    set_default_logger_severity,
    set_default_logger_verbosity,
    set_seed,
)
from .options import RunOptions, SessionOptions  # noqa: F401
from .session import (  # noqa: F401
    InferenceSession,
    ModelMetadata,
    NodeArg,
    OrtEpAssignedNode,
    OrtEpAssignedSubgraph,
    check_and_normalize_provider_args,
)
from .values import IOBinding, OrtArenaCfg, OrtDevice, OrtMemoryInfo, OrtValue, OrtValueVector, copy_tensors  # noqa: F401

__version__ = get_version_string()
