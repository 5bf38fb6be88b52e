// Channels in the last axis: what operators of com.microsoft share.
#pragma once

#include "frontends/onnx/import_table.h"

namespace oriel::onnx {

/// N, C, D1, ... of N, D1, ..., C. Throws Error(kInvalidGraph) below rank 3, kNotImplemented where the rank is unknown.
Value* channels_first(ImportContext& c, Value* x);
/// N, D1, ..., C of N, C, D1, ...; the same errors.
Value* channels_last(ImportContext& c, Value* x);
/// Finishes with operator `op` on the node's attributes and operands, operand 0 and the result with channels last.
void finish_channels_last(ImportContext& c, std::string_view op, std::string_view domain);

}  // namespace oriel::onnx
