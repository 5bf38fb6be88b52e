// Sorted storage of attributes.
#include "ir/attributes.h"

#include <algorithm>

namespace oriel {
namespace {

template <typename Items>
auto position(Items& items, std::string_view name) {
  return std::lower_bound(items.begin(), items.end(), name,
                          [](const auto& item, std::string_view n) { return item.first < n; });
}

}  // namespace

const char* attribute_kind_name(const Attribute& attribute) {
  static constexpr const char* kNames[] = {"int",    "float",   "string",       "ints", "floats", "strings",
                                           "tensor", "tensors", "element type", "type", "graph",  "graphs"};
  return kNames[attribute.index()];
}

void Attributes::set(std::string_view name, Attribute value) {
  const auto at = position(items_, name);
  if (at != items_.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    items_.insert(at, {std::string(name), std::move(value)});
  }
}

void Attributes::erase(std::string_view name) {
  const auto at = position(items_, name);
  if (at != items_.end() && at->first == name) items_.erase(at);
}

const Attribute* Attributes::find(std::string_view name) const {
  const auto at = position(items_, name);
  return at != items_.end() && at->first == name ? &at->second : nullptr;
}

}  // namespace oriel
