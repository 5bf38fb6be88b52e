// What many operators share: dispatch over element types, index arithmetic, broadcasting loops, copies of any type.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/element_type.h"
#include "base/error.h"
#include "base/shape.h"
#include "ir/graph.h"
#include "ir/op_def.h"

namespace oriel::ops {

[[noreturn]] inline void unsupported_type(ElementType type) {
  fail(ErrorCode::kNotImplemented, "element type {} is not supported", element_name(type));
}

/// Calls f.template operator()<T>() for the C++ type of `type`, which must be one of those listed in the name.
template <typename F>
void dispatch_float(ElementType type, F&& f) {
  switch (type) {
    case ElementType::kF32:
      return f.template operator()<float>();
    case ElementType::kF64:
      return f.template operator()<double>();
    case ElementType::kF16:
      return f.template operator()<Half>();
    case ElementType::kBF16:
      return f.template operator()<BFloat16>();
    default:
      unsupported_type(type);
  }
}

template <typename F>
void dispatch_integer(ElementType type, F&& f) {
  switch (type) {
    case ElementType::kI8:
      return f.template operator()<std::int8_t>();
    case ElementType::kI16:
      return f.template operator()<std::int16_t>();
    case ElementType::kI32:
      return f.template operator()<std::int32_t>();
    case ElementType::kI64:
      return f.template operator()<std::int64_t>();
    case ElementType::kU8:
      return f.template operator()<std::uint8_t>();
    case ElementType::kU16:
      return f.template operator()<std::uint16_t>();
    case ElementType::kU32:
      return f.template operator()<std::uint32_t>();
    case ElementType::kU64:
      return f.template operator()<std::uint64_t>();
    default:
      unsupported_type(type);
  }
}

/// Floats and integers, without bool, strings, complex, 8-bit floats and sub-byte types.
template <typename F>
void dispatch_numeric(ElementType type, F&& f) {
  if (is_integer(type)) return dispatch_integer(type, std::forward<F>(f));
  dispatch_float(type, std::forward<F>(f));
}

/// dispatch_numeric and bool.
template <typename F>
void dispatch_numeric_or_bool(ElementType type, F&& f) {
  if (type == ElementType::kBool) return f.template operator()<bool>();
  dispatch_numeric(type, std::forward<F>(f));
}

/// The type that references compute in: f64 for every float, the type itself for integers and bool.
template <typename T>
using Wide = std::conditional_t<std::is_integral_v<T>, T, double>;

template <typename T>
Wide<T> widen(T value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return static_cast<double>(static_cast<float>(value));
  } else {
    return static_cast<Wide<T>>(value);
  }
}

/// Rounds a computed value to the element type.
template <typename T, typename W>
T narrow(W value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<double>(value));
  } else {
    return static_cast<T>(value);
  }
}

/// Calls f(linear index) for every element, testing for cancellation once in a while.
template <typename F>
void for_each_element(std::int64_t count, RunContext& context, F&& f) {
  constexpr std::int64_t kBatch = 65536;
  for (std::int64_t begin = 0; begin < count; begin += kBatch) {
    context.check();
    const std::int64_t end = std::min(count, begin + kBatch);
    for (std::int64_t i = begin; i < end; ++i) f(i);
  }
}

/// Moves a multi-index one element on in row-major order.
inline void advance(Dims& index, const Dims& dims) {
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    if (++index[axis] < dims[axis]) return;
    index[axis] = 0;
  }
}

/// The multi-index of a linear one.
inline Dims unravel(std::int64_t linear, const Dims& dims) {
  Dims index(dims.size(), 0);
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    index[axis] = linear % dims[axis];
    linear /= dims[axis];
  }
  return index;
}

/// Linear index of a multi-index under strides.
inline std::int64_t ravel(const Dims& index, const Dims& strides) {
  std::int64_t linear = 0;
  for (std::size_t i = 0; i < strides.size(); ++i) linear += index[i] * strides[i];
  return linear;
}

/// Strides that walk a tensor of `dims` along the shape `to` that it broadcasts to (0 on repeated axes).
inline Dims broadcast_strides(const Dims& dims, const Dims& to) {
  const Dims own = row_major_strides(dims);
  Dims strides(to.size(), 0);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) strides[i + to.size() - dims.size()] = own[i];
  }
  return strides;
}

