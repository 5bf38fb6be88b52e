// Who can read values rounded to bf16.
#include "devices/cpu/narrow.h"

#include <algorithm>

namespace oriel::cpu {
namespace {

bool reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked) {
  if (unit.quantised != nullptr) return false;
  const std::string name = unit.node->op().full_name();
  if (name == "Conv" || name == "ConvTranspose") return convolution_reads_narrow(lowering, unit, value, blocked);
  if (name == "MatMul") return product_reads_narrow(lowering, unit, value, blocked);
  if (name == "GlobalAveragePool") return pool_reads_narrow(lowering, unit, value, blocked);
  if (name == "Attention") return attention_reads_narrow(lowering, unit, value, blocked);
  return false;
}

}  // namespace

bool is_read_narrow(const Lowering& lowering, const Value* value, bool blocked) {
  if (!lowering.bf16() || !lowering.may_block() || lowering.leaves(value) || value->users().empty()) return false;
  return std::all_of(value->users().begin(), value->users().end(), [&](const Node* user) {
    const Unit* reader = lowering.unit_of(user);
    return reader != nullptr && reads_narrow(lowering, *reader, value, blocked);
  });
}

bool narrows_blocked(const Unit& unit) {
  const std::string name = unit.node->op().full_name();
  return name == "Conv" || name == "ConvTranspose" || name == "BatchNormalization";
}

}  // namespace oriel::cpu
