"""Values outside of numpy, where they live, and bindings of them to a session."""

import numpy as np

from .. import _core
from .enums import OrtAllocatorType, OrtDeviceMemoryType, OrtDeviceVendorId, OrtMemoryInfoDeviceType, OrtMemType

_DEVICE_NUMBERS = {"cpu": 0, "cuda": 1, "gpu": 1, "cann": 3, "npu": 3, "dml": 1, "webgpu": 1}


def _require_cpu(device_type, device_id=0):
    """Memory of this build is the CPU's; RuntimeError for any other place."""
    if isinstance(device_type, OrtDevice):
        device_type, device_id = device_type._name, device_type.device_id()
    if str(device_type).lower() != "cpu" or device_id != 0:
        raise RuntimeError(f"memory of device {device_type}:{device_id} is not available in this build; available: cpu:0")


class OrtDevice:
    """A place where memory lives."""

    def __init__(self, name, device_id=0, vendor_id=OrtDeviceVendorId.NONE):
        self._name = name
        self._id = device_id
        self._vendor = vendor_id

    @staticmethod
    def make(ort_device_name, device_id, vendor_id=-1):
        """The device of that name ("cpu")."""
        name = str(ort_device_name).lower()
        if name not in _DEVICE_NUMBERS:
            raise ValueError(f"Unsupported device type: {ort_device_name}")
        return OrtDevice(name, int(device_id), 0 if vendor_id == -1 else int(vendor_id))

    def device_id(self):
        return self._id

    def device_type(self):
        return _DEVICE_NUMBERS[self._name]

    def device_mem_type(self):
        return int(OrtDeviceMemoryType.DEFAULT)

    def device_vendor_id(self):
        return int(self._vendor)

    def _get_c_device(self):
        return self


class OrtMemoryInfo:
    """Which allocator's memory a value uses."""

    def __init__(self, name, alloc_type, id, mem_type):  # noqa: A002
        self.name = name
        self.allocator_type = OrtAllocatorType(alloc_type)
        self.device_id = int(id)
        self.mem_type = OrtMemType(mem_type)
        self.device_mem_type = OrtDeviceMemoryType.DEFAULT
        self.device_vendor_id = 0

    @staticmethod
    def create_v2(name, device_type, vendor_id, device_id, mem_type, alignment, alloc_type):
        """As the constructor, with vendor and kind of memory; `device_type` must be the CPU."""
        if OrtMemoryInfoDeviceType(device_type) != OrtMemoryInfoDeviceType.CPU:
            raise RuntimeError("only memory of the CPU is available in this build")
        if int(alignment) < 0:
            raise ValueError("the alignment is negative")
        info = OrtMemoryInfo(name, alloc_type, device_id, OrtMemType.DEFAULT)
        info.device_mem_type = OrtDeviceMemoryType(mem_type)
        info.device_vendor_id = int(vendor_id)
        return info


class OrtArenaCfg:
    """Settings of an arena, by position or as one dictionary; -1 leaves a setting to the engine."""

    _NAMES = ("max_mem", "arena_extend_strategy", "initial_chunk_size_bytes", "max_dead_bytes_per_chunk")
    _MORE = ("initial_growth_chunk_size_bytes", "max_power_of_two_extend_bytes")

    def __init__(self, *settings):
        if len(settings) == 1 and isinstance(settings[0], dict):
            given = settings[0]
        elif len(settings) == len(self._NAMES):
            given = dict(zip(self._NAMES, settings))
        else:
            raise TypeError(f"OrtArenaCfg wants a dict, or {len(self._NAMES)} numbers")
        for name in self._NAMES + self._MORE:
            setattr(self, name, 0 if name == "max_mem" else -1)
        for name, value in given.items():
            if name not in self._NAMES + self._MORE:
                raise ValueError(f"Invalid OrtArenaCfg option: {name}")
            setattr(self, name, int(value))


class OrtValue:
    """A tensor, sequence or map that the engine holds. Tensors made from C-contiguous arrays share their memory."""

    def __init__(self, ortvalue, numpy_obj=None):
        self._ortvalue = getattr(ortvalue, "_ortvalue", ortvalue)
        self._numpy_obj = numpy_obj
        if not isinstance(self._ortvalue, _core.OrtValue):
            raise ValueError("`Provided ortvalue` needs to be of type `OrtValue`")

    def _get_c_value(self):
        return self._ortvalue

    @classmethod
    def ortvalue_from_numpy(cls, numpy_obj, /, device_type="cpu", device_id=0, vendor_id=-1):
        """A tensor over the array's memory; the array stays alive with it. RuntimeError for a device other than cpu:0."""
        _require_cpu(device_type, device_id)
        return cls(_core.OrtValue.from_object(numpy_obj), numpy_obj)

    @classmethod
    def ortvalue_from_numpy_with_onnx_type(cls, data, /, onnx_element_type):
        """A tensor over the array's memory whose bits stand for another type of the same width (e.g. bfloat16)."""
        return cls(_core.OrtValue.from_object_with_onnx_type(data, onnx_element_type), data)

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape, element_type, device_type="cpu", device_id=0, vendor_id=-1):
        """A tensor of that shape, contents undefined; `element_type` is a numpy type or an ONNX number."""
        _require_cpu(device_type, device_id)
        return cls(_core.OrtValue.empty([int(d) for d in shape], element_type))

    @staticmethod
    def ort_value_from_sparse_tensor(sparse_tensor):
        """Sparse values are not part of this build: NotImplemented."""
        raise _core.NotImplemented("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : sparse values are not supported; pass a dense tensor")

    def as_sparse_tensor(self):
        """As ort_value_from_sparse_tensor()."""
        return self.ort_value_from_sparse_tensor(None)

    @classmethod
    def from_dlpack(cls, data, /):
        """A tensor over the memory of another library's tensor."""
        is_bool = str(getattr(data, "dtype", "")).rpartition(".")[2] == "bool"
        return cls(_core.OrtValue.from_dlpack(data, is_bool))

    def __dlpack__(self, *, stream=None, **wishes):
        return self._ortvalue.__dlpack__(**wishes)

    def to_dlpack(self):
        """A DLPack capsule that shares this tensor's memory."""
        return self._ortvalue.__dlpack__()

    def __dlpack_device__(self):
        return (1, 0)

    def data_ptr(self):
        """The address of the first element."""
        return self._ortvalue.data_ptr()

    def device_name(self):
        """Where the value lives: "cpu"."""
        return "cpu"

    def shape(self):
        """The dimensions, a list of ints."""
        return self._ortvalue.shape()

    def data_type(self):
        """E.g. "tensor(float)"."""
        return self._ortvalue.data_type()

    def element_type(self):
        """The ONNX number of the element type."""
        return self._ortvalue.element_type()

    def tensor_size_in_bytes(self):
        """The size of the elements in bytes."""
        return self._ortvalue.tensor_size_in_bytes()

    def has_value(self):
        """False for an empty optional."""
        return self._ortvalue.has_value()

    def is_tensor(self):
        return self._ortvalue.is_tensor()

    def is_sparse_tensor(self):
        return False

    def is_tensor_sequence(self):
        return self._ortvalue.is_tensor_sequence()

    def numpy(self):
        """The tensor as an array (lists and dicts for sequences and maps)."""
        return self._ortvalue.to_python()

    def update_inplace(self, data):
        """Copies an array of the same type and shape into this tensor's memory."""
        self._ortvalue.update_inplace(getattr(data, "_ortvalue", data))


