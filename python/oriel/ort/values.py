"""Values outside of numpy: OrtValue and SparseTensor."""

import numpy as np

from . import state
from .devices import OrtDevice


class OrtValue:
    """A tensor, sequence, map or sparse tensor that the engine holds. Tensors made from C-contiguous arrays share their
    memory."""

    def __init__(self, ortvalue, numpy_obj=None, session=None):
        if not isinstance(ortvalue, state.OrtValue):
            raise ValueError(
                "`Provided ortvalue` needs to be of type `onnxruntime.capi.onnxruntime_pybind11_state.OrtValue`"
            )
        self._ortvalue = ortvalue
        self._numpy_obj = numpy_obj
        self._session = session

    def _get_c_value(self):
        return self._ortvalue

    @classmethod
    def ortvalue_from_numpy(cls, numpy_obj, /, device_type="cpu", device_id=0, vendor_id=-1):
        """A tensor over the array's memory; the array stays alive with it. RuntimeError for a device other than the
        CPU."""
        device = OrtDevice.make(device_type, device_id, vendor_id)._get_c_device()
        return cls(state.OrtValue.ortvalue_from_numpy(numpy_obj, device), numpy_obj)

    @classmethod
    def ortvalue_from_numpy_with_onnx_type(cls, data, /, onnx_element_type):
        """A tensor over the array's memory whose bits stand for another type of the same width (e.g. bfloat16)."""
        return cls(state.OrtValue.ortvalue_from_numpy_with_onnx_type(data, onnx_element_type), data)

    @classmethod
    def ortvalue_from_shape_and_type(
        cls, shape, element_type, device_type="cpu", device_id=0, vendor_id=-1, memory_info=None
    ):
        """A tensor of that shape, zeroed; `element_type` is a numpy type or an ONNX number. `memory_info` must be the
        CPU's."""
        device = OrtDevice.make(device_type, device_id, vendor_id)._get_c_device()
        if element_type is None:
            element_type = np.float64
        shape = [int(d) for d in shape]
        if memory_info is not None:
            return cls(state.OrtValue.ortvalue_from_shape_and_type_for_memory_info(shape, element_type, memory_info))
        return cls(state.OrtValue.ortvalue_from_shape_and_type(shape, element_type, device))

    @classmethod
    def ort_value_from_sparse_tensor(cls, sparse_tensor):
        """A value that holds a SparseTensor."""
        return cls(state.OrtValue.ort_value_from_sparse_tensor(sparse_tensor._get_c_tensor()))

    def as_sparse_tensor(self):
        """The SparseTensor that the value holds; RuntimeError where it holds something else."""
        return SparseTensor(self._ortvalue.as_sparse_tensor())

    @classmethod
    def from_dlpack(cls, data, /):
        """A tensor over the memory of another library's tensor, or of a DLPack capsule."""
        if isinstance(data, OrtValue):
            is_bool = data.data_type() == "tensor(bool)"
        else:
            kind = getattr(data, "dtype", "")
            is_bool = str(getattr(kind, "name", kind)) in ("bool", "bool_", "torch.bool")
        capsule = data.__dlpack__() if hasattr(data, "__dlpack__") else data
        return cls(state.OrtValue.from_dlpack(capsule, is_bool))

    def __dlpack__(self, *, stream=None, **wishes):
        return self._ortvalue.__dlpack__(**wishes)

    def to_dlpack(self):
        """A DLPack capsule that shares this tensor's memory."""
        return self._ortvalue.to_dlpack()

    def __dlpack_device__(self):
        return self._ortvalue.__dlpack_device__()

    def __array__(self, dtype=None, copy=None):
        return self._ortvalue.__array__(dtype, copy)

    def data_ptr(self):
        """The address of the first element."""
        return self._ortvalue.data_ptr()

    def device_name(self):
        """Where the value lives: "cpu"."""
        return self._ortvalue.device_name().lower()

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
        return self._ortvalue.is_sparse_tensor()

    def is_tensor_sequence(self):
        return self._ortvalue.is_tensor_sequence()

    def numpy(self):
        """The tensor as an array that shares its memory (lists and dicts for sequences and maps)."""
        return self._ortvalue.numpy()

    def update_inplace(self, data):
        """Copies an array, or another OrtValue, of the same type and as many elements into this tensor's memory."""
        if isinstance(data, OrtValue):
            self._ortvalue.update_inplace(data._ortvalue)
        elif isinstance(data, np.ndarray):
            self._ortvalue.update_inplace(data)
        else:
            raise TypeError("data must be a numpy.ndarray or an OrtValue.")


class SparseTensor:
    """Values at some places of a tensor that is zero elsewhere. They can be made, held and looked at; no operator takes
    them."""

    def __init__(self, sparse_tensor):
        if not isinstance(sparse_tensor, state.SparseTensor):
            raise ValueError(
                "`Provided object` needs to be of type `onnxruntime.capi.onnxruntime_pybind11_state.SparseTensor`"
            )
        self._tensor = sparse_tensor

    def _get_c_tensor(self):
        return self._tensor

    @classmethod
    def sparse_coo_from_numpy(cls, dense_shape, values, coo_indices, ort_device):
        """Values [n] with their positions in the flattened tensor [n], or their coordinates [n, 2]."""
        device = ort_device._get_c_device()
        return cls(state.SparseTensor.sparse_coo_from_numpy([int(d) for d in dense_shape], values, coo_indices, device))

    @classmethod
    def sparse_csr_from_numpy(cls, dense_shape, values, inner_indices, outer_indices, ort_device):
        """Values [n] with their columns [n], and where each row begins [rows + 1]."""
        device = ort_device._get_c_device()
        shape = [int(d) for d in dense_shape]
        return cls(state.SparseTensor.sparse_csr_from_numpy(shape, values, inner_indices, outer_indices, device))

    def values(self):
        """The values, a read-only array."""
        return self._tensor.values()

    def as_coo_view(self):
        """The indices() of the COO format; RuntimeError for other formats."""
        return self._tensor.get_coo_data()

    def as_csrc_view(self):
        """The inner() and outer() indices of the CSR format; RuntimeError for other formats."""
        return self._tensor.get_csrc_data()

    def as_blocksparse_view(self):
        """The indices() of the block sparse format; RuntimeError for other formats."""
        return self._tensor.get_blocksparse_data()

    def to_cuda(self, ort_device):
        """RuntimeError: this build has no CUDA."""
        return SparseTensor(self._tensor.to_cuda(ort_device._get_c_device()))

    def format(self):
        """An OrtSparseFormat."""
        return self._tensor.format

    def dense_shape(self):
        """The dimensions of the dense form, a list of ints."""
        return self._tensor.dense_shape()

    def data_type(self):
        """E.g. "sparse_tensor(float)"."""
        return self._tensor.data_type()

    def device_name(self):
        """Where the values live: "cpu"."""
        return self._tensor.device_name().lower()


def copy_tensors(src, dst, stream=None):
    """Copies each tensor of `src` into its partner in `dst`."""
    state.copy_tensors([one._get_c_value() for one in src], [one._get_c_value() for one in dst], stream)