/// Calls f(output index, index into a, index into b) over the broadcast shape.
template <typename F>
void for_each_broadcast(const Dims& a, const Dims& b, const Dims& out, RunContext& context, F&& f) {
  const Dims sa = broadcast_strides(a, out);
  const Dims sb = broadcast_strides(b, out);
  Dims index(out.size(), 0);
  std::int64_t ia = 0;
  std::int64_t ib = 0;
  for_each_element(count_elements(out), context, [&](std::int64_t i) {
    f(i, ia, ib);
    for (std::size_t axis = out.size(); axis-- > 0;) {
      ia += sa[axis];
      ib += sb[axis];
      if (++index[axis] < out[axis]) return;
      ia -= sa[axis] * out[axis];
      ib -= sb[axis] * out[axis];
      index[axis] = 0;
    }
  });
}

/// out[to] = in[from] for `count` pairs {to, from} = where(i), for any element type, sub-byte types and strings
/// included. A negative `from` or `to` leaves everything as it is.
template <typename F>
void move_elements(Tensor& out, const Tensor& in, std::int64_t count, RunContext& context, F&& where) {
  const auto move = [&]<typename U>() {
    const auto* source = static_cast<const U*>(in.raw());
    auto* target = static_cast<U*>(out.raw());
    for_each_element(count, context, [&](std::int64_t i) {
      const auto [to, from] = where(i);
      if (to >= 0 && from >= 0) target[to] = source[from];
    });
  };
  struct Bytes16 {
    std::uint64_t half[2];
  };
  if (in.type() == ElementType::kString) return move.template operator()<std::string>();
  switch (element_bits(in.type())) {
    case 8:
      return move.template operator()<std::uint8_t>();
    case 16:
      return move.template operator()<std::uint16_t>();
    case 32:
      return move.template operator()<std::uint32_t>();
    case 64:
      return move.template operator()<std::uint64_t>();
    case 128:
      return move.template operator()<Bytes16>();
    default:
      break;
  }
  const int bits = element_bits(in.type());
  const auto* source = static_cast<const std::uint8_t*>(in.raw());
  auto* target = static_cast<std::uint8_t*>(out.raw());
  const unsigned mask = (1U << bits) - 1U;
  for_each_element(count, context, [&](std::int64_t i) {
    const auto [to, from] = where(i);
    if (to < 0 || from < 0) return;
    const unsigned code = (source[from * bits / 8] >> (from * bits % 8)) & mask;
    const auto shift = static_cast<int>(to * bits % 8);
    target[to * bits / 8] = static_cast<std::uint8_t>((target[to * bits / 8] & ~(mask << shift)) | (code << shift));
  });
}

/// out[i] = in[source(i)] for every element of `out`, in order, for any element type. `source` returns -1 to leave an
/// element as it is.
template <typename F>
void copy_elements(Tensor& out, const Tensor& in, RunContext& context, F&& source) {
  move_elements(out, in, out.size(), context,
                [&](std::int64_t i) { return std::pair<std::int64_t, std::int64_t>(i, source(i)); });
}

/// Sets every element to zero (strings to empty).
inline void fill_zero(Tensor& t) {
  if (t.type() == ElementType::kString) {
    std::fill_n(t.data<std::string>(), t.size(), std::string());
  } else if (t.size() > 0) {
    std::memset(t.raw(), 0, t.bytes());
  }
}

/// Inference: the output has the type and shape of input 0.
inline void infer_same(InferContext& c) { c.set(0, c.element(0), c.shape(0)); }

/// Inference: throws Error(kInvalidGraph) unless the element type of operand `i` is one of `allowed`.
inline void require_element(const InferContext& c, std::size_t i, std::initializer_list<ElementType> allowed) {
  const ElementType e = c.element(i);
  if (std::find(allowed.begin(), allowed.end(), e) != allowed.end()) return;
  std::string list;
  for (const ElementType a : allowed) list += (list.empty() ? "" : ", ") + std::string(element_name(a));
  fail(ErrorCode::kInvalidGraph, "input {} is of type {}, expected one of {}", i, element_name(e), list);
}

/// Inference: throws Error(kInvalidGraph) unless two operands have the same element type.
inline void require_same_element(const InferContext& c, std::size_t i, std::size_t j) {
  if (c.element(i) != c.element(j)) {
    fail(ErrorCode::kInvalidGraph, "inputs {} and {} are of types {} and {}, expected the same", i, j,
         element_name(c.element(i)), element_name(c.element(j)));
  }
}

}  // namespace oriel::ops
