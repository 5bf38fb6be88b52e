// The CPU device: fused units, blocked layouts, packed weights, kernels chosen by instruction set and shape.
#pragma once

#include <memory>

#include "device/device.h"

namespace oriel {

std::shared_ptr<Device> make_cpu_device();

}  // namespace oriel
