// Alignment of tensors: large f32 constants may lie in a model's file at any byte, everything else where elements need
// it.
#pragma once

#include <memory>

#include "ir/tensor.h"

namespace oriel {

/// The alignment that elements of a type need, in bytes.
std::size_t element_alignment(ElementType type);

/// The tensor itself where its first byte is aligned, else an aligned copy. Who reads a constant's elements through a
/// typed pointer takes it through this; packing, which copies bytes, need not.
Tensor aligned(const Tensor& tensor, const std::shared_ptr<Budget>& budget = nullptr);

}  // namespace oriel
