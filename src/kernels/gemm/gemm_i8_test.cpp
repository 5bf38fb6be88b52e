// 8-bit matrix products against exact integer loops, at every level that this machine runs.
#include "kernels/gemm/gemm_i8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class GemmI8 : public ::testing::TestWithParam<Isa> {};

struct Case {
  std::int64_t m, n, k, batch = 1;
  bool a_signed = false, b_signed = true, packed = true, transposed = false;
  bool a_zero = false, a_zero_rows = false, b_zero = false, b_zero_columns = false;
  bool a_scale_rows = false, b_scale_columns = false, bias = false, float_bias = false, relu = false;
  bool extremes = false;
  GemmI8Output output = GemmI8Output::kI32;
  int threads = 1;
};

int value_of(std::uint8_t raw, bool is_signed) { return is_signed ? static_cast<std::int8_t>(raw) : raw; }

void check(const Case& x, Isa isa, std::mt19937& rng) {
  SCOPED_TRACE(::testing::Message() << "m" << x.m << " n" << x.n << " k" << x.k << " as" << x.a_signed << " bs"
                                    << x.b_signed << " packed" << x.packed << " t" << x.transposed << " out"
                                    << static_cast<int>(x.output) << " az" << x.a_zero << x.a_zero_rows << " bz"
                                    << x.b_zero << x.b_zero_columns);
  const std::int64_t lda = x.k + 3;
  const std::int64_t ldb = (x.transposed ? x.k : x.n) + 1;
  const std::int64_t ldc = x.n + 2;
  const std::int64_t b_size = (x.transposed ? x.n : x.k) * ldb;
  std::vector<std::uint8_t> a(static_cast<std::size_t>(x.batch * x.m * lda));
  std::vector<std::uint8_t> b(static_cast<std::size_t>(x.batch * b_size));
  for (auto& v : a) v = x.extremes ? (x.a_signed ? 0x80 : 0xff) : static_cast<std::uint8_t>(rng());
  for (auto& v : b) v = x.extremes ? (x.b_signed ? 0x7f : 0xff) : static_cast<std::uint8_t>(rng());
  std::vector<std::int32_t> a_zero(static_cast<std::size_t>(x.m + 1)), b_zero(static_cast<std::size_t>(x.n + 1));
  for (auto& v : a_zero) v = value_of(static_cast<std::uint8_t>(rng()), x.a_signed);
  for (auto& v : b_zero) v = value_of(static_cast<std::uint8_t>(rng()), x.b_signed);
  const auto a_scale = test::random_floats(x.m + 1, rng, 0.001f, 0.01f);
  const auto b_scale = test::random_floats(x.n + 1, rng, 0.001f, 0.01f);
  const auto float_bias = test::random_floats(x.n, rng);
  std::vector<std::int32_t> bias(static_cast<std::size_t>(x.n));
  for (auto& v : bias) v = static_cast<std::int32_t>(rng() % 2000) - 1000;

  GemmI8Problem p;
  p.m = x.m;
  p.n = x.n;
  p.k = x.k;
  p.batch = x.batch;
  p.a_signed = x.a_signed;
  p.b_signed = x.b_signed;
  p.b_zero = x.b_zero;
  p.output = x.output;
  p.packed_b = x.packed;
  p.transpose_b = x.transposed;
  p.threads = x.threads;
  const GemmI8Plan plan = gemm_i8_plan(p, isa);
  const std::size_t packed_bytes = gemm_i8_packed_bytes(x.n, x.k, isa);
  test::AlignedFloats packed(static_cast<std::int64_t>(packed_bytes / 4) * x.batch + 1);
  GemmI8Operands o;
  o.a = a.data();
  o.lda = lda;
  o.a_stride = x.m * lda;
  if (x.packed) {
    for (std::int64_t i = 0; i < x.batch; ++i) {
      gemm_i8_pack(b.data() + i * b_size, ldb, x.transposed, x.b_signed, x.n, x.k, 0, gemm_i8_panels(x.n, isa),
                   reinterpret_cast<char*>(packed.data()) + static_cast<std::size_t>(i) * packed_bytes, isa);
    }
    o.b = packed.data();
    o.b_stride = static_cast<std::int64_t>(packed_bytes);
  } else {
    o.b = b.data();
    o.ldb = ldb;
    o.b_stride = b_size;
  }
  std::vector<std::int32_t> c(static_cast<std::size_t>(x.batch * x.m * ldc), 0x55555555);
  o.c = c.data();
  o.ldc = ldc;
  o.c_stride = x.m * ldc;
  if (x.a_zero) o.a_zero = a_zero.data();
  o.a_zero_per_row = x.a_zero_rows;
  if (x.b_zero) o.b_zero = b_zero.data();
  o.b_zero_per_column = x.b_zero_columns;
  o.a_scale = a_scale.data();
  o.a_scale_per_row = x.a_scale_rows;
  o.b_scale = b_scale.data();
  o.b_scale_per_column = x.b_scale_columns;
  if (x.bias) o.bias = bias.data();
  if (x.float_bias) o.float_bias = float_bias.data();
  if (x.relu) o.activation = {ActivationKind::kRelu};
  o.output_zero = 7;
  o.output_low = x.relu ? 7 : INT32_MIN;
  test::AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  for (std::int64_t u = plan.units - 1; u >= 0; --u) gemm_i8_run(plan, o, u, u + 1, scratch.data());

  const auto* bytes = reinterpret_cast<const std::uint8_t*>(c.data());
  for (std::int64_t i = 0; i < x.batch; ++i) {
    for (std::int64_t r = 0; r < x.m; ++r) {
      for (std::int64_t j = 0; j < x.n; ++j) {
        std::int64_t sum = 0;
        const std::int64_t az = x.a_zero ? a_zero[x.a_zero_rows ? r : 0] : 0;
        const std::int64_t bz = x.b_zero ? b_zero[x.b_zero_columns ? j : 0] : 0;
        for (std::int64_t q = 0; q < x.k; ++q) {
          const std::int64_t av = value_of(a[(i * x.m + r) * lda + q], x.a_signed);
          const std::int64_t bv = value_of(b[i * b_size + (x.transposed ? j * ldb + q : q * ldb + j)], x.b_signed);
          sum += (av - az) * (bv - bz);
        }
        if (x.bias) sum += bias[j];
        const std::int64_t at = (i * x.m + r) * ldc + j;
        if (x.output == GemmI8Output::kI32) {
          ASSERT_EQ(c[at], sum) << r << ", " << j;
          continue;
        }
        double y = static_cast<double>(sum) * a_scale[x.a_scale_rows ? r : 0] * b_scale[x.b_scale_columns ? j : 0];
        if (x.float_bias) y += float_bias[j];
        if (x.output == GemmI8Output::kF32) {
          if (x.relu) y = std::max(y, 0.0);
          ASSERT_NEAR(reinterpret_cast<const float*>(c.data())[at], y,
                      1e-6 * (1 + std::abs(y)) + 1e-6 * std::abs(sum) * 1e-4);
        } else {
          const bool s8 = x.output == GemmI8Output::kS8;
          const double want = std::clamp<double>(y + 7, x.relu ? 7 : s8 ? -128 : 0, s8 ? 127 : 255);
          ASSERT_NEAR(value_of(bytes[at], s8), want, 0.5001);
        }
      }
    }
  }
}

