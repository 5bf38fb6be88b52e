// Runs that nobody waits for, counted so that somebody can.
#pragma once

#include <functional>

#include "base/error.h"

namespace oriel::v1 {

/// Calls `run` on a thread of the background queue, then `done` with its status on the dispatcher's; neither may throw.
/// Throws the engine's Error where the system gives no thread.
void run_in_background(std::function<Status()> run, std::function<void(const Status&)> done);

/// Returns when every `done` has returned. At the end of the process this happens by itself.
void finish_background();

}  // namespace oriel::v1
