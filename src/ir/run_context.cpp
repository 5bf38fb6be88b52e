// The error of a cancelled run.
#include "ir/run_context.h"

namespace oriel {

void RunContext::throw_cancelled() { fail(ErrorCode::kCancelled, "Exiting due to terminate flag being set to true."); }

}  // namespace oriel
