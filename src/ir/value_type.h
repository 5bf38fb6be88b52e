// Types of values in a graph.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/element_type.h"
#include "base/shape.h"

namespace oriel {

/// The type of a graph's value: a tensor, or a sequence, optional or map of other types.
struct ValueType {
  enum class Kind : std::uint8_t { kNone, kTensor, kSequence, kOptional, kMap };
  Kind kind = Kind::kNone;
  ElementType element = ElementType::kUndefined;  // of a tensor; the key type of a map
  Shape shape = Shape::unranked();                // of a tensor
  std::shared_ptr<const ValueType> inner;         // of a sequence, optional or map

  ValueType() = default;
  ValueType(ElementType e, Shape s) : kind(Kind::kTensor), element(e), shape(std::move(s)) {}
  static ValueType sequence(ValueType of) { return wrap(Kind::kSequence, std::move(of)); }
  static ValueType optional(ValueType of) { return wrap(Kind::kOptional, std::move(of)); }
  static ValueType map(ElementType key, ValueType of) {
    ValueType t = wrap(Kind::kMap, std::move(of));
    t.element = key;
    return t;
  }

  bool is_tensor() const { return kind == Kind::kTensor; }
  /// "f32[1, N]", "seq(f32[...])", "optional(...)", "map(i64, f32[...])".
  std::string to_string() const;

 private:
  static ValueType wrap(Kind kind, ValueType of) {
    ValueType t;
    t.kind = kind;
    t.inner = std::make_shared<const ValueType>(std::move(of));
    return t;
  }
};

}  // namespace oriel
