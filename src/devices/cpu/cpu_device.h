// The CPU device: fused units, blocked layouts, packed weights, kernels chosen by instruction set and shape.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "device/device.h"

namespace oriel {

std::shared_ptr<Device> make_cpu_device();

/// OpDef::full_name() of the operators that have a rule, sorted. A rule may still decline a node for its types or
/// shapes.
std::vector<std::string_view> cpu_operators();

}  // namespace oriel
