// Attention against the formula in double: masks, causal and windowed, grouped heads, many lengths.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class AttentionTest : public ::testing::TestWithParam<Isa> {};

struct Options {
  bool causal = false, bias = false, keep = false, counts = false, heads_inner = false;
  std::int64_t window = 0, past = 0;
  float softcap = 0;
  int threads = 1;
  bool bf16 = false, narrow = false;  // products of bf16; Q, K, V and the result lie in memory as bf16
};

std::uint16_t bf16_of(float x) {
  std::uint32_t u = 0;
  std::memcpy(&u, &x, 4);
  return static_cast<std::uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float widened(std::uint16_t x) {
  const std::uint32_t u = static_cast<std::uint32_t>(x) << 16;
  float y = 0;
  std::memcpy(&y, &u, 4);
  return y;
}

// The elements as bf16; `x` becomes what they hold.
std::vector<std::uint16_t> narrowed(std::vector<float>& x) {
  std::vector<std::uint16_t> out;
  for (float& v : x) {
    out.push_back(bf16_of(v));
    v = widened(out.back());
  }
  return out;
}

void check(std::int64_t batch, std::int64_t heads, std::int64_t kv_heads, std::int64_t queries, std::int64_t keys,
           std::int64_t dim, std::int64_t value_dim, const Options& o, Isa isa, std::mt19937& rng) {
  SCOPED_TRACE(::testing::Message() << heads << "/" << kv_heads << " heads, " << queries << " x " << keys << ", dims "
                                    << dim << " " << value_dim << " causal " << o.causal << " window " << o.window);
  auto q = test::random_floats(batch * heads * queries * dim, rng, -2, 2);
  auto k = test::random_floats(batch * kv_heads * keys * dim, rng, -2, 2);
  auto v = test::random_floats(batch * kv_heads * keys * value_dim, rng);
  const auto narrow_q = narrowed(q), narrow_k = narrowed(k), narrow_v = narrowed(v);
  auto bias = test::random_floats(heads * queries * keys, rng, -3, 3);
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(heads * queries * keys));
  for (auto& e : keep) e = rng() % 3 != 0;
  if (o.keep && queries > 1) {
    for (std::int64_t j = 0; j < keys; ++j) keep[static_cast<std::size_t>(keys + j)] = 0;  // a row that sees nothing
  }
  std::vector<std::int64_t> counts;
  for (std::int64_t b = 0; b < batch; ++b) counts.push_back(keys > 0 ? static_cast<std::int64_t>(rng() % keys) + 1 : 0);
  std::vector<float> out(static_cast<std::size_t>(batch * heads * queries * value_dim), -9.0f);
  std::vector<std::uint16_t> narrow_out(out.size(), 0xffff);

  Attention x;
  x.batch = batch;
  x.heads = heads;
  x.kv_heads = kv_heads;
  x.queries = queries;
  x.keys = keys;
  x.dim = dim;
  x.value_dim = value_dim;
  x.past = o.past;
  x.causal = o.causal;
  x.window = o.window;
  x.scale = 1.0f / std::sqrt(static_cast<float>(dim));
  x.softcap = o.softcap;
  x.q = q.data();
  x.k = k.data();
  x.v = v.data();
  x.out = out.data();
  x.bf16 = o.bf16;
  if (o.narrow) {
    x.narrow_q = x.narrow_k = x.narrow_v = x.narrow_out = true;
    x.q = narrow_q.data();
    x.k = narrow_k.data();
    x.v = narrow_v.data();
    x.out = narrow_out.data();
  }
  // [batch][rows][heads][dim] or [batch][heads][rows][dim].
  const auto strides = [&](std::int64_t h, std::int64_t rows, std::int64_t d, std::int64_t& sb, std::int64_t& sh,
                           std::int64_t& sr) {
    sb = h * rows * d;
    sh = o.heads_inner ? d : rows * d;
    sr = o.heads_inner ? h * d : d;
  };
  strides(heads, queries, dim, x.q_batch, x.q_head, x.q_row);
  strides(kv_heads, keys, dim, x.k_batch, x.k_head, x.k_row);
  strides(kv_heads, keys, value_dim, x.v_batch, x.v_head, x.v_row);
  strides(heads, queries, value_dim, x.out_batch, x.out_head, x.out_row);
  x.mask_head = queries * keys;
  x.mask_row = keys;
  if (o.bias) x.bias = bias.data();
  if (o.keep) x.keep = keep.data();
  if (o.counts) x.key_counts = counts.data();

  const AttentionPlan plan = attention_plan(x, o.threads, isa);
  test::AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  for (std::int64_t u = plan.units - 1; u >= 0; --u) attention_run(plan, x, u, u + 1, scratch.data());
  if (o.narrow) std::transform(narrow_out.begin(), narrow_out.end(), out.begin(), widened);
  const double tolerance = o.bf16 ? 8e-3 : 3e-6;

  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::int64_t g = h / (heads / kv_heads);
      for (std::int64_t i = 0; i < queries; ++i) {
        std::vector<double> s(static_cast<std::size_t>(keys), -INFINITY);
        double top = -INFINITY;
        for (std::int64_t j = 0; j < (o.counts ? counts[b] : keys); ++j) {
          if (o.causal && j > o.past + i) continue;
          if (o.window > 0 && j <= o.past + i - o.window) continue;
          const std::int64_t m = (h * queries + i) * keys + j;
          if (o.keep && keep[m] == 0) continue;
          double dot = 0;
          for (std::int64_t d = 0; d < dim; ++d) {
            dot += static_cast<double>(q[b * x.q_batch + h * x.q_head + i * x.q_row + d]) *
                   k[b * x.k_batch + g * x.k_head + j * x.k_row + d];
          }
          dot *= x.scale;
          if (o.softcap > 0) dot = o.softcap * std::tanh(dot / o.softcap);
          if (o.bias) dot += bias[m];
          s[j] = dot;
          top = std::max(top, dot);
        }
        double total = 0;
        for (const double e : s) total += e == -INFINITY ? 0 : std::exp(e - top);
        for (std::int64_t d = 0; d < value_dim; ++d) {
          double want = 0;
          for (std::int64_t j = 0; j < keys; ++j) {
            if (s[j] != -INFINITY)
              want += std::exp(s[j] - top) / total * v[b * x.v_batch + g * x.v_head + j * x.v_row + d];
          }
          ASSERT_NEAR(out[b * x.out_batch + h * x.out_head + i * x.out_row + d], want, tolerance)
              << "batch " << b << " head " << h << " query " << i;
        }
      }
    }
  }
}

