// Gathers the operators that op_list.inc names.
#include "ops/registry.h"

namespace oriel {
namespace ops {

#define ORIEL_OP(name) OpDef op_##name();
#include "ops/op_list.inc"
#undef ORIEL_OP

}  // namespace ops

const OpRegistry& builtin_ops() {
  static const OpRegistry* const registry = [] {
    auto* r = new OpRegistry;
#define ORIEL_OP(name) r->add(ops::op_##name());
#include "ops/op_list.inc"
#undef ORIEL_OP
    return r;
  }();
  return *registry;
}

}  // namespace oriel