class OrtValueVector(list):
    """A list of OrtValues, under the names of onnxruntime's class."""

    def push_back(self, value):
        self.append(value if isinstance(value, OrtValue) else OrtValue(value))

    def reserve(self, size):
        """Lists grow by themselves."""

    def shrink_to_fit(self):
        """Lists shrink by themselves."""

    def element_type_at(self, idx):
        return self[idx].element_type()

    def bool_tensor_indices(self):
        """Positions of the tensors of bool."""
        return [i for i, v in enumerate(self) if v.is_tensor() and v.data_type() == "tensor(bool)"]

    def dlpack_at(self, index):
        """A DLPack capsule of one value."""
        return self[index].to_dlpack()

    def to_dlpacks(self, to_tensor=None):
        """DLPack capsules of all values, each through `to_tensor` where one is given."""
        capsules = [v.to_dlpack() for v in self]
        return capsules if to_tensor is None else [to_tensor(c) for c in capsules]


class IOBinding:
    """Inputs and outputs of a session, bound by name ahead of its runs. Unknown names are RuntimeErrors."""

    def __init__(self, session):
        self._session = session
        self._iobinding = _core.IoBinding(session._session)

    def _failing(self, call, *arguments):
        try:
            call(*arguments)
        except _core.InvalidArgument as error:
            raise RuntimeError(str(error)) from None

    def bind_cpu_input(self, name, arr_on_cpu):
        """Binds an array; later changes of its contents are seen by later runs where it is C-contiguous."""
        self._failing(self._iobinding.bind_input, name, arr_on_cpu)

    def bind_input(self, name, device_type, device_id, element_type, shape, buffer_ptr):
        """Binds a packed row-major array at an address that stays valid until the binding is cleared or replaced."""
        _require_cpu(device_type, device_id)
        self._failing(self._iobinding.bind_input_at, name, buffer_ptr, [int(d) for d in shape], element_type)

    def bind_ortvalue_input(self, name, ortvalue):
        """Binds an OrtValue, whose contents later runs read as they then are."""
        self._failing(self._iobinding.bind_input, name, ortvalue._ortvalue)

    def bind_output(self, name, device_type="cpu", device_id=0, element_type=None, shape=None, buffer_ptr=None):
        """Binds an output: to memory at an address, else to memory that each run allocates."""
        _require_cpu(device_type, device_id)
        if buffer_ptr is None:
            self._failing(self._iobinding.bind_output, name)
            return
        if element_type is None or shape is None:
            raise ValueError("`element_type` and `shape` are to be provided if pre-allocated memory is provided")
        self._failing(self._iobinding.bind_output_at, name, buffer_ptr, [int(d) for d in shape], element_type)

    def bind_ortvalue_output(self, name, ortvalue):
        """Binds an OrtValue that runs write into where its type and size are those of the output."""
        self._failing(self._iobinding.bind_output_value, name, ortvalue._ortvalue)

    def synchronize_inputs(self):
        """Memory of the CPU needs no waiting."""

    def synchronize_outputs(self):
        """Memory of the CPU needs no waiting."""

    def get_outputs(self):
        """What the last run made, in the order of binding."""
        return [OrtValue(v) for v in self._iobinding.outputs()]

    def get_outputs_as_ortvaluevector(self):
        """The same as an OrtValueVector."""
        return OrtValueVector(self.get_outputs())

    def copy_outputs_to_cpu(self):
        """Copies of what the last run made, as arrays."""
        return [np.array(v) if isinstance(v, np.ndarray) else v for v in (o.numpy() for o in self.get_outputs())]

    def clear_binding_inputs(self):
        self._iobinding.clear_inputs()

    def clear_binding_outputs(self):
        self._iobinding.clear_outputs()


def copy_tensors(src, dst, stream=None):
    """Copies each tensor of `src` into its partner in `dst`."""
    if len(src) != len(dst):
        raise RuntimeError("src and dst must have the same length")
    for one, other in zip(src, dst):
        other.update_inplace(one)
