// Comparisons, logic, selection and casts.
#include "devices/cpu/lowering.h"

namespace oriel::cpu {

std::vector<Rule> logic_rules() { return {}; }

}  // namespace oriel::cpu
