// Rule lists of operators that no other lowering looks at, each in lower_<group>.cpp.
#pragma once

#include <vector>

#include "devices/cpu/lowering.h"

namespace oriel::cpu {

std::vector<Rule> byte_pool_rules();
std::vector<Rule> loss_rules();
std::vector<Rule> matrix_rules();
std::vector<Rule> random_rules();
std::vector<Rule> text_rules();
std::vector<Rule> window_rules();

}  // namespace oriel::cpu
