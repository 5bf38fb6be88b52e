// Packing and loops of products with weights of few bits: few rows straight from the bits, more through panels of f32.
#include "kernels/gemm/weight_only.h"

#include <algorithm>
#include <limits>

#include "base/work_counters.h"
#include "kernels/gemm/gemm_f32_table.h"
#include "kernels/gemm/weight_only_table.h"

namespace oriel::kernels {
namespace {

constexpr std::int64_t kPanel = 32;
constexpr std::int64_t kProducts = 256;  // unpacked at once

const WeightOnlyTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kWeightOnlyScalar;
  return isa == Isa::kAvx2 ? kWeightOnlyAvx2 : kWeightOnlyAvx512;
}

const GemmF32Table& tiles_of(Isa isa) {
  if (isa == Isa::kScalar) return kGemmF32Scalar;
  return isa == Isa::kAvx2 ? kGemmF32Avx2 : kGemmF32Avx512;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

std::int64_t blocks_of(const WeightOnlyProblem& p) { return ceil_div(p.k, p.block); }
std::int64_t product_bytes(const WeightOnlyProblem& p) { return p.bits == 4 ? 16 : 32; }
std::int64_t panel_bytes(const WeightOnlyProblem& p) {
  return round_up(p.k * product_bytes(p), 64) + blocks_of(p) * 2 * kPanel * 4;
}

WeightOnlyPanel panel_of(const WeightOnlyProblem& p, const void* packed, std::int64_t panel) {
  const char* at = static_cast<const char*>(packed) + panel * panel_bytes(p);
  const auto* scales = reinterpret_cast<const float*>(at + round_up(p.k * product_bytes(p), 64));
  return {reinterpret_cast<const std::uint8_t*>(at), scales, scales + blocks_of(p) * kPanel, p.k, p.block};
}

/// Value i of a row of 4 or 8-bit values.
std::uint8_t value_of(const std::uint8_t* row, int bits, std::int64_t i) {
  if (bits == 8) return row[i];
  return static_cast<std::uint8_t>(i % 2 == 0 ? row[i / 2] & 15 : row[i / 2] >> 4);
}

void add_bias_and_activate(const WeightOnlyPlan& plan, const WeightOnlyOperands& o, float* c, std::int64_t rows,
                           std::int64_t column, std::int64_t columns) {
  if (o.bias != nullptr) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t j = 0; j < columns; ++j) c[r * o.ldc + column + j] += o.bias[column + j];
    }
  }
  if (o.activation.kind != ActivationKind::kNone) {
    tiles_of(plan.isa).activate(o.activation, c + column, o.ldc, c + column, o.ldc, rows, columns);
  }
}

void run_few_rows(const WeightOnlyPlan& plan, const WeightOnlyOperands& o, std::int64_t panel) {
  const WeightOnlyProblem& p = plan.problem;
  const std::int64_t column = panel * kPanel;
  const std::int64_t columns = std::min(kPanel, p.n - column);
  alignas(64) float out[kWeightOnlyFewRows * kPanel];
  const WeightOnlyPanel from = panel_of(p, o.packed, panel);
  table_of(plan.isa).few_rows[p.bits == 8](from, o.a, o.lda, static_cast<int>(p.m), out);
  for (std::int64_t r = 0; r < p.m; ++r) std::copy_n(out + r * kPanel, columns, o.c + r * o.ldc + column);
  add_bias_and_activate(plan, o, o.c, p.m, column, columns);
}

void run_tiles(const WeightOnlyPlan& plan, const WeightOnlyOperands& o, std::int64_t panel, float* scratch) {
  const WeightOnlyProblem& p = plan.problem;
  const GemmF32Table& t = tiles_of(plan.isa);
  const std::int64_t column = panel * kPanel;
  const std::int64_t columns = std::min(kPanel, p.n - column);
  const WeightOnlyPanel from = panel_of(p, o.packed, panel);
  float* wide = scratch;                         // [products][32]
  float* narrow = scratch + kProducts * kPanel;  // the same in the tiles' own width
  GemmF32Tile tile{};
  tile.a_row = o.lda;
  tile.c_row = o.ldc;
  tile.alpha = 1.0f;
  tile.low = -std::numeric_limits<float>::infinity();
  tile.high = std::numeric_limits<float>::infinity();
  const std::int64_t tiles = ceil_div(p.m, t.rows);
  for (std::int64_t k0 = 0; k0 == 0 || k0 < p.k; k0 += kProducts) {
    const std::int64_t kc = std::min(kProducts, p.k - k0);
    table_of(plan.isa).unpack[p.bits == 8](from, k0, k0 + kc, wide);
    tile.k = kc;
    tile.beta = k0 == 0 ? 0.0f : 1.0f;
    for (std::int64_t j = 0; j < columns; j += t.panel) {
      tile.columns = static_cast<int>(std::min<std::int64_t>(t.panel, columns - j));
      tile.b = wide;
      if (t.panel != kPanel) {
        t.pack_b(wide + j, kPanel, false, kc, t.panel, t.panel, narrow);
        tile.b = narrow;
      }
      for (std::int64_t i = 0, r = 0; i < tiles; ++i) {
        const std::int64_t count = (p.m - r + tiles - i - 1) / (tiles - i);
        tile.a = o.a + r * o.lda + k0;
        tile.c = o.c + r * o.ldc + column + j;
        t.tiles[0][t.panel / t.quantum - 1][count - 1](tile);
        r += count;
      }
    }
  }
  add_bias_and_activate(plan, o, o.c, p.m, column, columns);
}

}  // namespace

