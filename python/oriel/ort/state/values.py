"""Values as the engine's side of the interface has them."""

import numpy as np

from ... import _core
from .devices import cpu_device
from .enums import OrtSparseFormat

OrtValue = _core.OrtValue
SparseTensor = _core.SparseTensor


def _for_memory_info(shape, element_type, memory_info):
    """A zeroed tensor in the memory of an OrtMemoryInfo, which must be the CPU's."""
    if memory_info.name != "Cpu":
        raise RuntimeError(f"No shared allocator found for: {memory_info.name}")
    return OrtValue.ortvalue_from_shape_and_type(shape, element_type, cpu_device())


OrtValue.ortvalue_from_shape_and_type_for_memory_info = staticmethod(_for_memory_info)
OrtValue.ortvalue_from_shape_and_onnx_type_for_memory_info = staticmethod(_for_memory_info)
SparseTensor.format = property(lambda self: OrtSparseFormat(self._format()), doc="An OrtSparseFormat.")


class OrtValueVector(list):
    """A list of values."""

    def push_back(self, value, is_bool_tensor=False):
        """Appends an OrtValue, or what DLPack lends (a capsule or a tensor of another library)."""
        value = getattr(value, "_ortvalue", value)
        self.append(value if isinstance(value, OrtValue) else OrtValue.from_dlpack(value, is_bool_tensor))

    def push_back_batch(self, tensors, data_ptrs, element_types, shapes, devices):
        """Appends tensors over memory at addresses; `tensors` own it and stay alive with the values."""
        lists = (tensors, data_ptrs, element_types, shapes, devices)
        if len({len(one) for one in lists}) != 1:
            raise RuntimeError("push_back_batch wants lists of one length")
        for tensor, pointer, kind, shape, device in zip(*lists):
            self.append(OrtValue.over_memory(tensor, pointer, shape, kind, device))

    def reserve(self, size):
        """Lists grow by themselves."""

    def shrink_to_fit(self):
        """Lists shrink by themselves."""

    def element_type_at(self, idx):
        """The ONNX number of a value's element type."""
        return self[idx].element_type()

    def bool_tensor_indices(self):
        """Positions of the tensors of bool."""
        return [i for i, v in enumerate(self) if v.is_tensor() and v.data_type() == "tensor(bool)"]

    def dlpack_at(self, index):
        """A DLPack capsule of one value."""
        return self[index].to_dlpack()

    def to_dlpacks(self, to_tensor):
        """DLPack capsules of all values, each through `to_tensor` where one is given."""
        capsules = [v.to_dlpack() for v in self]
        return capsules if to_tensor is None else [to_tensor(c) for c in capsules]


def copy_tensors(src, dst, stream):
    """Copies each tensor of `src` into its partner in `dst`."""
    if len(src) != len(dst):
        raise RuntimeError("Invalid arguments provided to CopyTensors.")
    for one, other in zip(src, dst):
        other.update_inplace(one)


def as_list(outputs):
    """Values as Python has them: copies of tensors as arrays, lists and dicts."""
    return [np.array(v) if isinstance(v, np.ndarray) else v for v in (o.numpy() for o in outputs)]
