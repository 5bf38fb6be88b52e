// Quantised operators.
#include "devices/cpu/lowering.h"

namespace oriel::cpu {

std::vector<Rule> quant_rules() { return {}; }

}  // namespace oriel::cpu
