"""Devices: where memory lives, which hardware there is, and what providers can use."""

import os
import platform

from ... import _core
from .enums import (
    ArenaExtendStrategy,
    OrtAllocatorType,
    OrtCompiledModelCompatibility,
    OrtDeviceMemoryType,
    OrtHardwareDeviceType,
    OrtMemoryInfoDeviceType,
    OrtMemType,
)
from .faults import fault

# PCI numbers of the vendors that /proc/cpuinfo names.
_VENDORS = {"GenuineIntel": ("Intel", 0x8086), "AuthenticAMD": ("AMD", 0x1022)}
_MEMORY_NAMES = (
    "Cpu",
    "Cuda",
    "CudaPinned",
    "Cann",
    "CannPinned",
    "DML",
    "OpenVINO_CPU",
    "OpenVINO_GPU",
    "WebGPU_Buffer",
    "QnnHtpShared",
)


def _number(value, what):
    if isinstance(value, str) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} is a number, got {type(value).__name__}")
    return value.__index__()


class OrtDevice:
    """A place where memory lives: OrtDevice(type, kind of memory, [vendor,] number)."""

    def __init__(self, device_type, mem_type, *rest):
        if len(rest) not in (1, 2):
            raise TypeError("OrtDevice wants (type, memory, number) or (type, memory, vendor, number)")
        kind = _number(device_type, "the device type")
        # DirectML was a kind of its own once and is a GPU's now.
        self._type = self.gpu() if kind == self.dml() else kind
        self._mem_type = _number(mem_type, "the kind of memory")
        self._vendor = _number(rest[0], "the vendor") if len(rest) == 2 else 0
        self._id = _number(rest[-1], "the device's number")

    def device_id(self):
        return self._id

    def device_type(self):
        return self._type

    def mem_type(self):
        return self._mem_type

    def vendor_id(self):
        return self._vendor

    @staticmethod
    def cpu():
        return 0

    @staticmethod
    def cuda():
        return 1

    @staticmethod
    def gpu():
        return 1

    @staticmethod
    def webgpu():
        return 1

    @staticmethod
    def fpga():
        return 2

    @staticmethod
    def npu():
        return 3

    @staticmethod
    def cann():
        return 3

    @staticmethod
    def dml():
        return 4

    @staticmethod
    def default_memory():
        return 0


def cpu_device():
    """Memory of the CPU."""
    return OrtDevice(OrtDevice.cpu(), OrtDevice.default_memory(), 0)


class OrtMemoryInfo:
    """Which allocator's memory a value uses. Read-only."""

    __slots__ = ("_name", "_allocator", "_id", "_mem_type", "_device_mem_type", "_vendor")

    def __init__(self, name, alloc_type, id, mem_type):  # noqa: A002
        if not isinstance(alloc_type, OrtAllocatorType) or not isinstance(mem_type, OrtMemType):
            raise TypeError("OrtMemoryInfo wants (name, OrtAllocatorType, number, OrtMemType)")
        if name not in _MEMORY_NAMES:
            raise RuntimeError("Specified device is not supported. Try CreateMemoryInfo_V2.")
        self._fill(name, alloc_type, _number(id, "the device's number"), mem_type, OrtDeviceMemoryType.DEFAULT, 0)

    def _fill(self, name, allocator, number, mem_type, device_mem_type, vendor):
        self._name, self._allocator, self._id = name, allocator, number
        self._mem_type, self._device_mem_type, self._vendor = mem_type, device_mem_type, vendor

    @staticmethod
    def create_v2(name, device_type, vendor_id, device_id, mem_type, alignment, alloc_type):
        """As the constructor, for any name, with the device's kind and vendor."""
        OrtMemoryInfoDeviceType(device_type)
        if _number(alignment, "the alignment") < 0:
            raise ValueError("the alignment is negative")
        info = OrtMemoryInfo.__new__(OrtMemoryInfo)
        info._fill(
            name,
            OrtAllocatorType(alloc_type),
            _number(device_id, "the device's number"),
            OrtMemType.DEFAULT,
            OrtDeviceMemoryType(mem_type),
            int(vendor_id),
        )
        return info

    @property
    def name(self):
        return self._name

    @property
    def allocator_type(self):
        return self._allocator

    @property
    def device_id(self):
        return self._id

    @property
    def mem_type(self):
        return self._mem_type

    @property
    def device_mem_type(self):
        return self._device_mem_type

    @property
    def device_vendor_id(self):
        return self._vendor


class OrtArenaCfg:
    """Settings of an arena, by position or as one dictionary; -1 leaves a setting to the engine."""

    _DEFAULTS = {
        "max_mem": 0,
        "arena_extend_strategy": -1,
        "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
        "initial_growth_chunk_size_bytes": -1,
        "max_power_of_two_extend_bytes": -1,
    }
    __slots__ = tuple(_DEFAULTS)

    def __init__(self, *settings):
        if len(settings) == 1 and isinstance(settings[0], dict):
            given = settings[0]
        elif len(settings) == 4:
            given = dict(zip(self._DEFAULTS, (_number(s, "a setting") for s in settings)))
        else:
            raise TypeError("OrtArenaCfg wants a dict, or 4 numbers")
        for name, value in self._DEFAULTS.items():
            setattr(self, name, value)
        for name, value in given.items():
            if name not in self._DEFAULTS:
                raise RuntimeError(f"Invalid OrtArenaCfg option: {name}")
            if isinstance(value, str) or not hasattr(value, "__index__"):
                raise RuntimeError(f"OrtArenaCfg option {name} is a number, got {type(value).__name__}")
            setattr(self, name, value.__index__())


