"""Values, sparse values, devices and memory, as oriel.ort shares them with onnxruntime: every test here passes with both."""

import numpy as np
import pytest
from onnx import TensorProto
from session_peers import api, state, x  # noqa: F401

from oriel import ort


def test_creation_of_values(api, state):
    make = api.OrtValue
    for kind, name, number, size in (
        (np.float16, "float16", 10, 12),
        (np.float64, "double", 11, 48),
        (np.bool_, "bool", 9, 6),
        (np.int8, "int8", 3, 6),
    ):
        value = make.ortvalue_from_numpy(np.zeros((2, 3), kind))
        assert (value.data_type(), value.element_type(), value.tensor_size_in_bytes()) == (
            f"tensor({name})",
            number,
            size,
        )
        assert value.numpy().dtype == kind
    assert make.ortvalue_from_numpy(np.array(3, np.float32)).shape() == []
    for shape in ([2, 3], (2, 3), np.array([2, 3])):
        assert make.ortvalue_from_shape_and_type(shape, np.float32).shape() == [2, 3]
    for number, name, size in (
        (16, "bfloat16", 12),
        (17, "float8e4m3fn", 6),
        (22, "int4", 3),
        (21, "uint4", 3),
        (9, "bool", 6),
    ):
        value = make.ortvalue_from_shape_and_type([2, 3], number)
        assert (value.data_type(), value.element_type(), value.tensor_size_in_bytes()) == (
            f"tensor({name})",
            number,
            size,
        )
    for kind, name in (
        (float, "double"),
        (int, "int64"),
        ("float32", "float"),
        (np.dtype("f2"), "float16"),
        (None, "double"),
    ):
        assert make.ortvalue_from_shape_and_type([1], kind).data_type() == f"tensor({name})"
    reinterpreted = make.ortvalue_from_numpy_with_onnx_type(np.zeros(2, np.float32), TensorProto.INT32)
    assert reinterpreted.data_type() == "tensor(int32)" and reinterpreted.numpy().dtype == np.int32
    packed = make.ortvalue_from_numpy_with_onnx_type(np.zeros(2, np.uint8), TensorProto.INT4)
    assert packed.data_type() == "tensor(int4)" and packed.tensor_size_in_bytes() == 1
    apart = np.ones((4, 4), np.float32)[:, ::2]
    value = make.ortvalue_from_numpy(apart)
    assert value.data_ptr() != apart.ctypes.data
    np.testing.assert_array_equal(value.numpy(), apart)


def test_values_that_cannot_be(api):
    make = api.OrtValue
    array = np.zeros(2, np.float32)
    for call in (
        lambda: make.ortvalue_from_numpy([1.0, 2.0]),
        lambda: make.ortvalue_from_numpy(np.zeros(2, np.longdouble)),
        lambda: make.ortvalue_from_numpy(np.zeros(2, "M8[s]")),
        lambda: make.ortvalue_from_numpy(array, "cuda", 0),
        lambda: make.ortvalue_from_numpy(array, "gpu", 0, 0x10DE),
        lambda: make.ortvalue_from_shape_and_type([-1], np.float32),
        lambda: make.ortvalue_from_shape_and_type([1], 0),
        lambda: make.ortvalue_from_shape_and_type([1], 99),
        lambda: make.ortvalue_from_shape_and_type([1], np.float32, "cuda", 0),
        lambda: make.ortvalue_from_numpy_with_onnx_type(array, TensorProto.INT64),
        lambda: make.ortvalue_from_numpy_with_onnx_type(array, 99),
        lambda: make.ortvalue_from_numpy(array).as_sparse_tensor(),
        lambda: make.ortvalue_from_numpy(array).update_inplace(np.zeros(3, np.float32)),
    ):
        with pytest.raises(RuntimeError):
            call()
    for place in ("foo", "CPU"):
        with pytest.raises(Exception, match=f"Unsupported device type: {place}"):
            make.ortvalue_from_numpy(array, place)
    with pytest.raises(ValueError, match="needs to be of type"):
        make(3)
    with pytest.raises(TypeError, match="numpy.ndarray or an OrtValue"):
        make.ortvalue_from_numpy(array).update_inplace([1.0, 2.0])


