// Tensors and the other values that flow between nodes while a model runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/element_type.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/shape.h"

namespace oriel {

/// Type, dimensions, and a place inside a Memory. Row-major, packed. Copies share the memory.
class Tensor {
 public:
  Tensor() = default;
  /// A tensor over existing memory; throws Error(kInvalidArgument) where it would reach past the block's end.
  Tensor(ElementType type, Dims dims, std::shared_ptr<Memory> memory, std::size_t byte_offset = 0);
  /// A new host tensor: strings are empty, other elements uninitialised.
  static Tensor allocate(ElementType type, Dims dims, const std::shared_ptr<Budget>& budget = nullptr);
  /// A host tensor with these values.
  template <typename T>
  static Tensor of(const std::vector<T>& values, const Dims& dims);
  template <typename T>
  static Tensor scalar(T value) {
    Tensor t = allocate(kElementTypeOf<T>, {});
    *t.data<T>() = value;
    return t;
  }
  /// A vector of i64.
  static Tensor of_i64(const std::vector<std::int64_t>& values) {
    return of<std::int64_t>(values, {static_cast<std::int64_t>(values.size())});
  }

  bool defined() const { return type_ != ElementType::kUndefined; }
  ElementType type() const { return type_; }
  const Dims& dims() const { return dims_; }
  std::size_t rank() const { return dims_.size(); }
  std::int64_t dim(std::size_t i) const { return dims_[i]; }
  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return element_bytes(type_, size_); }
  const std::shared_ptr<Memory>& memory() const { return memory_; }
  std::size_t byte_offset() const { return offset_; }

  /// The elements of host-visible memory; throws Error(kInvalidArgument) where T is not the element type.
  template <typename T>
  T* data() {
    check_type(kElementTypeOf<T>);
    return static_cast<T*>(raw());
  }
  template <typename T>
  const T* data() const {
    check_type(kElementTypeOf<T>);
    return static_cast<const T*>(raw());
  }
  /// The first byte, for host-visible memory.
  void* raw() { return bytes_base() + offset_; }
  const void* raw() const { return bytes_base() + offset_; }

  /// The same elements under other dimensions of the same count.
  Tensor reshaped(Dims dims) const;
  /// A copy with memory of its own.
  Tensor clone(const std::shared_ptr<Budget>& budget = nullptr) const;
  /// The elements as 64-bit integers; throws Error(kInvalidArgument) for types other than integers and bool.
  std::vector<std::int64_t> to_i64() const;
  /// "f32[2, 3]".
  std::string description() const;

 private:
  void check_type(ElementType wanted) const {
    if (wanted != type_) {
      fail(ErrorCode::kInvalidArgument, "a tensor of {} was read as {}", element_name(type_), element_name(wanted));
    }
  }
  char* bytes_base() const { return memory_ ? static_cast<char*>(memory_->map()) : nullptr; }

  ElementType type_ = ElementType::kUndefined;
  Dims dims_;
  std::int64_t size_ = 0;
  std::shared_ptr<Memory> memory_;
  std::size_t offset_ = 0;
};

/// Element `i` of a numeric tensor as f64 (bool as 0 or 1; sub-byte types unpacked). Slow; for references.
double element_as_f64(const Tensor& tensor, std::int64_t i);
std::int64_t element_as_i64(const Tensor& tensor, std::int64_t i);
/// Stores with a plain cast (no saturation for integers; saturation for float8 where `saturate`).
void store_element(Tensor& tensor, std::int64_t i, double value, bool saturate = true);

class Datum;
struct Sequence {
  ElementType element = ElementType::kUndefined;
  std::vector<Datum> items;
};
/// A map of the ai.onnx.ml domain: keys are i64 or string, values a tensor with one element a key.
struct Map {
  Tensor keys;
  Tensor values;
};

/// One value at run time: a tensor, a sequence, a map, or nothing (an empty optional, or an output nobody made).
class Datum {
 public:
  Datum() = default;
  Datum(Tensor tensor) : content_(std::move(tensor)) {}                               // NOLINT: converts by design
  Datum(std::shared_ptr<const Sequence> sequence) : content_(std::move(sequence)) {}  // NOLINT
  Datum(std::shared_ptr<const Map> map) : content_(std::move(map)) {}                 // NOLINT

  bool empty() const { return std::holds_alternative<std::monostate>(content_); }
  bool is_tensor() const { return std::holds_alternative<Tensor>(content_); }
  bool is_sequence() const { return std::holds_alternative<std::shared_ptr<const Sequence>>(content_); }
  bool is_map() const { return std::holds_alternative<std::shared_ptr<const Map>>(content_); }
  /// Each throws Error(kInvalidArgument) where the value is something else.
  Tensor& tensor();
  const Tensor& tensor() const;
  const Sequence& sequence() const;
  const Map& map() const;
  void reset() { content_ = std::monostate{}; }

 private:
  std::variant<std::monostate, Tensor, std::shared_ptr<const Sequence>, std::shared_ptr<const Map>> content_;
};

template <typename T>
Tensor Tensor::of(const std::vector<T>& values, const Dims& dims) {
  Tensor t = allocate(kElementTypeOf<T>, dims);
  ORIEL_REQUIRE(t.size() == static_cast<std::int64_t>(values.size()), "{} values for {}", values.size(),
                t.description());
  T* out = t.data<T>();
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return t;
}

}  // namespace oriel
