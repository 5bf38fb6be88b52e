// Attention by blocks of rows and keys: scores, running softmax, weighted values.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <limits>

#include "kernels/attention/attention_table.h"
#include "kernels/elementwise/cast.h"
#include "kernels/gemm/gemm_bf16_table.h"
#include "kernels/gemm/gemm_f32_table.h"

namespace oriel::kernels {
namespace {

/// Rows of a unit; where later keys are hidden, fewer, since a unit packs all keys that any of its rows sees.
constexpr std::int64_t kMaxRows = 224;
constexpr std::int64_t kMaxCausalRows = 112;
/// Tiles of rows whose scores are held at once.
constexpr std::int64_t kBlockTiles = 2;
constexpr std::int64_t kMinRows = 28;
constexpr std::int64_t kMaxKeys = 384;
/// Operands of a unit that are asked for while the unit before is computed.
constexpr std::int64_t kFetchedBytes = 64 * 1024;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

const AttentionTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kAttentionScalar;
  return isa == Isa::kAvx2 ? kAttentionAvx2 : kAttentionAvx512;
}

const GemmF32Table& tiles_of(Isa isa, bool bf16) {
  if (bf16) return kGemmBf16;
  if (isa == Isa::kScalar) return kGemmF32Scalar;
  return isa == Isa::kAvx2 ? kGemmF32Avx2 : kGemmF32Avx512;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// Distance of the rows of scores: off the powers of two, which would fall into few cache sets.
std::int64_t score_pitch(std::int64_t keys) { return round_up(keys, 16) + 16; }

std::int64_t block_rows(const GemmF32Table& t, std::int64_t rows) { return std::min(rows, kBlockTiles * t.rows); }

/// An operand in memory, of f32 or bf16.
struct Rows {
  const void* data;
  std::int64_t row;  ///< elements between rows
  bool narrow;

  Rows at(std::int64_t element) const {
    return {static_cast<const char*>(data) + element * (narrow ? 2 : 4), row, narrow};
  }
  const float* floats() const { return static_cast<const float*>(data); }
  const std::uint16_t* halves() const { return static_cast<const std::uint16_t*>(data); }
};

/// The parts of a thread's scratch.
struct Scratch {
  float* q;       ///< scaled queries [rows][dim_pitch]
  float* s;       ///< scores [rows of a block][pitch]
  float* o;       ///< unnormalised output [rows][value_pitch]
  float* top;     ///< running maxima
  float* total;   ///< running sums
  float* keys;    ///< packed panels of the keys of a block
  float* values;  ///< packed panels of its values
  float* left;    ///< of bf16: a block of rows as the left operand of a product
};

struct Pitches {
  std::int64_t q, s, o;
};

Pitches pitches_of(const Attention& x, std::int64_t keys_per_block) {
  return {round_up(x.dim, 16), score_pitch(keys_per_block), round_up(x.value_dim, 16)};
}

std::int64_t words_of(const GemmF32Table& t, std::int64_t k) { return ceil_div(k, t.group); }

/// Floats of the packed panels of `columns` columns of k rows.
std::int64_t panels_size(const GemmF32Table& t, std::int64_t k, std::int64_t columns) {
  return round_up(columns, t.panel) * words_of(t, k);
}

/// Floats of a block of rows of k products as a packed left operand.
std::int64_t left_size(const GemmF32Table& t, std::int64_t rows, std::int64_t k) {
  return rows * round_up(words_of(t, k), kGemmF32Block);
}

/// Packs rows of keys (transposed) or of values, panel by panel.
void pack_panels(const GemmF32Table& t, const Rows& b, bool transposed, std::int64_t k, std::int64_t columns,
                 float* panels) {
  for (std::int64_t j = 0; j < columns; j += t.panel) {
    const int count = static_cast<int>(std::min<std::int64_t>(t.panel, columns - j));
    const int width = static_cast<int>(round_up(count, t.quantum));
    const Rows from = b.at(transposed ? j * b.row : j);
    float* to = panels + j * words_of(t, k);
    if (b.narrow) {
      kGemmBf16Rows.pack_b(from.halves(), b.row, transposed, k, count, width, to);
    } else {
      t.pack_b(from.floats(), b.row, transposed, k, count, width, to);
    }
  }
}

/// C[rows][columns] (+)= alpha A B, where panels hold `packed_k` >= k rows of B and `packed_columns` >= columns
/// columns. Writes whole panels but for the last, of which it writes whole vectors. Pairs of bf16 need `left`, of
/// left_size.
void multiply(const GemmF32Table& t, const Rows& a, std::int64_t rows, const float* panels, std::int64_t packed_k,
              std::int64_t packed_columns, std::int64_t k, std::int64_t columns, float* c, std::int64_t c_row,
              float alpha, bool add, float* left) {
  GemmF32Tile tile{};
  tile.a_row = a.row;
  tile.k = words_of(t, k);
  tile.c_row = c_row;
  tile.alpha = alpha;
  tile.beta = add ? 1.0f : 0.0f;
  tile.low = -kInfinity;
  tile.high = kInfinity;
  const std::int64_t tiles = ceil_div(rows, t.rows);
  const std::int64_t packed_row = round_up(tile.k, kGemmF32Block);
  const bool packs = t.group > 1;
  for (std::int64_t i = 0, r = 0; packs && i < tiles; ++i) {
    const std::int64_t count = (rows - r + tiles - i - 1) / (tiles - i);
    const Rows from = a.at(r * a.row);
    if (a.narrow) {
      kGemmBf16Rows.pack_a(from.halves(), a.row, static_cast<int>(count), k, left + r * packed_row);
    } else {
      t.pack_a(from.floats(), a.row, false, static_cast<int>(count), k, left + r * packed_row);
    }
    r += count;
  }
  for (std::int64_t j = 0; j < columns; j += t.panel) {
    const std::int64_t width = round_up(std::min<std::int64_t>(t.panel, packed_columns - j), t.quantum);
    tile.columns = static_cast<int>(round_up(width, t.panel / 2));
    tile.b = panels + j * words_of(t, packed_k);
    for (std::int64_t i = 0, r = 0; i < tiles; ++i) {
      const std::int64_t count = (rows - r + tiles - i - 1) / (tiles - i);
      tile.a = packs ? left + r * packed_row : a.floats() + r * a.row;
      tile.c = c + r * c_row + j;
      t.tiles[packs][width / t.quantum - 1][count - 1](tile);
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

/// What a unit computes.
struct Place {
  std::int64_t batch, kv_head;
  std::int64_t first_row, rows;
};

Place place_of(const AttentionPlan& plan, const Attention& x, std::int64_t u) {
  const std::int64_t first_row = u % plan.row_units * plan.rows_per_unit;
  return {u / plan.row_units / x.kv_heads, u / plan.row_units % x.kv_heads, first_row,
          std::min(plan.rows_per_unit, x.heads / x.kv_heads * x.queries - first_row)};
}

/// Asks for the part of a unit's operands that stands at [begin, end) of `of`, so that short units find them near.
void fetch(const Attention& x, const Place& at, std::int64_t begin, std::int64_t end, std::int64_t of) {
  constexpr std::int64_t kLine = 16;
  const auto row = [](const void* from, std::int64_t first, std::int64_t size, bool narrow) {
    const char* p = static_cast<const char*>(from) + first * (narrow ? 2 : 4);
    for (std::int64_t i = 0; i < size; i += narrow ? 2 * kLine : kLine)
      __builtin_prefetch(p + i * (narrow ? 2 : 4), 0, 2);
  };
  for (std::int64_t r = at.rows * begin / of; r < at.rows * end / of; ++r) {
    const std::int64_t head = at.kv_head * (x.heads / x.kv_heads) + (at.first_row + r) / x.queries;
    row(x.q, at.batch * x.q_batch + head * x.q_head + (at.first_row + r) % x.queries * x.q_row, x.dim, x.narrow_q);
  }
  for (std::int64_t j = x.keys * begin / of; j < x.keys * end / of; ++j) {
    row(x.k, at.batch * x.k_batch + at.kv_head * x.k_head + j * x.k_row, x.dim, x.narrow_k);
    row(x.v, at.batch * x.v_batch + at.kv_head * x.v_head + j * x.v_row, x.value_dim, x.narrow_v);
  }
}

/// Unit u; `next` is the one that the same thread computes after it, or u.
void run_unit(const AttentionPlan& plan, const Attention& x, std::int64_t u, std::int64_t next, float* memory) {
  const AttentionTable& t = table_of(plan.isa);
  const GemmF32Table& tiles = tiles_of(plan.isa, plan.bf16);
  const std::int64_t group = x.heads / x.kv_heads;
  const auto [batch, kv_head, first_row, rows] = place_of(plan, x, u);
  const Place after = place_of(plan, x, next);
  const bool fetches = next != u && (rows * x.dim + x.keys * (x.dim + x.value_dim)) * 4 <= kFetchedBytes;
  const Pitches pitch = pitches_of(x, plan.keys_per_block);
  Scratch s{};
  s.q = memory;
  s.s = s.q + plan.rows_per_unit * pitch.q;
  s.o = s.s + block_rows(tiles, plan.rows_per_unit) * pitch.s;
  s.top = s.o + plan.rows_per_unit * pitch.o;
  s.total = s.top + round_up(plan.rows_per_unit, 16);
  s.keys = s.total + round_up(plan.rows_per_unit, 16);
  s.values = s.keys + panels_size(tiles, x.dim, plan.keys_per_block);
  s.left = s.values + panels_size(tiles, plan.keys_per_block, x.value_dim);
  const Rows q{x.q, x.q_row, x.narrow_q};
  const Rows k = Rows{x.k, x.k_row, x.narrow_k}.at(batch * x.k_batch + kv_head * x.k_head);
  const Rows v = Rows{x.v, x.v_row, x.narrow_v}.at(batch * x.v_batch + kv_head * x.v_head);
  const bool few = rows <= kAttentionFewRows && !x.narrow_q && !x.narrow_k && !x.narrow_v;
  // The rows of a unit lie evenly within a head: products of bf16 read them where they lie, and scale what they give.
  const bool in_place = plan.bf16 && !few && first_row / x.queries == (first_row + rows - 1) / x.queries;
  const Rows queries = in_place ? q.at(batch * x.q_batch + (kv_head * group + first_row / x.queries) * x.q_head +
                                       first_row % x.queries * x.q_row)
                                : Rows{s.q, pitch.q, false};

  const std::int64_t keys = x.key_counts != nullptr ? std::clamp<std::int64_t>(x.key_counts[batch], 0, x.keys) : x.keys;
  Range needed{keys, 0};
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = first_row + r;
    const std::int64_t head = kv_head * group + row / x.queries;
    const std::int64_t query = row % x.queries;
    if (!in_place) {
      const Rows from = q.at(batch * x.q_batch + head * x.q_head + query * x.q_row);
      float* to = s.q + r * pitch.q;
      if (from.narrow) cast(ElementType::kBF16, ElementType::kF32, from.data, to, x.dim);
      t.scale(from.narrow ? to : from.floats(), to, x.dim, x.scale);
    }
    s.top[r] = -kInfinity;
    s.total[r] = 0.0f;
    const Range seen = visible(x, keys, query);
    if (seen.begin < seen.end) {
      needed.begin = std::min(needed.begin, seen.begin);
      needed.end = std::max(needed.end, seen.end);
    }
  }
  std::fill_n(s.o, rows * pitch.o, 0.0f);

  const std::int64_t blocks = ceil_div(rows, kBlockTiles * tiles.rows);
  for (std::int64_t j = needed.begin; j < needed.end; j += plan.keys_per_block) {
    const std::int64_t n = std::min(plan.keys_per_block, needed.end - j);
    if (!few) {
      pack_panels(tiles, k.at(j * x.k_row), true, x.dim, n, s.keys);
      pack_panels(tiles, v.at(j * x.v_row), false, n, x.value_dim, s.values);
    }
    for (std::int64_t b = 0, r0 = 0; b < blocks; ++b) {
      const std::int64_t count = (rows - r0 + blocks - b - 1) / (blocks - b);
      // Keys up to the last one that any of these rows sees.
      std::int64_t end = 0;
      for (std::int64_t r = r0; r < r0 + count; ++r)
        end = std::max(end, visible(x, keys, (first_row + r) % x.queries).end - j);
      end = std::min(end, n);
      if (end > 0) {
        float* o = s.o + r0 * pitch.o;
        if (few) {
          t.scores(s.q + r0 * pitch.q, pitch.q, static_cast<int>(rows), k.at(j * x.k_row).floats(), x.k_row, end, x.dim,
                   s.s, pitch.s);
        } else {
          multiply(tiles, queries.at(r0 * queries.row), count, s.keys, x.dim, n, x.dim, end, s.s, pitch.s,
                   in_place ? x.scale : 1.0f, false, s.left);
        }
        for (std::int64_t first = 0; first < count; first += kAttentionFewRows) {
          AttentionRow group_rows[kAttentionFewRows];
          const std::int64_t size = std::min<std::int64_t>(kAttentionFewRows, count - first);
          for (std::int64_t i = 0; i < size; ++i) {
            const std::int64_t r = r0 + first + i;
            const std::int64_t row = first_row + r;
            const std::int64_t head = kv_head * group + row / x.queries;
            const std::int64_t query = row % x.queries;
            AttentionRow& a = group_rows[i];
            a.s = s.s + (first + i) * pitch.s;
            if (x.softcap > 0.0f) t.cap(a.s, end, x.softcap);
            const std::int64_t at = batch * x.mask_batch + head * x.mask_head + query * x.mask_row + j;
            if (x.bias != nullptr) a.bias = x.bias + at;
            if (x.keep != nullptr) a.keep = x.keep + at;
            const Range seen = visible(x, keys, query);
            a.n = end;
            a.begin = std::clamp<std::int64_t>(seen.begin - j, 0, end);
            a.end = std::clamp<std::int64_t>(seen.end - j, a.begin, end);
            a.top = s.top[r];
          }
          if (fetches && j == needed.begin) fetch(x, after, r0 + first, r0 + first + size, rows);
          t.soften(group_rows, static_cast<int>(size));
          for (std::int64_t i = 0; i < size; ++i) {
            const std::int64_t r = r0 + first + i;
            const float top = group_rows[i].top;
            if (s.top[r] != top && s.total[r] != 0.0f) {
              const float decay = t.exponential(s.top[r] - top);
              s.total[r] *= decay;
              t.scale(s.o + r * pitch.o, s.o + r * pitch.o, x.value_dim, decay);
            }
            s.top[r] = top;
            s.total[r] += group_rows[i].sum;
          }
        }
        if (few) {
          t.mix(s.s, pitch.s, static_cast<int>(rows), v.at(j * x.v_row).floats(), x.v_row, end, x.value_dim, o,
                pitch.o);
        } else {
          multiply(tiles, {s.s, pitch.s, false}, count, s.values, n, x.value_dim, end, x.value_dim, o, pitch.o, 1.0f,
                   true, s.left);
        }
      }
      r0 += count;
    }
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = first_row + r;
    const std::int64_t head = kv_head * group + row / x.queries;
    const std::int64_t at = batch * x.out_batch + head * x.out_head + row % x.queries * x.out_row;
    float* own = s.o + r * pitch.o;
    const float factor = s.total[r] == 0.0f ? 0.0f : 1.0f / s.total[r];
    t.scale(own, x.narrow_out ? own : static_cast<float*>(x.out) + at, x.value_dim, factor);
    if (x.narrow_out)
      kGemmBf16Rows.round({}, own, pitch.o, static_cast<std::uint16_t*>(x.out) + at, x.out_row, 1, x.value_dim);
  }
}

}  // namespace

AttentionPlan attention_plan(const Attention& x, int threads, Isa isa) {
  AttentionPlan plan;
  plan.isa = isa;
  plan.bf16 = x.bf16 && isa >= Isa::kBf16;
  if (x.batch <= 0 || x.heads <= 0 || x.kv_heads <= 0 || x.queries <= 0 || x.value_dim <= 0) return plan;
  const GemmF32Table& t = tiles_of(isa, plan.bf16);
  const std::int64_t rows = x.heads / x.kv_heads * x.queries;
  std::int64_t row_units = ceil_div(rows, x.causal ? kMaxCausalRows : kMaxRows);
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
  std::int64_t floats = plan.rows_per_unit * (pitch.q + pitch.o) + block_rows(t, plan.rows_per_unit) * pitch.s +
                        2 * round_up(plan.rows_per_unit, 16);
  if (plan.rows_per_unit > kAttentionFewRows || x.narrow_q || x.narrow_k || x.narrow_v)
    floats += panels_size(t, x.dim, plan.keys_per_block) + panels_size(t, plan.keys_per_block, x.value_dim);
  if (plan.bf16) {
    floats += left_size(t, block_rows(t, plan.rows_per_unit), std::max(x.dim, plan.keys_per_block));
  }
  plan.scratch_bytes = static_cast<std::size_t>(round_up(floats, 16)) * 4;
  return plan;
}

void attention_run(const AttentionPlan& plan, const Attention& x, std::int64_t first, std::int64_t last,
                   void* scratch) {
  for (std::int64_t u = first; u < last; ++u)
    run_unit(plan, x, u, std::min(u + 1, last - 1), static_cast<float*>(scratch));
}

}  // namespace oriel::kernels
