"""Sessions, values and bindings."""

from oriel.ort import (  # noqa: F401
    InferenceSession,
    IOBinding,
    OrtDevice,
    OrtDeviceVendorId,
    OrtValue,
    check_and_normalize_provider_args,
    copy_tensors,
)
