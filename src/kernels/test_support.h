// What the kernels' tests share: random data, aligned buffers, the levels that this machine can run.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/cpu_features.h"

namespace oriel::kernels::test {

/// 64-byte aligned floats, zeroed; usable where a kernel asks for aligned memory.
class AlignedFloats {
 public:
  explicit AlignedFloats(std::int64_t n)
      : data_(static_cast<float*>(std::aligned_alloc(64, static_cast<std::size_t>(n * 4 + 64) / 64 * 64 + 64))) {
    for (std::int64_t i = 0; i < n; ++i) data_.get()[i] = 0.0f;
  }
  float* data() { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
};

inline std::vector<float> random_floats(std::int64_t n, std::mt19937& rng, float low = -1.0f, float high = 1.0f) {
  std::uniform_real_distribution<float> distribution(low, high);
  std::vector<float> out(static_cast<std::size_t>(n));
  for (float& x : out) x = distribution(rng);
  return out;
}

/// Those of the given levels that this machine has.
inline std::vector<Isa> levels(std::initializer_list<Isa> wanted) {
  std::vector<Isa> out;
  for (const Isa isa : wanted) {
    if (isa <= hardware_isa()) out.push_back(isa);
  }
  return out;
}

inline std::string level_name(const ::testing::TestParamInfo<Isa>& info) { return std::string(isa_name(info.param)); }

}  // namespace oriel::kernels::test
