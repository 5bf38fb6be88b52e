// The registry of Oriel's own operators.
#pragma once

#include "ir/op_def.h"

namespace oriel {

/// All operators of op_list.inc, made on first use. Libraries of users copy it (see OpRegistry::add) and add theirs.
const OpRegistry& builtin_ops();

}  // namespace oriel
