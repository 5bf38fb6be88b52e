// Aligned copies.
#include "ir/alignment.h"

#include <algorithm>
#include <cstdint>

namespace oriel {

std::size_t element_alignment(ElementType type) {
  const int bits = element_bits(type);
  return is_complex(type) ? static_cast<std::size_t>(bits) / 16 : static_cast<std::size_t>(std::max(bits, 8)) / 8;
}

Tensor aligned(const Tensor& tensor, const std::shared_ptr<Budget>& budget) {
  if (tensor.memory() == nullptr || tensor.type() == ElementType::kString) return tensor;
  if (reinterpret_cast<std::uintptr_t>(tensor.raw()) % element_alignment(tensor.type()) == 0) return tensor;
  return tensor.clone(budget);
}

}  // namespace oriel
