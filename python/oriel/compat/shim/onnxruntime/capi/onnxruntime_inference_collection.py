"""Sessions, values and bindings."""

from __future__ import annotations

from collections.abc import Callable

from oriel.ort.adapter import AdapterFormat  # noqa: F401
from oriel.ort.binding import IOBinding  # noqa: F401
from oriel.ort.compiler import ModelCompiler, make_get_initializer_location_func_wrapper  # noqa: F401
from oriel.ort.devices import OrtDevice, get_ort_device_type, get_vendor_id_for_device_type  # noqa: F401
from oriel.ort.session import InferenceSession, Session, check_and_normalize_provider_args  # noqa: F401
from oriel.ort.state.enums import OrtDeviceVendorId  # noqa: F401
from oriel.ort.values import OrtValue, SparseTensor, copy_tensors  # noqa: F401

from . import _pybind_state as C

_Info = C.OrtExternalInitializerInfo
GetInitializerLocationFunc = Callable[[str, OrtValue, "_Info | None"], "_Info | None"]
GetInitializerLocationWrapperFunc = Callable[[str, C.OrtValue, "_Info | None"], "_Info | None"]
