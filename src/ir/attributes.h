// Attributes of a node: named constants, typed by the operator's definition.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/element_type.h"
#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel {

class Graph;

/// A value of an attribute. A graph is the body of a control-flow operator.
using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor, std::vector<Tensor>, ElementType, ValueType,
                               std::shared_ptr<Graph>, std::vector<std::shared_ptr<Graph>>>;

/// "int", "ints", "tensor", ...
const char* attribute_kind_name(const Attribute& attribute);

/// Attributes by name, in name order. A getter without default throws Error(kInvalidGraph) where the attribute is
/// missing, and every getter does where it has another type.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> items) {
    for (const auto& [name, value] : items) set(name, value);
  }
  void set(std::string_view name, Attribute value);
  void erase(std::string_view name);
  const Attribute* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const std::vector<std::pair<std::string, Attribute>>& items() const { return items_; }

  std::int64_t get_int(std::string_view name) const { return get<std::int64_t>(name); }
  bool get_bool(std::string_view name) const { return get<std::int64_t>(name) != 0; }
  float get_float(std::string_view name) const { return get<float>(name); }
  const std::string& get_string(std::string_view name) const { return get<std::string>(name); }
  const std::vector<std::int64_t>& get_ints(std::string_view name) const {
    return get<std::vector<std::int64_t>>(name);
  }
  const std::vector<float>& get_floats(std::string_view name) const { return get<std::vector<float>>(name); }
  const std::vector<std::string>& get_strings(std::string_view name) const {
    return get<std::vector<std::string>>(name);
  }
  const Tensor& get_tensor(std::string_view name) const { return get<Tensor>(name); }
  ElementType get_element_type(std::string_view name) const { return get<ElementType>(name); }
  const ValueType& get_type(std::string_view name) const { return get<ValueType>(name); }
  const std::shared_ptr<Graph>& get_graph(std::string_view name) const { return get<std::shared_ptr<Graph>>(name); }

  std::int64_t get_int(std::string_view name, std::int64_t fallback) const {
    return has(name) ? get_int(name) : fallback;
  }
  float get_float(std::string_view name, float fallback) const { return has(name) ? get_float(name) : fallback; }
  std::string get_string(std::string_view name, std::string_view fallback) const {
    return has(name) ? get_string(name) : std::string(fallback);
  }
  std::vector<std::int64_t> get_ints(std::string_view name, const std::vector<std::int64_t>& fallback) const {
    return has(name) ? get_ints(name) : fallback;
  }

 private:
  template <typename T>
  const T& get(std::string_view name) const {
    const Attribute* a = find(name);
    if (a == nullptr) fail(ErrorCode::kInvalidGraph, "attribute {} is missing", name);
    const T* value = std::get_if<T>(a);
    if (value == nullptr) fail(ErrorCode::kInvalidGraph, "attribute {} is of type {}", name, attribute_kind_name(*a));
    return *value;
  }
  std::vector<std::pair<std::string, Attribute>> items_;
};

}  // namespace oriel
