// The rules of Fourier transforms.
#pragma once

#include <vector>

#include "devices/cpu/lowering.h"

namespace oriel::cpu {

/// DFT and STFT of f32.
std::vector<Rule> fourier_rules();

}  // namespace oriel::cpu
