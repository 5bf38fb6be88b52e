// Functions of the library as a whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oriel/export.h"

namespace oriel::ORIEL_API_NAMESPACE {

/// The version of the library that is loaded, e.g. "0.1.0".
ORIEL_API const char* version() noexcept;

/// Names of the execution providers of this build, in their usual order of priority.
ORIEL_API std::vector<std::string> available_providers();

/// Seeds the random operators without a seed of their own, in sessions that are made from now on.
ORIEL_API void set_random_seed(std::uint32_t seed) noexcept;

/// Returns when every run in the background is over and its callback has returned; the end of the process waits
/// likewise. Not to be called from a callback.
ORIEL_API void wait_for_background_runs();

}  // namespace oriel::ORIEL_API_NAMESPACE
