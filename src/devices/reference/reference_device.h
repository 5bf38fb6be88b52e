// The device that runs OpDef::reference: the oracle of all others, and the example to copy for a new device.
#pragma once

#include <memory>

#include "device/device.h"

namespace oriel {

std::shared_ptr<Device> make_reference_device();

}  // namespace oriel
