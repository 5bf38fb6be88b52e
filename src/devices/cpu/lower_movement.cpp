// Operators that move elements.
#include "devices/cpu/lowering.h"

namespace oriel::cpu {

std::vector<Rule> movement_rules() { return {}; }

}  // namespace oriel::cpu
