// Configuration entries under ONNX Runtime's keys that stand for options of sessions.
#pragma once

#include "runtime/session.h"

namespace oriel {

/// Reads `options.config` into the fields of the options and the source that its entries stand for; other keys are left
/// to those who know them.
void apply_config_entries(SessionOptions& options, ModelSource& source);

}  // namespace oriel
