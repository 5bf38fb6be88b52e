// For tests of the C++ interface: which error a call ends in.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "oriel/error.h"

namespace oriel_test {

/// The code of the Error that f() throws, which has to have a message; ErrorCode{} where it throws none.
template <typename F>
oriel::ErrorCode code_of(F&& f) {
  try {
    f();
  } catch (const oriel::Error& error) {
    EXPECT_FALSE(std::string(error.what()).empty());
    return error.code();
  }
  return oriel::ErrorCode{};
}

}  // namespace oriel_test
