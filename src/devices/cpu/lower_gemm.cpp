// MatMul and Gemm.
#include "devices/cpu/lowering.h"

namespace oriel::cpu {

std::vector<Rule> gemm_rules() { return {}; }

}  // namespace oriel::cpu
