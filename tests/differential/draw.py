"""Random choices of one case: numbers, shapes, arrays. Everything follows from (seed, index)."""

import numpy as np
from onnx import TensorProto, helper

MAX_ELEMENTS = 6000
SMALL_DIMS = (1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8)
LARGE_DIMS = (9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65)
FLOATS = ("float32", "float64", "float16", "bfloat16")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED

# Names of numpy types by the names that schemas use, for all types that tensors of a case may have.
ELEMENT_TYPES = {
    "float": TensorProto.FLOAT, "double": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16,
    "int8": TensorProto.INT8, "int16": TensorProto.INT16, "int32": TensorProto.INT32, "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16, "uint32": TensorProto.UINT32, "uint64": TensorProto.UINT64,
    "bool": TensorProto.BOOL, "string": TensorProto.STRING,
    "float8e4m3fn": TensorProto.FLOAT8E4M3FN, "float8e4m3fnuz": TensorProto.FLOAT8E4M3FNUZ,
    "float8e5m2": TensorProto.FLOAT8E5M2, "float8e5m2fnuz": TensorProto.FLOAT8E5M2FNUZ,
    "int4": TensorProto.INT4, "uint4": TensorProto.UINT4,
}  # fmt: skip
NARROW = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "int4", "uint4")


def np_type(name):
    """The numpy type of a schema's element type ("float", "int4", ...) or of a numpy name."""
    if name in ELEMENT_TYPES:
        return np.dtype(helper.tensor_dtype_to_np_dtype(ELEMENT_TYPES[name]))
    if name in NARROW or name == "bfloat16":
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def onnx_type(dtype):
    """The ONNX number of a numpy type."""
    return TensorProto.STRING if dtype == object else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


class Draw:
    """A random generator with the distributions that cases are made of."""

    def __init__(self, seed, index):
        self.rng = np.random.default_rng([seed, index])

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def integer(self, low, high):
        """An integer of [low, high]."""
        return int(self.rng.integers(low, high + 1))

    def uniform(self, low, high):
        return float(self.rng.uniform(low, high))

    def pick(self, items):
        items = list(items)
        return items[int(self.rng.integers(len(items)))]

    def maybe(self, value, probability=0.5):
        """The value, or None."""
        return value if self.chance(probability) else None

    def sample(self, items, count):
        items = list(items)
        return [items[i] for i in self.rng.permutation(len(items))[:count]]

    def permutation(self, count):
        return [int(i) for i in self.rng.permutation(count)]

    def dim(self, zero=0.03, large=0.15):
        if self.chance(zero):
            return 0
        return self.pick(LARGE_DIMS if self.chance(large) else SMALL_DIMS)

    def rank(self, low=0, high=6):
        weights = np.array([1, 2, 3, 3, 3, 1.5, 1])[low : high + 1]
        return low + int(self.rng.choice(len(weights), p=weights / weights.sum()))

    def shape(self, low=0, high=6, zero=0.03, rank=None, limit=MAX_ELEMENTS):
        """A shape of rank low to high with at most `limit` elements."""
        rank = self.rank(low, high) if rank is None else rank
        dims = [self.dim(zero) for _ in range(rank)]
        while np.prod([max(d, 1) for d in dims], dtype=np.int64) > limit:
            largest = int(np.argmax(dims))
            dims[largest] = self.pick(SMALL_DIMS) if dims[largest] > 8 else max(1, dims[largest] // 2)
        return tuple(dims)

    def split_shape(self, shape):
        """A shape that broadcasts to `shape`: some dimensions 1, leading ones left out."""
        part = [1 if self.chance(0.25) else d for d in shape]
        return tuple(part[self.integer(0, len(part)) if self.chance(0.3) else 0 :])

    def broadcast(self, count, low=0, high=6, zero=0.03):
        """Shapes of `count` operands that broadcast to one."""
        full = self.shape(low, high, zero)
        shapes = [full] + [self.split_shape(full) if self.chance(0.7) else full for _ in range(count - 1)]
        return [shapes[i] for i in self.permutation(count)]

    def axis(self, rank, negative=0.3):
        """An axis of [-rank, rank)."""
        axis = self.integer(0, rank - 1)
        return axis - rank if self.chance(negative) else axis

    def axes(self, rank, low=1, high=None):
        """Different axes, some of them negative."""
        count = self.integer(min(low, rank), rank if high is None else min(high, rank))
        return [a - rank if self.chance(0.3) else a for a in self.sample(range(rank), count)]

    def type(self, names, favourite="float32", weight=0.5):
        """One of the types, `favourite` more often."""
        names = list(names)
        return favourite if favourite in names and self.chance(weight) else self.pick(names)

    def array(self, dtype, shape=(), low=None, high=None, special=0.0):
        """Random values of [low, high]; a share `special` of floats is NaN, infinite, zero, or large."""
        dtype, shape = np_type(dtype), tuple(shape)
        if dtype == object:
            words = np.array(["", "a", "B", "oriel", "Zeta", "12", "-3.5", "naïve", "x y", "日本"], dtype=object)
            return words[self.rng.integers(len(words), size=shape)] if shape else np.array(self.pick(words), dtype=object)
        if dtype == bool:
            return np.asarray(self.rng.integers(0, 2, shape)).astype(bool)
        if dtype.kind in "iu" or dtype.name in ("int4", "uint4"):
            bits = 4 if dtype.name in ("int4", "uint4") else dtype.itemsize * 8
            signed = not dtype.name.startswith("u")
            least = -(2 ** (bits - 1)) if signed else 0
            most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
            low = max(least, -100 if low is None else low)
            high = min(most, 100 if high is None else high)
            return np.asarray(self.rng.integers(int(low), int(high), shape, endpoint=True, dtype=np.int64)).astype(dtype)
        low, high = -3.0 if low is None else low, 3.0 if high is None else high
        if dtype.kind == "c":
            return (self.rng.uniform(low, high, shape) + 1j * self.rng.uniform(low, high, shape)).astype(dtype)
        values = np.asarray(self.rng.uniform(low, high, shape))
        if special and self.chance(0.3):
            odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-30])
            values = np.where(self.rng.random(shape) < special, odd[self.rng.integers(len(odd), size=shape)], values)
        with np.errstate(all="ignore"):
            return np.asarray(values).astype(dtype)

    def distinct(self, dtype, shape):
        """Values of which no two are close, in random order: order statistics do not depend on rounding."""
        dtype, count = np_type(dtype), int(np.prod(shape, dtype=np.int64))
        values = self.rng.permutation(count) - count // 2
        return (values / 4 if dtype.kind not in "iu" else values + (count if dtype.kind == "u" else 0)).astype(dtype).reshape(shape)


def is_float(name):
    """Whether a numpy type, by name, is a floating-point one."""
    return name.startswith(("float", "bfloat"))
