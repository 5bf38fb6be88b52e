// Attention by blocks of rows and keys: scores, running softmax, weighted values.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <limits>

#include "kernels/attention/attention_table.h"
#include "kernels/gemm/gemm_f32_table.h"

namespace oriel::kernels {
namespace {

constexpr std::int64_t kMaxRows = 112;
constexpr std::int64_t kMinRows = 28;
constexpr std::int64_t kMaxKeys = 384;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

const AttentionTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kAttentionScalar;
  return isa == Isa::kAvx2 ? kAttentionAvx2 : kAttentionAvx512;
}

const GemmF32Table& tiles_of(Isa isa) {
  if (isa == Isa::kScalar) return kGemmF32Scalar;
  return isa == Isa::kAvx2 ? kGemmF32Avx2 : kGemmF32Avx512;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// Distance of the rows of scores: off the powers of two, which would fall into few cache sets.
std::int64_t score_pitch(std::int64_t keys) { return round_up(keys, 16) + 16; }

/// The parts of a thread's scratch.
struct Scratch {
  float* q;      ///< scaled queries [rows][dim_pitch]
  float* s;      ///< scores [rows][pitch]
  float* o;      ///< unnormalised output [rows][value_pitch]
  float* top;    ///< running maxima
  float* total;  ///< running sums
  float* panel;  ///< one packed panel of keys or values
};

struct Pitches {
  std::int64_t q, s, o;
};

Pitches pitches_of(const Attention& x, std::int64_t keys_per_block) {
  return {round_up(x.dim, 16), score_pitch(keys_per_block), round_up(x.value_dim, 16)};
}

/// C[rows][columns] (+)= A B with B packed panel by panel from rows of keys or values.
void multiply(const GemmF32Table& t, const float* a, std::int64_t a_row, std::int64_t rows, const float* b,
              std::int64_t b_row, bool transposed, std::int64_t k, std::int64_t columns, float* c, std::int64_t c_row,
              bool add, float* panel) {
  GemmF32Tile tile{};
  tile.a_row = a_row;
  tile.k = k;
  tile.c_row = c_row;
  tile.alpha = 1.0f;
  tile.beta = add ? 1.0f : 0.0f;
  tile.low = -kInfinity;
  tile.high = kInfinity;
  tile.b = panel;
  const std::int64_t tiles = ceil_div(rows, t.rows);
  for (std::int64_t j = 0; j < columns; j += t.panel) {
    tile.columns = static_cast<int>(std::min<std::int64_t>(t.panel, columns - j));
    const int width = static_cast<int>(round_up(tile.columns, t.quantum));
    t.pack_b(transposed ? b + j * b_row : b + j, b_row, transposed, k, tile.columns, width, panel);
    for (std::int64_t i = 0, r = 0; i < tiles; ++i) {
      const std::int64_t count = (rows - r + tiles - i - 1) / (tiles - i);
      tile.a = a + r * a_row;
      tile.c = c + r * c_row + j;
      t.tiles[0][width / t.quantum - 1][count - 1](tile);
      r += count;
    }
  }
}

/// The keys [begin, end) that a query may see.
struct Range {
  std::int64_t begin, end;
};

Range visible(const Attention& x, std::int64_t keys, std::int64_t query) {
  Range r{0, keys};
  const std::int64_t at = x.past + query;
  if (x.causal) r.end = std::clamp<std::int64_t>(at + 1, 0, keys);
  if (x.window > 0) r.begin = std::clamp<std::int64_t>(at - x.window + 1, 0, keys);
  return r;
}

void run_unit(const AttentionPlan& plan, const Attention& x, std::int64_t u, float* memory) {
  const AttentionTable& t = table_of(plan.isa);
  const GemmF32Table& tiles = tiles_of(plan.isa);
  const std::int64_t group = x.heads / x.kv_heads;
  const std::int64_t all_rows = group * x.queries;
  const std::int64_t first_row = u % plan.row_units * plan.rows_per_unit;
  const std::int64_t rows = std::min(plan.rows_per_unit, all_rows - first_row);
  const std::int64_t kv_head = u / plan.row_units % x.kv_heads;
  const std::int64_t batch = u / plan.row_units / x.kv_heads;
  const Pitches pitch = pitches_of(x, plan.keys_per_block);
  Scratch s{};
  s.q = memory;
  s.s = s.q + plan.rows_per_unit * pitch.q;
  s.o = s.s + plan.rows_per_unit * pitch.s;
  s.top = s.o + plan.rows_per_unit * pitch.o;
  s.total = s.top + round_up(plan.rows_per_unit, 16);
  s.panel = s.total + round_up(plan.rows_per_unit, 16);

  const std::int64_t keys = x.key_counts != nullptr ? std::clamp<std::int64_t>(x.key_counts[batch], 0, x.keys) : x.keys;
  Range needed{keys, 0};
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = first_row + r;
    const std::int64_t head = kv_head * group + row / x.queries;
    const std::int64_t query = row % x.queries;
    t.scale(x.q + batch * x.q_batch + head * x.q_head + query * x.q_row, s.q + r * pitch.q, x.dim, x.scale);
    s.top[r] = -kInfinity;
    s.total[r] = 0.0f;
    const Range seen = visible(x, keys, query);
    if (seen.begin < seen.end) {
      needed.begin = std::min(needed.begin, seen.begin);
      needed.end = std::max(needed.end, seen.end);
    }
  }
  std::fill_n(s.o, rows * pitch.o, 0.0f);

  const float* k = x.k + batch * x.k_batch + kv_head * x.k_head;
  const float* v = x.v + batch * x.v_batch + kv_head * x.v_head;
  const bool few = rows <= kAttentionFewRows;
  for (std::int64_t j = needed.begin; j < needed.end; j += plan.keys_per_block) {
    const std::int64_t n = std::min(plan.keys_per_block, needed.end - j);
    if (few) {
      t.scores(s.q, pitch.q, static_cast<int>(rows), k + j * x.k_row, x.k_row, n, x.dim, s.s, pitch.s);
    } else {
      multiply(tiles, s.q, pitch.q, rows, k + j * x.k_row, x.k_row, true, x.dim, n, s.s, pitch.s, false, s.panel);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t row = first_row + r;
      const std::int64_t head = kv_head * group + row / x.queries;
      const std::int64_t query = row % x.queries;
      float* p = s.s + r * pitch.s;
      if (x.softcap > 0.0f) t.cap(p, n, x.softcap);
      if (x.bias != nullptr || x.keep != nullptr) {
        const std::int64_t at = batch * x.mask_batch + head * x.mask_head + query * x.mask_row + j;
        t.mask(p, x.bias != nullptr ? x.bias + at : nullptr, x.keep != nullptr ? x.keep + at : nullptr, n);
      }
      const Range seen = visible(x, keys, query);
      const std::int64_t begin = std::clamp<std::int64_t>(seen.begin - j, 0, n);
      const std::int64_t end = std::clamp<std::int64_t>(seen.end - j, begin, n);
      std::fill(p, p + begin, 0.0f);
      std::fill(p + end, p + n, 0.0f);
      const float top = std::max(s.top[r], t.highest(p + begin, end - begin));
      // Nothing visible so far: any finite shift makes zeros of the infinities.
      const float shift = top == -kInfinity ? 0.0f : top;
      const float added = t.exponentials(p + begin, end - begin, shift);
      if (s.top[r] != top && s.total[r] != 0.0f) {
        float decay = s.top[r];
        t.exponentials(&decay, 1, shift);
        s.total[r] *= decay;
        t.scale(s.o + r * pitch.o, s.o + r * pitch.o, x.value_dim, decay);
      }
      s.top[r] = top;
      s.total[r] += added;
    }
    if (few) {
      t.mix(s.s, pitch.s, static_cast<int>(rows), v + j * x.v_row, x.v_row, n, x.value_dim, s.o, pitch.o);
    } else {
      multiply(tiles, s.s, pitch.s, rows, v + j * x.v_row, x.v_row, false, n, x.value_dim, s.o, pitch.o, true, s.panel);
    }
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = first_row + r;
    const std::int64_t head = kv_head * group + row / x.queries;
    float* out = x.out + batch * x.out_batch + head * x.out_head + row % x.queries * x.out_row;
    t.scale(s.o + r * pitch.o, out, x.value_dim, s.total[r] == 0.0f ? 0.0f : 1.0f / s.total[r]);
  }
}

}  // namespace

