"""Devices by the names that users give them."""

from . import state
from .state.enums import OrtDeviceVendorId

_TYPES = ("cuda", "cann", "cpu", "dml", "webgpu", "gpu", "npu")
_VENDORS = {
    "cuda": OrtDeviceVendorId.NVIDIA,
    "dml": OrtDeviceVendorId.MICROSOFT,
    "cann": OrtDeviceVendorId.HUAWEI,
    "webgpu": OrtDeviceVendorId.NONE,
}


def get_ort_device_type(device_type):
    """The number of a kind of device, by its name."""
    if device_type not in _TYPES:
        raise Exception(f"Unsupported device type: {device_type}")
    return getattr(state.OrtDevice, device_type)()


def get_vendor_id_for_device_type(device_type):
    """The vendor that a kind of device implies, or None."""
    return _VENDORS.get(device_type)


class OrtDevice:
    """A place where memory lives."""

    def __init__(self, c_ort_device):
        if not isinstance(c_ort_device, state.OrtDevice):
            raise ValueError(
                "`Provided object` needs to be of type `onnxruntime.capi.onnxruntime_pybind11_state.OrtDevice`"
            )
        self._ort_device = c_ort_device

    def _get_c_device(self):
        return self._ort_device

    @staticmethod
    def make(ort_device_name, device_id, vendor_id=-1):
        """The device of that name ("cpu") and number. Names of other vendors' devices can be made, but hold no memory
        here."""
        kind = get_ort_device_type(ort_device_name)
        vendor = vendor_id if vendor_id >= 0 else get_vendor_id_for_device_type(ort_device_name)
        return OrtDevice(state.OrtDevice(kind, state.OrtDevice.default_memory(), int(vendor or 0), device_id))

    def device_id(self):
        return self._ort_device.device_id()

    def device_type(self):
        return self._ort_device.device_type()

    def device_mem_type(self):
        return self._ort_device.mem_type()

    def device_vendor_id(self):
        return self._ort_device.vendor_id()