def _cpu_vendor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("vendor_id"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


class OrtHardwareDevice:
    """A piece of hardware. Of get_hardware_devices() and OrtEpDevice.device."""

    __slots__ = ("_vendor",)

    @classmethod
    def _make(cls):
        device = cls.__new__(cls)
        name = _cpu_vendor()
        device._vendor = _VENDORS.get(name, (name, 0))
        return device

    def __init__(self):
        raise TypeError("OrtHardwareDevice: No constructor defined!")

    @property
    def type(self):
        return OrtHardwareDeviceType.CPU

    @property
    def vendor(self):
        return self._vendor[0]

    @property
    def vendor_id(self):
        return self._vendor[1]

    @property
    def device_id(self):
        return 0

    @property
    def metadata(self):
        return {"processors": str(os.cpu_count() or 1)}


class OrtSyncStream:
    """A queue of a device. Devices of this build have none."""

    def __init__(self):
        raise TypeError("OrtSyncStream: No constructor defined!")

    def get_handle(self):
        """The device's own handle."""
        return 0


class OrtEpDevice:
    """A provider on a piece of hardware. Of get_ep_devices()."""

    __slots__ = ("_name", "_device")

    @classmethod
    def _make(cls, name, device):
        made = cls.__new__(cls)
        made._name, made._device = name, device
        return made

    def __init__(self):
        raise TypeError("OrtEpDevice: No constructor defined!")

    @property
    def ep_name(self):
        return self._name

    @property
    def ep_vendor(self):
        return "Oriel"

    @property
    def ep_metadata(self):
        from ... import __version__

        return {"version": __version__}

    @property
    def ep_options(self):
        return {}

    @property
    def device(self):
        return self._device

    def memory_info(self, memory_type):
        """The memory that the provider uses on it: the CPU's."""
        if not isinstance(memory_type, OrtDeviceMemoryType):
            raise TypeError(f"expected an OrtDeviceMemoryType, got {type(memory_type).__name__}")
        return cpu_memory_info()

    def create_sync_stream(self):
        """RuntimeError: the CPU has no queues."""
        raise RuntimeError("ep_device does not use DEFAULT memory of a non-CPU device.")


def cpu_memory_info():
    """What values of sessions live in."""
    return OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT)


def get_hardware_devices():
    """The hardware that providers of this build can use."""
    return [OrtHardwareDevice._make()]


def get_ep_devices():
    """Every provider with every device that it can use; the CPU provider is the last."""
    (device,) = get_hardware_devices()
    return [OrtEpDevice._make(name, device) for name in _core.available_providers()]


def get_hardware_device_ep_incompatibility_details(ep_name, hardware_device):
    """Why a provider cannot use a device: a dict whose reasons_bitmask is 0 where it can. InvalidArgument for an
    unknown provider."""
    if ep_name not in _core.available_providers():
        raise fault(_core.InvalidArgument, f"No valid factory found for execution provider '{ep_name}'.")
    if not isinstance(hardware_device, OrtHardwareDevice):
        raise TypeError(f"expected an OrtHardwareDevice, got {type(hardware_device).__name__}")
    return {"reasons_bitmask": 0, "notes": None, "error_code": 0}


def get_model_compatibility_for_ep_devices(ep_devices, compatibility_info):
    """Whether a compiled model fits devices of one provider; no provider of this build compiles models."""
    if not isinstance(compatibility_info, str):
        raise TypeError(f"compatibility_info is a str, got {type(compatibility_info).__name__}")
    if not ep_devices or len({d.ep_name for d in ep_devices}) != 1:
        raise RuntimeError("Invalid argument provided to GetModelCompatibilityForEpDevices.")
    return OrtCompiledModelCompatibility.EP_NOT_APPLICABLE


def _compatibility_info(path, content, ep_name, function):
    if not ep_name or not (path or content):
        raise RuntimeError(f"Invalid argument provided to {function}.")
    try:
        info = _core.model_info(path, content)
    except (_core.InvalidProtobuf, _core.InvalidArgument, _core.NoSuchFile) as error:
        raise RuntimeError(str(error)) from None
    return info["custom_metadata_map"].get(f"ep_compatibility_info.{ep_name}")


def get_compatibility_info_from_model(model_path, ep_name):
    """What a compiled model's file says about the provider that it was compiled for, or None. RuntimeError for no
    model."""
    return _compatibility_info(os.fspath(model_path), None, ep_name, "GetCompatibilityInfoFromModel")


def get_compatibility_info_from_model_bytes(model_data, ep_name):
    """The same for a model's bytes."""
    return _compatibility_info("", bytes(model_data), ep_name, "GetCompatibilityInfoFromModelBytes")


kNextPowerOfTwo = ArenaExtendStrategy.kNextPowerOfTwo
kSameAsRequested = ArenaExtendStrategy.kSameAsRequested