AttentionPlan attention_plan(const Attention& x, int threads, Isa isa) {
  AttentionPlan plan;
  plan.isa = isa;
  if (x.batch <= 0 || x.heads <= 0 || x.kv_heads <= 0 || x.queries <= 0 || x.value_dim <= 0) return plan;
  const GemmF32Table& t = tiles_of(isa);
  const std::int64_t rows = x.heads / x.kv_heads * x.queries;
  std::int64_t row_units = ceil_div(rows, kMaxRows);
  const std::int64_t wanted = threads > 1 ? 4 * threads : 1;
  const std::int64_t others = x.batch * x.kv_heads;
  if (others * row_units < wanted) {
    row_units = std::min(ceil_div(wanted, others), std::max(row_units, ceil_div(rows, kMinRows)));
  }
  plan.rows_per_unit = ceil_div(rows, row_units);
  if (rows > t.rows) plan.rows_per_unit = std::min(rows, round_up(plan.rows_per_unit, t.rows));
  plan.row_units = ceil_div(rows, plan.rows_per_unit);
  plan.units = others * plan.row_units;
  const std::int64_t blocks = std::max<std::int64_t>(1, ceil_div(x.keys, kMaxKeys));
  plan.keys_per_block = std::max<std::int64_t>(1, round_up(ceil_div(x.keys, blocks), 16));
  const Pitches pitch = pitches_of(x, plan.keys_per_block);
  const std::int64_t floats = plan.rows_per_unit * (pitch.q + pitch.s + pitch.o) +
                              2 * round_up(plan.rows_per_unit, 16) + std::max(x.dim, plan.keys_per_block) * t.panel;
  plan.scratch_bytes = static_cast<std::size_t>(round_up(floats, 16)) * 4;
  return plan;
}

void attention_run(const AttentionPlan& plan, const Attention& x, std::int64_t first, std::int64_t last,
                   void* scratch) {
  for (std::int64_t u = first; u < last; ++u) run_unit(plan, x, u, static_cast<float*>(scratch));
}

}  // namespace oriel::kernels