WeightOnlyPlan weight_only_plan(const WeightOnlyProblem& p, Isa isa) {
  WeightOnlyPlan plan;
  plan.problem = p;
  plan.isa = isa;
  if (p.m <= 0 || p.n <= 0) return plan;
  const std::int64_t panels = ceil_div(p.n, kPanel);
  const double total = static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k + 16);
  const double wanted = std::max(p.threads > 1 ? 4.0 * p.threads : 1.0, total / 30e6);
  const auto affordable = static_cast<std::int64_t>(std::min(std::max(1.0, total / 150e3), wanted));
  plan.panels_per_unit = ceil_div(panels, std::min(panels, affordable));
  plan.units = ceil_div(panels, plan.panels_per_unit);
  plan.scratch_bytes = p.m <= kWeightOnlyFewRows ? 0 : kProducts * kPanel * 2 * 4;
  return plan;
}

std::size_t weight_only_packed_bytes(const WeightOnlyProblem& p, Isa) {
  return p.n <= 0 ? 0 : static_cast<std::size_t>(ceil_div(p.n, kPanel) * panel_bytes(p));
}

std::int64_t weight_only_panels(std::int64_t n, Isa) { return n <= 0 ? 0 : ceil_div(n, kPanel); }

void weight_only_pack(const WeightOnlyProblem& p, const WeightOnlySource& s, std::int64_t first, std::int64_t last,
                      void* packed, Isa) {
  count_packing();
  const std::int64_t blocks = blocks_of(p);
  const std::int64_t block_bytes = ceil_div(p.block * p.bits, 8);
  const std::int64_t q_row = s.q_row != 0 ? s.q_row : blocks * block_bytes;
  const std::int64_t zeros_row = ceil_div(blocks * p.bits, 8);
  const int flip = s.is_signed ? 1 << (p.bits - 1) : 0;
  for (std::int64_t panel = first; panel < last; ++panel) {
    char* at = static_cast<char*>(packed) + panel * panel_bytes(p);
    auto* q = reinterpret_cast<std::uint8_t*>(at);
    auto* scales = reinterpret_cast<float*>(at + round_up(p.k * product_bytes(p), 64));
    float* zeros = scales + blocks * kPanel;
    std::fill(at, at + panel_bytes(p), 0);
    for (std::int64_t j = 0; j < std::min(kPanel, p.n - panel * kPanel); ++j) {
      const std::int64_t column = panel * kPanel + j;
      for (std::int64_t b = 0; b < blocks; ++b) {
        scales[b * kPanel + j] = s.scales[column * blocks + b];
        const bool given = s.zeros != nullptr && !s.is_signed;
        zeros[b * kPanel + j] =
            given ? value_of(s.zeros + column * zeros_row, p.bits, b) : static_cast<float>(1 << (p.bits - 1));
        const std::uint8_t* from = s.q + column * q_row + b * block_bytes;
        for (std::int64_t i = 0; i < std::min(p.block, p.k - b * p.block); ++i) {
          const auto value = static_cast<std::uint8_t>(value_of(from, p.bits, i) ^ flip);
          std::uint8_t* to = q + (b * p.block + i) * product_bytes(p);
          if (p.bits == 8) {
            to[j] = value;
          } else {
            to[j % 16] = static_cast<std::uint8_t>(to[j % 16] | (j < 16 ? value : value << 4));
          }
        }
      }
    }
  }
}

void weight_only_run(const WeightOnlyPlan& plan, const WeightOnlyOperands& o, std::int64_t first, std::int64_t last,
                     void* scratch) {
  const std::int64_t panels = ceil_div(plan.problem.n, kPanel);
  const std::int64_t end = std::min(panels, last * plan.panels_per_unit);
  for (std::int64_t panel = first * plan.panels_per_unit; panel < end; ++panel) {
    if (plan.problem.m <= kWeightOnlyFewRows) {
      run_few_rows(plan, o, panel);
    } else {
      run_tiles(plan, o, panel, static_cast<float*>(scratch));
    }
  }
}

}  // namespace oriel::kernels