TEST_P(AttentionTest, ShapesAndMasks) {
  std::mt19937 rng(1);
  const Isa isa = GetParam();
  check(1, 2, 2, 37, 37, 64, 64, {}, isa, rng);
  check(2, 2, 2, 1, 50, 64, 64, {.counts = true, .heads_inner = true}, isa, rng);
  check(1, 4, 2, 3, 41, 16, 24, {.bias = true, .threads = 4}, isa, rng);
  check(1, 8, 2, 1, 129, 80, 80, {.causal = true, .past = 128}, isa, rng);
  check(2, 3, 1, 20, 33, 33, 17, {.keep = true, .heads_inner = true}, isa, rng);
  check(1, 1, 1, 130, 130, 32, 32, {.causal = true, .threads = 2}, isa, rng);
  check(1, 2, 1, 5, 900, 64, 64, {.bias = true, .softcap = 2.0f}, isa, rng);
  check(1, 1, 1, 60, 1000, 32, 40, {.causal = true, .keep = true, .past = 940}, isa, rng);
  check(1, 1, 1, 90, 500, 16, 16, {.causal = true, .window = 70, .past = 400}, isa, rng);
  check(1, 1, 1, 2, 800, 256, 256, {.causal = true, .window = 7, .past = 790}, isa, rng);
  check(1, 2, 2, 4, 0, 16, 16, {}, isa, rng);
  check(0, 2, 2, 4, 4, 16, 16, {}, isa, rng);
  check(1, 1, 1, 1, 1, 1, 1, {}, isa, rng);
  check(1, 1, 1, 300, 77, 8, 3, {.threads = 16}, isa, rng);
}

TEST(AttentionBf16, ShapesAndMasks) {
  if (hardware_isa() < Isa::kBf16) GTEST_SKIP() << "needs AVX512_BF16";
  std::mt19937 rng(2);
  for (const bool narrow : {false, true}) {
    SCOPED_TRACE(narrow ? "narrow" : "wide");
    const auto run = [&](std::int64_t batch, std::int64_t heads, std::int64_t kv_heads, std::int64_t queries,
                         std::int64_t keys, std::int64_t dim, std::int64_t value_dim, Options o) {
      o.bf16 = true;
      o.narrow = narrow;
      check(batch, heads, kv_heads, queries, keys, dim, value_dim, o, Isa::kBf16, rng);
    };
    run(1, 2, 2, 37, 37, 64, 64, {});
    run(2, 3, 3, 197, 197, 64, 64, {.heads_inner = true, .threads = 2});
    run(2, 2, 2, 1, 50, 64, 64, {.counts = true, .heads_inner = true});
    run(1, 4, 2, 3, 41, 16, 24, {.bias = true, .threads = 4});
    run(2, 3, 1, 20, 33, 33, 17, {.keep = true, .heads_inner = true});
    run(1, 1, 1, 130, 130, 32, 32, {.causal = true, .threads = 2});
    run(1, 2, 1, 5, 900, 64, 64, {.bias = true, .softcap = 2.0f});
    run(1, 1, 1, 60, 1000, 32, 40, {.causal = true, .keep = true, .past = 940});
    run(1, 1, 1, 90, 500, 16, 16, {.causal = true, .window = 70, .past = 400});
    run(1, 2, 2, 4, 0, 16, 16, {});
    run(0, 2, 2, 4, 4, 16, 16, {});
    run(1, 1, 1, 1, 1, 1, 1, {});
    run(1, 1, 1, 300, 77, 8, 3, {.threads = 16});
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, AttentionTest,
                         ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})), test::level_name);

}  // namespace
}  // namespace oriel::kernels
