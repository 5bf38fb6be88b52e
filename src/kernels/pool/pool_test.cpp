// Pooling at every level against a naive one in double.
#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/conv/testing.h"
#include "kernels/pool/pool_bytes.h"
#include "kernels/pool/pool_plain.h"

namespace oriel::kernels::testing {
namespace {

std::vector<double> exact_pool(const PoolProblem& p, const std::vector<float>& input) {
  std::vector<double> y;
  const std::int64_t in_points = volume(p.in);
  for (std::int64_t nc = 0; nc < p.batch * p.channels; ++nc) {
    for (std::int64_t z = 0; z < p.out[0]; ++z) {
      for (std::int64_t r = 0; r < p.out[1]; ++r) {
        for (std::int64_t c = 0; c < p.out[2]; ++c) {
          double best = -INFINITY;
          double sum = 0;
          std::int64_t seen = 0;
          std::int64_t padded = 0;
          for (std::int64_t a = 0; a < p.kernel[0]; ++a) {
            for (std::int64_t b = 0; b < p.kernel[1]; ++b) {
              for (std::int64_t d = 0; d < p.kernel[2]; ++d) {
                const std::int64_t at[3] = {z * p.stride[0] - p.pad[0] + a * p.dilation[0],
                                            r * p.stride[1] - p.pad[1] + b * p.dilation[1],
                                            c * p.stride[2] - p.pad[2] + d * p.dilation[2]};
                bool in = true;
                bool in_padded = true;
                for (int i = 0; i < 3; ++i) {
                  in = in && at[i] >= 0 && at[i] < p.in[i];
                  in_padded = in_padded && at[i] < p.in[i] + p.pad_end[i];
                }
                padded += in_padded ? 1 : 0;
                if (!in) continue;
                const double x = input[nc * in_points + (at[0] * p.in[1] + at[1]) * p.in[2] + at[2]];
                best = std::isnan(x) || std::isnan(best) ? NAN : std::max(best, x);
                sum += x;
                ++seen;
              }
            }
          }
          if (seen == 0) {
            y.push_back(0);
          } else if (p.kind == PoolKind::kMax) {
            y.push_back(best);
          } else {
            y.push_back(sum / static_cast<double>(p.kind == PoolKind::kAverage ? seen : padded));
          }
        }
      }
    }
  }
  return y;
}

void check(PoolProblem p, bool nan, std::mt19937_64& random) {
  std::vector<float> input = random_values(p.batch * p.channels * volume(p.in), 1.0, random);
  if (nan && !input.empty()) input[random() % input.size()] = NAN;
  const std::vector<double> exact = exact_pool(p, input);
  const Buffer blocked = to_layout(input, p.batch, p.channels, volume(p.in), Layout::kBlocked);
  const std::int64_t points = volume(p.out);
  for (const Isa isa : f32_levels()) {
    p.isa = isa;
    const PoolPlan plan = pool_plan(p, 1 + static_cast<int>(random() % 8));
    Buffer y(p.batch * stored_channels(p.channels, Layout::kBlocked) * points);
    for (std::int64_t u = plan.units - 1; u >= 0; --u) pool_run(plan, blocked.data(), y.data(), u, u + 1);
    const std::int64_t blocks = (p.channels + 15) / 16;
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t c = 0; c < blocks * 16; ++c) {
        for (std::int64_t i = 0; i < points; ++i) {
          const double got = y[((n * blocks + c / 16) * points + i) * 16 + c % 16];
          const double want = c < p.channels ? exact[(n * p.channels + c) * points + i] : 0.0;
          if (std::isnan(want)) {
            ASSERT_TRUE(std::isnan(got)) << isa_name(isa);
          } else {
            ASSERT_NEAR(got, want, p.kind == PoolKind::kMax ? 0.0 : 2e-6)
                << isa_name(isa) << " " << n << " " << c << " " << i;
          }
        }
      }
    }
    const PlainPoolPlan plain = plain_pool_plan(p, 1 + static_cast<int>(random() % 8));
    constexpr float kGuard = 77.0F;
    std::vector<float> z(exact.size() + 16, kGuard);
    std::vector<float> scratch(static_cast<std::size_t>(plain.scratch_floats), NAN);
    for (std::int64_t u = plain.units - 1; u >= 0; --u)
      plain_pool_run(plain, input.data(), z.data(), u, u + 1, scratch.data());
    for (std::size_t i = 0; i < exact.size(); ++i) {
      if (std::isnan(exact[i])) {
        ASSERT_TRUE(std::isnan(z[i])) << isa_name(isa);
      } else {
        ASSERT_NEAR(z[i], exact[i], p.kind == PoolKind::kMax ? 0.0 : 2e-6) << isa_name(isa) << " " << i;
      }
    }
    for (std::size_t i = exact.size(); i < z.size(); ++i) ASSERT_EQ(z[i], kGuard);
  }
}

