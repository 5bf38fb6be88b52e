// Recurrent networks.
#include "devices/cpu/lowering.h"

namespace oriel::cpu {

std::vector<Rule> recurrent_rules() { return {}; }

}  // namespace oriel::cpu