TEST_P(GemmI8, RandomShapes) {
  std::mt19937 rng(5);
  const auto pick = [&](std::initializer_list<std::int64_t> values) { return values.begin()[rng() % values.size()]; };
  const auto flip = [&] { return rng() % 2 == 0; };
  for (int i = 0; i < 400; ++i) {
    Case x{};
    x.m = pick({0, 1, 2, 3, 5, 6, 7, 13, 14, 15, 29, 40});
    x.n = pick({0, 1, 3, 4, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100});
    x.k = pick({0, 1, 2, 3, 4, 5, 31, 32, 63, 64, 65, 130, 257});
    x.batch = pick({1, 1, 2});
    x.a_signed = flip();
    x.b_signed = flip();
    x.packed = rng() % 4 != 0;
    x.transposed = flip();
    x.a_zero = flip();
    x.a_zero_rows = flip();
    x.b_zero = flip();
    x.b_zero_columns = flip();
    x.a_scale_rows = flip();
    x.b_scale_columns = flip();
    x.bias = flip();
    x.float_bias = flip();
    x.relu = flip();
    x.output = static_cast<GemmI8Output>(rng() % 4);
    x.threads = static_cast<int>(pick({1, 2, 16}));
    check(x, GetParam(), rng);
    if (HasFatalFailure()) return;
  }
}

TEST_P(GemmI8, ExtremesDoNotSaturate) {
  std::mt19937 rng(6);
  for (const bool a_signed : {false, true}) {
    for (const bool b_signed : {false, true}) {
      Case x{};
      x.m = 9;
      x.n = 40;
      x.k = 1000;
      x.a_signed = a_signed;
      x.b_signed = b_signed;
      x.extremes = true;
      check(x, GetParam(), rng);
    }
  }
}

TEST_P(GemmI8, ManyUnits) {
  std::mt19937 rng(7);
  Case x{};
  x.m = 120;
  x.n = 300;
  x.k = 200;
  x.threads = 8;
  x.a_zero = x.b_zero = x.b_zero_columns = true;
  check(x, GetParam(), rng);
}

INSTANTIATE_TEST_SUITE_P(Levels, GemmI8, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kVnni})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
