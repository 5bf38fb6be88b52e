// What goes into a run and comes out of it: tensors, sequences of values, maps, and empty optionals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "oriel/element_type.h"
#include "oriel/error.h"
#include "oriel/export.h"

namespace oriel::ORIEL_API_NAMESPACE {

/// Dimensions of a tensor, outermost first; a scalar has none.
using Shape = std::vector<std::int64_t>;

/// A tensor (packed, row-major, in host memory), a sequence, a map, or nothing: an empty optional. Copies are cheap and
/// share the elements. Distinct values may be used by any number of threads; the elements of one are the caller's to
/// guard.
///
/// Elements of 2 and 4 bits are packed, the first one in the lowest bits of the first byte.
///
/// Unless said otherwise, functions throw Error(kInvalidArgument) where the value is not what they are for.
class ORIEL_API Value {
 public:
  /// Nothing.
  Value() noexcept = default;

  /// A tensor with memory of its own: numbers are 0, strings empty. Throws Error(kInvalidArgument) for a negative
  /// dimension, and Error(kFail) where memory runs out.
  static Value zeros(ElementType type, const Shape& shape);

  /// A tensor over `memory`, without a copy. The memory has to be aligned for its elements and hold exactly as many
  /// bytes as the shape asks for; it has to stay valid as long as the value, its copies and runs with them: `owner` is
  /// released after the last of them (null: the caller vouches). Runs write only into values that are bound as outputs.
  /// Strings cannot be wrapped this way. Throws Error(kInvalidArgument).
  static Value wrap(ElementType type, std::span<std::byte> memory, const Shape& shape,
                    std::shared_ptr<const void> owner = nullptr);
  /// The same over memory that nobody may write: mutable_*() and binding as an output throw Error(kInvalidArgument).
  static Value wrap(ElementType type, std::span<const std::byte> memory, const Shape& shape,
                    std::shared_ptr<const void> owner = nullptr);
  /// A tensor over elements of a C++ type, strings included; read-only where they are const.
  template <Element T>  // NOLINTNEXTLINE(performance-unnecessary-value-param): moved where it is instantiated
  static Value wrap(std::span<T> elements, const Shape& shape, std::shared_ptr<const void> owner = nullptr) {
    return wrap_elements(element_type_of<T>(), elements.data(), elements.size(), std::is_const_v<T>, shape,
                         std::move(owner));
  }
  /// A tensor over a vector's elements, which must not move meanwhile.
  template <Element T>
  static Value wrap(std::vector<T>& elements, const Shape& shape) {
    return wrap(std::span<T>(elements), shape);
  }
  template <Element T>
  static Value wrap(const std::vector<T>& elements, const Shape& shape) {
    return wrap(std::span<const T>(elements), shape);
  }
  template <Element T>
  static Value wrap(const std::vector<T>&& elements, const Shape& shape) = delete;

  /// A tensor with a copy of these elements. Throws as zeros(), and where the shape asks for another number of them.
  template <Element T>
  static Value copy(std::span<const T> elements, const Shape& shape) {
    return wrap(elements, shape).clone();
  }
  template <Element T>
  static Value copy(const std::vector<T>& elements, const Shape& shape) {
    return copy(std::span<const T>(elements), shape);
  }
  template <Element T>
  static Value copy(std::initializer_list<T> elements, const Shape& shape) {
    return copy(std::span<const T>(elements.begin(), elements.size()), shape);
  }
  /// A tensor without dimensions.
  template <Element T>
  static Value scalar(const T& element) {
    return copy(std::span<const T>(&element, 1), {});
  }
  /// A sequence. Its items are tensors of one element type, or maps. `element` is the type of an empty sequence's
  /// tensors.
  static Value sequence(const std::vector<Value>& items, ElementType element = ElementType::kUndefined);
  /// A map: tensors of rank 1 and equal length, keys of kInt64 or kString.
  static Value map(const Value& keys, const Value& values);

  /// False for nothing.
  bool has_value() const noexcept { return content_ != nullptr; }
  bool is_tensor() const noexcept;
  bool is_sequence() const noexcept;
  bool is_map() const noexcept;
  /// "tensor(float)", "seq(map(int64,tensor(float)))", "none".
  std::string type_name() const;

  /// Of a tensor.
  ElementType element_type() const;
  Shape shape() const;
  std::int64_t element_count() const;
  /// Bytes of the elements; not for strings.
  std::size_t byte_size() const { return bytes().size(); }
  /// Whether the elements may be written.
  bool is_writable() const;

  /// The elements of a tensor, valid as long as the value or a copy of it. T has to stand for the element type.
  template <Element T>
  std::span<const T> data() const {
    return {static_cast<const T*>(elements(element_type_of<T>())), static_cast<std::size_t>(element_count())};
  }
  template <Element T>
  std::span<T> mutable_data() {
    return {static_cast<T*>(mutable_elements(element_type_of<T>())), static_cast<std::size_t>(element_count())};
  }
  /// The elements of a tensor of any type but strings as bytes.
  std::span<const std::byte> bytes() const;
  std::span<std::byte> mutable_bytes();

  /// The items of a sequence.
  std::vector<Value> items() const;
  /// Of a map.
  Value keys() const;
  Value values() const;

  /// A tensor with a copy of the elements; sequences and maps are values already and come back as they are.
  Value clone() const;
  /// A tensor of another numeric type or kBool with the nearest elements: towards integers fractions are cut off and
  /// what is out of range becomes the nearest bound (NaN becomes 0). 64-bit integers beyond 2^53 are rounded unless the
  /// type stays. For convenience, not speed: packs and unpacks int4 and float8, too.
  Value cast(ElementType type) const;

 private:
  friend struct ValueAccess;
  struct Content;

  static Value wrap_elements(ElementType type, const void* elements, std::size_t count, bool read_only,
                             const Shape& shape, std::shared_ptr<const void> owner);
  const void* elements(ElementType wanted) const;
  void* mutable_elements(ElementType wanted);

  std::shared_ptr<const Content> content_;
};

/// Values by name.
using NamedValues = std::map<std::string, Value>;

}  // namespace oriel::ORIEL_API_NAMESPACE