def test_update_in_place(api, x):
    value = api.OrtValue.ortvalue_from_numpy(x)
    value.update_inplace(np.asfortranarray(x + 1))
    np.testing.assert_array_equal(value.numpy(), np.arange(1, 7, dtype=np.float32).reshape(3, 2))
    value.update_inplace(api.OrtValue.ortvalue_from_numpy(np.full((3, 2), 9, np.float32)))
    np.testing.assert_array_equal(x, np.full((3, 2), 9))


def test_values_as_arrays(api, x):
    value = api.OrtValue.ortvalue_from_numpy(x)
    shared = np.asarray(value)
    assert shared.ctypes.data == value.data_ptr()
    assert np.asarray(value, dtype=np.float64).dtype == np.float64
    copy = np.array(value)
    np.testing.assert_array_equal(copy, x)


def test_dlpack(api, state, x):
    value = api.OrtValue.ortvalue_from_numpy(x)
    assert value.__dlpack_device__() == (1, 0) and value._ortvalue.__dlpack_device__() == (1, 0)
    assert api.OrtValue.from_dlpack(value).data_ptr() == value.data_ptr()
    assert api.OrtValue.from_dlpack(x).data_ptr() == x.ctypes.data
    capsule = value._ortvalue.to_dlpack()
    assert not state.is_dlpack_uint8_tensor(capsule)
    inner = state.OrtValue.from_dlpack(capsule, False)
    assert inner.data_ptr() == value.data_ptr()
    np.testing.assert_array_equal(inner.numpy(), x)
    for shape in ((1, 8, 0, 128), (0,), (0, 4), (4, 0)):
        empty = np.zeros(shape, np.float32)
        assert list(state.OrtValue.from_dlpack(empty.__dlpack__(), False).shape()) == list(shape)
        again = api.OrtValue.ortvalue_from_numpy(empty)._ortvalue.to_dlpack()
        assert list(state.OrtValue.from_dlpack(again, False).shape()) == list(shape)
    yes = api.OrtValue.ortvalue_from_numpy(np.array([True, False]))
    assert state.is_dlpack_uint8_tensor(yes._ortvalue.to_dlpack())
    assert api.OrtValue.from_dlpack(yes).numpy().tolist() == [True, False]
    numbers = api.OrtValue.ortvalue_from_numpy(np.array([1, 255], np.uint8))
    assert api.OrtValue.from_dlpack(numbers).numpy().dtype == np.uint8


def test_sparse_values(api):
    cpu = api.OrtDevice.make("cpu", 0)
    make = api.SparseTensor
    values = np.array([1, 2, 3], np.float32)
    positions = np.array([3, 5, 15], np.int64)
    sparse = make.sparse_coo_from_numpy([9, 9], values, positions, cpu)
    assert sparse.format() == api.OrtSparseFormat.ORT_SPARSE_COO
    assert (sparse.dense_shape(), sparse.data_type(), sparse.device_name()) == ([9, 9], "sparse_tensor(float)", "cpu")
    for array, wanted in ((sparse.values(), values), (sparse.as_coo_view().indices(), positions)):
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, wanted)
    pairs = np.array([[0, 3], [0, 5], [1, 6]], np.int64)
    np.testing.assert_array_equal(make.sparse_coo_from_numpy([9, 9], values, pairs, cpu).as_coo_view().indices(), pairs)
    words = make.sparse_coo_from_numpy([9, 9], np.array(["x", "y", "z"]), positions, cpu)
    assert words.data_type() == "sparse_tensor(string)" and words.values().tolist() == ["x", "y", "z"]

    value = api.OrtValue.ort_value_from_sparse_tensor(sparse)
    assert value.is_sparse_tensor() and not value.is_tensor() and value.has_value() and not value.is_tensor_sequence()
    assert (value.data_type(), value.element_type(), value.shape(), value.device_name()) == (
        "sparse_tensor(float)",
        1,
        [9, 9],
        "cpu",
    )
    np.testing.assert_array_equal(value.as_sparse_tensor().values(), values)

    inner, outer = np.array([1, 1, 1], np.int64), np.array([0, 1, 2, 3, 3, 3, 3, 3, 3, 3], np.int64)
    rows = make.sparse_csr_from_numpy([9, 9], values, inner, outer, cpu)
    assert rows.format() == api.OrtSparseFormat.ORT_SPARSE_CSRC
    np.testing.assert_array_equal(rows.as_csrc_view().inner(), inner)
    np.testing.assert_array_equal(rows.as_csrc_view().outer(), outer)
    for call in (
        lambda: sparse.as_csrc_view(),
        lambda: sparse.as_blocksparse_view(),
        lambda: sparse.to_cuda(api.OrtDevice.make("cuda", 0)),
        lambda: make.sparse_coo_from_numpy([9, 9], values, positions[:2], cpu),
        lambda: make.sparse_coo_from_numpy([9, 9], values[None], positions, cpu),
        lambda: make.sparse_csr_from_numpy([9, 9], values, inner, outer[:4], cpu),
        lambda: value.numpy(),
        lambda: value.data_ptr(),
    ):
        with pytest.raises(RuntimeError):
            call()


