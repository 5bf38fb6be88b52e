// Reductions.
#include "devices/cpu/lowering.h"

namespace oriel::cpu {

std::vector<Rule> reduce_rules() { return {}; }

}  // namespace oriel::cpu
