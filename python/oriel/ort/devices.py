"""Devices that providers can use."""

import os
import platform

from .. import _core
from .enums import OrtAllocatorType, OrtDeviceMemoryType, OrtDeviceVendorId, OrtHardwareDeviceType, OrtMemType
from .values import OrtMemoryInfo

_VENDORS = {"GenuineIntel": OrtDeviceVendorId.INTEL, "AuthenticAMD": OrtDeviceVendorId.AMD}


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
    """A piece of hardware."""

    def __init__(self):
        self.type = OrtHardwareDeviceType.CPU
        self.vendor = _cpu_vendor()
        self.vendor_id = int(_VENDORS.get(self.vendor, OrtDeviceVendorId.NONE))
        self.device_id = 0
        self.metadata = {"processors": str(os.cpu_count() or 1)}


class OrtEpDevice:
    """A provider on a piece of hardware."""

    def __init__(self, name, device):
        self.ep_name = name
        self.ep_vendor = "Oriel"
        self.device = device
        self.ep_metadata = {}
        self.ep_options = {}

    def memory_info(self, memory_type=OrtDeviceMemoryType.DEFAULT):
        """The memory that the provider uses on it."""
        return OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_DEVICE_ALLOCATOR, 0, OrtMemType.DEFAULT)


def get_ep_devices():
    """Every provider with every device that it can use."""
    device = OrtHardwareDevice()
    return [OrtEpDevice(name, device) for name in _core.available_providers()]