def test_inner_sparse_values(api, state):
    block = state.SparseTensor.blocksparse_from_numpy(
        [4, 4],
        np.ones((2, 2, 2), np.float32),
        np.array([[0, 1], [0, 1]], np.int32),
        api.OrtDevice.make("cpu", 0)._get_c_device(),
    )
    assert block.format == api.OrtSparseFormat.ORT_SPARSE_BLOCK_SPARSE
    if api is ort:
        np.testing.assert_array_equal(block.get_blocksparse_data().indices(), [[0, 1], [0, 1]])


def test_devices(api):
    kinds = {
        "cpu": (0, 0),
        "cuda": (1, 0x10DE),
        "gpu": (1, 0),
        "npu": (3, 0),
        "dml": (1, 0x1414),
        "cann": (3, 0x19E5),
        "webgpu": (1, 0),
    }
    for name, (kind, vendor) in kinds.items():
        device = api.OrtDevice.make(name, 2)
        assert (device.device_type(), device.device_vendor_id(), device.device_id(), device.device_mem_type()) == (
            kind,
            vendor,
            2,
            0,
        )
    assert api.OrtDevice.make("gpu", 0, 0x8086).device_vendor_id() == api.OrtDeviceVendorId.INTEL
    with pytest.raises(Exception, match="Unsupported device type: foo"):
        api.OrtDevice.make("foo", 0)
    with pytest.raises(ValueError):
        api.OrtDevice(3)


def test_memory_infos_and_arenas(api):
    with pytest.raises(RuntimeError, match="Specified device is not supported"):
        api.OrtMemoryInfo("Foo", api.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, api.OrtMemType.DEFAULT)
    with pytest.raises(TypeError):
        api.OrtMemoryInfo("Cpu", 1, 0, 0)
    arena = api.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    made = api.OrtMemoryInfo.create_v2(
        "T", api.OrtMemoryInfoDeviceType.GPU, 3, 1, api.OrtDeviceMemoryType.DEFAULT, 128, arena
    )
    assert (made.name, made.device_vendor_id, made.device_id, made.device_mem_type) == (
        "T",
        3,
        1,
        api.OrtDeviceMemoryType.DEFAULT,
    )
    assert (made.mem_type, made.allocator_type) == (api.OrtMemType.DEFAULT, arena)
    settings = {"max_mem": 16, "arena_extend_strategy": 1, "initial_chunk_size_bytes": 8, "max_dead_bytes_per_chunk": 4}
    config = api.OrtArenaCfg(settings)
    assert {name: getattr(config, name) for name in settings} == settings
    assert config.max_power_of_two_extend_bytes == config.initial_growth_chunk_size_bytes == -1
    assert api.OrtArenaCfg(8, 0, 4, 2).max_dead_bytes_per_chunk == 2
    for wrong, error in (((1, 2), TypeError), (({"foo": 1},), RuntimeError), (({"max_mem": "a"},), RuntimeError)):
        with pytest.raises(error):
            api.OrtArenaCfg(*wrong)