// Bytes at random as reals less their zero point, pooled exactly; the difference to what the kernel gives, in steps.
void check_bytes(const PoolProblem& p, std::mt19937_64& random) {
  PoolBytes bytes;
  const auto either = [&] { return random() % 2 == 0 ? ElementType::kU8 : ElementType::kI8; };
  bytes.input = either();
  bytes.output = p.kind == PoolKind::kMax ? bytes.input : random() % 3 == 0 ? ElementType::kF32 : either();
  const std::int32_t low = bytes.input == ElementType::kU8 ? 0 : -128;
  const std::int32_t out_low = bytes.output == ElementType::kI8 ? -128 : 0;
  bytes.zero = low + static_cast<std::int32_t>(random() % 256);
  bytes.output_zero = out_low + static_cast<std::int32_t>(random() % 256);
  bytes.scale = static_cast<float>(1 + random() % 9) / 5.0F;
  const std::int64_t points = volume(p.in);
  const std::int64_t blocks = (p.channels + 15) / 16;
  std::vector<float> reals;
  std::vector<std::uint8_t> input(static_cast<std::size_t>(p.batch * blocks * points * 16), 0);
  for (std::int64_t n = 0; n < p.batch; ++n) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      for (std::int64_t i = 0; i < points; ++i) {
        const std::int32_t q = low + static_cast<std::int32_t>(random() % 256);
        input[static_cast<std::size_t>(((n * blocks + c / 16) * points + i) * 16 + c % 16)] =
            static_cast<std::uint8_t>(q);
        reals.push_back(static_cast<float>(p.kind == PoolKind::kMax ? q : q - bytes.zero));
      }
    }
  }
  const std::vector<double> exact = exact_pool(p, reals);
  const PoolPlan plan = pool_plan(p, 1 + static_cast<int>(random() % 8));
  const std::int64_t out_points = volume(p.out);
  const std::size_t size = bytes.output == ElementType::kF32 ? 4 : 1;
  std::vector<std::uint8_t> y(static_cast<std::size_t>(p.batch * blocks * out_points * 16) * size, 0x55);
  for (std::int64_t u = plan.units - 1; u >= 0; --u) pool_bytes_run(plan, bytes, input.data(), y.data(), u, u + 1);
  for (std::int64_t n = 0; n < p.batch; ++n) {
    for (std::int64_t c = 0; c < blocks * 16; ++c) {
      for (std::int64_t i = 0; i < out_points; ++i) {
        const auto at = static_cast<std::size_t>(((n * blocks + c / 16) * out_points + i) * 16 + c % 16);
        double got = bytes.output == ElementType::kU8 ? y[at] : static_cast<std::int8_t>(y[at * size]);
        if (bytes.output == ElementType::kF32) got = reinterpret_cast<const float*>(y.data())[at];
        if (c >= p.channels) {
          ASSERT_EQ(got, 0.0);
          continue;
        }
        const double mean = exact[static_cast<std::size_t>((n * p.channels + c) * out_points + i)];
        if (p.kind == PoolKind::kMax) {
          ASSERT_TRUE(got == mean || (mean == 0.0 && got == low)) << got << " " << mean;
        } else if (bytes.output == ElementType::kF32) {
          ASSERT_NEAR(got, mean * static_cast<double>(bytes.scale), 1e-3);
        } else {
          const double want = std::clamp(mean * static_cast<double>(bytes.scale) + bytes.output_zero,
                                         static_cast<double>(out_low), out_low + 255.0);
          ASSERT_NEAR(got, want, 0.501);
        }
      }
    }
  }
}

TEST(Pool, RandomWindows) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 150; ++i) {
    PoolProblem p;
    p.kind = static_cast<PoolKind>(random() % 3);
    p.batch = 1 + static_cast<std::int64_t>(random() % 2);
    p.channels = 1 + static_cast<std::int64_t>(random() % 40);
    for (int d = random() % 3 == 0 ? 0 : 1; d < 3; ++d) {
      p.in[d] = 1 + static_cast<std::int64_t>(random() % 18);
      p.kernel[d] = 1 + static_cast<std::int64_t>(random() % 4);
      p.stride[d] = 1 + static_cast<std::int64_t>(random() % 3);
      p.dilation[d] = 1 + static_cast<std::int64_t>(random() % 3) / 2;
      p.pad[d] = static_cast<std::int64_t>(random()) % p.kernel[d];
      if (p.pad[d] < 0) p.pad[d] = 0;
      p.pad_end[d] = static_cast<std::int64_t>(random() % 3);
      const std::int64_t reach = (p.kernel[d] - 1) * p.dilation[d] + 1;
      p.out[d] = std::max<std::int64_t>(0, p.in[d] + p.pad[d] + p.pad_end[d] - reach) / p.stride[d] + 1 +
                 static_cast<std::int64_t>(random() % 2);
    }
    check(p, i % 4 == 0, random);
    check_bytes(p, random);
    if (HasFatalFailure()) return;
  }
}

TEST(Pool, Global) {
  std::mt19937_64 random(2);
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage, PoolKind::kAverageIncludingPad}) {
    for (const std::int64_t size : {1, 2, 3, 7, 30}) {
      PoolProblem p;
      p.kind = kind;
      p.channels = 21;
      for (int d = 1; d < 3; ++d) p.in[d] = p.kernel[d] = size;
      check(p, size == 3, random);
      check_bytes(p, random);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Pool, EmptyHasNoUnits) {
  PoolProblem p;
  p.batch = 0;
  EXPECT_EQ(pool_plan(p, 4).units, 0);
  EXPECT_EQ(plain_pool_plan(p, 4).units, 0);
}

}  // namespace
}  // namespace oriel::kernels::testing
