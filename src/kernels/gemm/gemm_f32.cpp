// Planning of f32 matrix products and the loops around the register tiles.
#include "kernels/gemm/gemm_f32.h"

#include <algorithm>
#include <limits>

#include "base/work_counters.h"
#include "kernels/attention/attention_table.h"
#include "kernels/gemm/gemm_bf16_table.h"
#include "kernels/gemm/gemm_f32_table.h"

namespace oriel::kernels {
namespace {

const GemmF32Table& table_of(Isa isa, GemmArithmetic arithmetic) {
  if (arithmetic == GemmArithmetic::kBf16 && isa >= Isa::kBf16) return kGemmBf16;
  if (isa == Isa::kScalar) return kGemmF32Scalar;
  return isa == Isa::kAvx2 ? kGemmF32Avx2 : kGemmF32Avx512;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

int width_of(const GemmF32Table& t, std::int64_t n, std::int64_t panel) {
  const std::int64_t left = std::min<std::int64_t>(t.panel, n - panel * t.panel);
  return static_cast<int>(ceil_div(left, t.quantum) * t.quantum);
}

/// Words of packed operands that hold k products.
std::int64_t words_of(const GemmF32Table& t, std::int64_t k) { return ceil_div(k, t.group); }

/// Time of one product step of a tile row, relative to a full panel: how much of it a last panel costs.
double panel_share(const GemmF32Table& t, std::int64_t n) {
  const std::int64_t full = n / t.panel;
  const std::int64_t rest = n - full * t.panel;
  return static_cast<double>(full) + static_cast<double>(ceil_div(rest, t.quantum) * t.quantum) / t.panel;
}

/// Bytes of the rows of A that should stay in the second cache level while panels of B pass.
std::int64_t block_bytes() { return cache_sizes().l2 * 5 / 8; }

/// Products up to which one pass over C does, and those of each pass beyond.
constexpr std::int64_t kOnePass = 3072;
constexpr std::int64_t kEachPass = 1536;
constexpr std::int64_t kEachPassUnpacked = 1024;

/// The results of one tile of bf16 pairs: 14 x 32, 6 x 64 or 2 x 128.
constexpr std::int64_t kTileFloats = 14 * 32;

/// Words of one row of packed A.
std::int64_t packed_row(const GemmF32Table& t, std::int64_t k) {
  return ceil_div(words_of(t, k), kGemmF32Block) * kGemmF32Block;
}

std::int64_t start(const std::int64_t* offsets, std::int64_t stride, std::int64_t i) {
  return offsets != nullptr ? offsets[i] : i * stride;
}

/// The matrices of one batch entry.
struct Matrices {
  const float* a;
  const float* b;
  float* c;
  const float* residual;
  const std::uint16_t* a_bf16;
  std::uint16_t* c_bf16;
};

Matrices matrices_of(const GemmF32Operands& o, std::int64_t i) {
  const std::int64_t c = start(o.c_offsets, o.c_stride, i);
  const std::int64_t a = start(o.a_offsets, o.a_stride, i);
  return {o.a != nullptr ? o.a + a : nullptr,           o.b + start(o.b_offsets, o.b_stride, i),
          o.c != nullptr ? o.c + c : nullptr,           o.residual != nullptr ? o.residual + c : nullptr,
          o.a_bf16 != nullptr ? o.a_bf16 + a : nullptr, o.c_bf16 != nullptr ? o.c_bf16 + c : nullptr};
}

void run_dot(const GemmF32Plan& plan, const GemmF32Operands& o, const Matrices& x, std::int64_t row_begin,
             std::int64_t row_end, float* scratch) {
  const GemmF32Table& t = table_of(plan.isa, plan.problem.arithmetic);
  const GemmF32Problem& p = plan.problem;
  const float* vector = x.b;
  if (!p.packed_b && !p.transpose_b && o.ldb != 1) {
    for (std::int64_t i = 0; i < p.k; ++i) scratch[i] = x.b[i * o.ldb];
    vector = scratch;
  }
  constexpr std::int64_t kRows = 64;
  float out[kRows];
  for (std::int64_t r = row_begin; r < row_end; r += kRows) {
    const std::int64_t rows = std::min(kRows, row_end - r);
    t.dot_rows(x.a + r * o.lda, o.lda, vector, rows, p.k, out);
    for (std::int64_t i = 0; i < rows; ++i) {
      float y = o.alpha * out[i];
      if (o.beta != 0.0f) y += o.beta * x.c[(r + i) * o.ldc];
      if (o.column_bias != nullptr) y += o.column_bias[0];
      if (o.row_bias != nullptr) y += o.row_bias[r + i];
      if (x.residual != nullptr) y += x.residual[(r + i) * o.residual_ld];
      out[i] = y;
    }
    if (o.activation.kind != ActivationKind::kNone) t.activate(o.activation, out, kRows, out, kRows, 1, rows);
    for (std::int64_t i = 0; i < rows; ++i) x.c[(r + i) * o.ldc] = out[i];
  }
}

const AttentionTable& rows_of(Isa isa) {
  if (isa == Isa::kScalar) return kAttentionScalar;
  return isa == Isa::kAvx2 ? kAttentionAvx2 : kAttentionAvx512;
}

/// A few rows by columns [column, column_end) of an unpacked B, read once as it stands.
void run_few_rows(const GemmF32Plan& plan, const GemmF32Operands& o, const Matrices& x, std::int64_t column,
                  std::int64_t column_end, float* scratch) {
  const GemmF32Problem& p = plan.problem;
  const AttentionTable& t = rows_of(plan.isa);
  const auto rows = static_cast<int>(p.m);
  const std::int64_t columns = column_end - column;
  if (p.transpose_b) {
    t.scores(x.a, o.lda, rows, x.b + column * o.ldb, o.ldb, columns, p.k, scratch, columns);
  } else {
    std::fill_n(scratch, p.m * columns, 0.0f);
    t.mix(x.a, o.lda, rows, x.b + column, o.ldb, p.k, columns, scratch, columns);
  }
  for (std::int64_t r = 0; r < p.m; ++r) {
    float* out = scratch + r * columns;
    float* c = x.c + r * o.ldc + column;
    for (std::int64_t j = 0; j < columns; ++j) out[j] *= o.alpha;
    if (o.beta != 0.0f) {
      for (std::int64_t j = 0; j < columns; ++j) out[j] += o.beta * c[j];
    }
    if (o.column_bias != nullptr) {
      for (std::int64_t j = 0; j < columns; ++j) out[j] += o.column_bias[column + j];
    }
    if (o.row_bias != nullptr) {
      for (std::int64_t j = 0; j < columns; ++j) out[j] += o.row_bias[r];
    }
    if (x.residual != nullptr) {
      const float* residual = x.residual + r * o.residual_ld + column;
      for (std::int64_t j = 0; j < columns; ++j) out[j] += residual[j];
    }
    table_of(plan.isa, GemmArithmetic::kF32).activate(o.activation, out, columns, c, o.ldc, 1, columns);
  }
}

/// Rows [row_begin, row_end) by panels [panel_begin, panel_end).
void run_tiles(const GemmF32Plan& plan, const GemmF32Operands& o, const Matrices& x, std::int64_t row_begin,
               std::int64_t row_end, std::int64_t panel_begin, std::int64_t panel_end, float* scratch) {
  const GemmF32Table& t = table_of(plan.isa, plan.problem.arithmetic);
  const GemmF32Problem& p = plan.problem;
  const bool packed_b = p.packed_b && p.n != 1;
  const std::int64_t ldb = p.packed_b ? 1 : o.ldb;
  const std::int64_t rows = row_end - row_begin;
  const std::int64_t tiles = ceil_div(rows, t.rows);
  float* const packed_a = scratch;
  float* const narrowed = scratch + (plan.pack_a ? plan.rows_per_unit * packed_row(t, plan.k_block) : 0);
  float* const panel = narrowed + (p.narrow_c ? kTileFloats : 0);

  GemmF32Tile tile;
  tile.residual_row = o.residual_ld;
  tile.a_row = o.lda;
  tile.alpha = o.alpha;
  tile.prefetch = plan.prefetch;
  tile.b_panel = words_of(t, p.k) * t.panel;
  const ActivationKind kind = o.activation.kind;
  const bool clamps = kind == ActivationKind::kRelu || kind == ActivationKind::kClip;
  const bool rounds_gelu = p.narrow_c && (kind == ActivationKind::kGeluErf || kind == ActivationKind::kGeluTanh);
  const bool post = !clamps && !rounds_gelu && kind != ActivationKind::kNone;

  for (std::int64_t k0 = 0; k0 == 0 || k0 < p.k; k0 += plan.k_block) {
    const std::int64_t kc = std::min(plan.k_block, p.k - k0);
    const std::int64_t kc_padded = packed_row(t, kc);
    const bool first_pass = k0 == 0;
    const bool last_pass = k0 + plan.k_block >= p.k;
    tile.k = words_of(t, kc);
    tile.beta = first_pass ? o.beta : 1.0f;
    tile.low = -std::numeric_limits<float>::infinity();
    tile.high = std::numeric_limits<float>::infinity();
    if (last_pass && clamps) {
      tile.low = kind == ActivationKind::kClip ? o.activation.a : 0.0f;
      if (kind == ActivationKind::kClip) tile.high = o.activation.b;
    }
    if (plan.pack_a) {
      for (std::int64_t i = 0, r = row_begin; i < tiles; ++i) {
        const std::int64_t count = (row_end - r + tiles - i - 1) / (tiles - i);
        float* to = packed_a + (r - row_begin) * kc_padded;
        if (x.a_bf16 != nullptr) {
          kGemmBf16Rows.pack_a(x.a_bf16 + r * o.lda + k0, o.lda, static_cast<int>(count), kc, to);
        } else {
          const float* from = p.transpose_a ? x.a + k0 * o.lda + r : x.a + r * o.lda + k0;
          t.pack_a(from, o.lda, p.transpose_a, static_cast<int>(count), kc, to);
        }
        r += count;
      }
    }
    for (std::int64_t q = panel_begin; q < panel_end;) {
      // Wide tiles want whole panels; what is left over goes one by one.
      const std::int64_t whole = std::min(panel_end, p.n / t.panel) - q;
      int span = 1;
      if (plan.panels_at_once == 4 && whole >= 4) span = 4;
      if (span == 1 && plan.panels_at_once >= 2 && whole >= 2) span = 2;
      const std::int64_t column = q * t.panel;
      const int width = width_of(t, p.n, q);
      tile.columns = static_cast<int>(std::min<std::int64_t>(span * t.panel, p.n - column));
      if (packed_b) {
        tile.b = x.b + column * words_of(t, p.k) + k0 / t.group * width;
      } else {
        const float* from = p.transpose_b ? x.b + column * ldb + k0 : x.b + k0 * ldb + column;
        t.pack_b(from, ldb, p.transpose_b, kc, tile.columns, width, panel);
        tile.b = panel;
      }
      tile.column_bias = first_pass && o.column_bias != nullptr ? o.column_bias + column : nullptr;
      for (std::int64_t i = 0, r = row_begin; i < tiles; ++i) {
        const std::int64_t count = (row_end - r + tiles - i - 1) / (tiles - i);
        tile.a = plan.pack_a ? packed_a + (r - row_begin) * kc_padded : x.a + r * o.lda + k0;
        tile.c = p.narrow_c ? narrowed : x.c + r * o.ldc + column;
        tile.c_row = p.narrow_c ? span * t.panel : o.ldc;
        tile.row_bias = first_pass && o.row_bias != nullptr ? o.row_bias + r : nullptr;
        tile.residual = first_pass && x.residual != nullptr ? x.residual + r * o.residual_ld + column : nullptr;
        const GemmF32TileFn fn = span == 4   ? t.wide4[plan.pack_a][count - 1]
                                 : span == 2 ? t.wide2[plan.pack_a][count - 1]
                                             : t.tiles[plan.pack_a][width / t.quantum - 1][count - 1];
        // Each tile fetches its share of the panel to come.
        tile.ahead = packed_b ? tile.b + words_of(t, p.k) * width + tile.k * width * i / tiles : nullptr;
        tile.ahead_step = 4 * width / tiles;
        // The lines to be stored arrive while the products are summed.
        std::uint16_t* const narrow = p.narrow_c ? x.c_bf16 + r * o.ldc + column : nullptr;
        for (std::int64_t i = 0; i < count; ++i) {
          if (p.narrow_c) {
            for (int j = 0; j < tile.columns; j += 32) __builtin_prefetch(narrow + i * o.ldc + j, 1);
          } else {
            for (int j = 0; j < tile.columns; j += 16) __builtin_prefetch(tile.c + i * o.ldc + j, 1);
          }
        }
        fn(tile);
        if (post && last_pass) t.activate(o.activation, tile.c, tile.c_row, tile.c, tile.c_row, count, tile.columns);
        if (p.narrow_c)
          kGemmBf16Rows.round(rounds_gelu ? o.activation : Activation{}, tile.c, tile.c_row, narrow, o.ldc, count,
                              tile.columns);
        r += count;
      }
      q += span;
    }
  }
}

}  // namespace

GemmF32Plan gemm_f32_plan(const GemmF32Problem& problem, Isa isa) {
  const GemmF32Table& t = table_of(isa, problem.arithmetic);
  GemmF32Plan plan;
  plan.problem = problem;
  plan.isa = isa;
  const std::int64_t m = problem.m;
  const std::int64_t n = problem.n;
  const std::int64_t k = problem.k;
  if (m <= 0 || n <= 0 || problem.batch <= 0) return plan;
  const int threads = std::max(1, problem.threads);
  const std::int64_t panels = ceil_div(n, t.panel);
  const double row_cost = std::max(1.0, panel_share(t, n) * t.panel * static_cast<double>(k));  // FMA lanes a row

  // A single column is packed as a plain vector.
  const bool packed_b = problem.packed_b && n != 1;
  plan.dot = n == 1 && !problem.transpose_a;
  plan.few_rows = !plan.dot && !packed_b && !problem.transpose_a && m <= kAttentionFewRows && t.group == 1;
  const std::int64_t one_pass = packed_b ? kOnePass : kEachPassUnpacked;
  const std::int64_t each_pass = packed_b ? kEachPass : kEachPassUnpacked;
  // Rows that no block can hold in one pass would read B again in every block. Results that are rounded as they are
  // written take one pass.
  const bool fits = m * words_of(t, k) * 4 <= block_bytes();
  const std::int64_t passes = problem.narrow_c || k <= (fits ? one_pass : each_pass) ? 1 : ceil_div(k, each_pass);
  const std::int64_t k_step = kGemmF32Block * t.group;
  plan.k_block = std::max<std::int64_t>(1, ceil_div(ceil_div(k, passes), k_step) * k_step);
  if (plan.dot || plan.few_rows) plan.k_block = std::max<std::int64_t>(1, k);

  // Few rows: several panels at once hide the latency of FMA where B lies in the caches; where it streams, one stream
  // that still fills the pipeline is faster, and hardware finds it without prefetches.
  const bool streams = packed_b && words_of(t, k) * n * 4 > cache_sizes().l2 / 2;
  const bool filled = m * t.panel * 4 >= 128;
  if (packed_b && m <= t.wide4_rows && panels >= 4 && !streams) {
    plan.panels_at_once = 4;
  } else if (packed_b && m <= t.wide2_rows && panels >= 2 && !(streams && filled)) {
    plan.panels_at_once = 2;
  }
  plan.pack_a =
      !plan.dot && !plan.few_rows && (t.group > 1 || problem.transpose_a || (m > t.wide2_rows && panels >= 4));
  plan.prefetch = streams && m > t.wide2_rows;

  // Rows: blocks whose share of A stays in L2, nearly equal multiples of the tile where there are several.
  const std::int64_t fitting =
      std::max<std::int64_t>(t.rows, block_bytes() / (words_of(t, plan.k_block) * 4) / t.rows * t.rows);
  std::int64_t row_units = ceil_div(m, fitting);
  // Columns: enough units for the threads, none below a few microseconds; a unit stays below about a millisecond.
  const double total = row_cost * static_cast<double>(m) * static_cast<double>(problem.batch);
  constexpr double kSmallest = 250e3;
  // Pairs of bf16 take half the time, and every unit packs its rows of A.
  const double largest = t.group > 1 ? 120e6 : 30e6;
  const double wanted_units = std::max(threads > 1 ? 4.0 * threads : 1.0, total / largest);
  const auto affordable = static_cast<std::int64_t>(std::min(std::max(1.0, total / kSmallest), wanted_units));
  const std::int64_t groups = ceil_div(panels, plan.panels_at_once);
  std::int64_t panel_units = 1;
  if (plan.dot) {
    row_units = std::min<std::int64_t>(ceil_div(m, 16), ceil_div(affordable, problem.batch));
  } else {
    // An unpacked B is packed anew by each block of rows, so its columns are split first.
    panel_units = std::clamp<std::int64_t>(ceil_div(affordable, problem.batch * row_units), 1, groups);
    const std::int64_t missing = ceil_div(affordable, problem.batch * row_units * panel_units);
    if (missing > 1 && packed_b) {
      row_units = std::min<std::int64_t>(ceil_div(m, t.rows), row_units * missing);
    }
  }
  if (plan.few_rows) row_units = 1;
  const std::int64_t row_step = plan.dot ? 4 : std::min<std::int64_t>(t.rows, m);
  plan.rows_per_unit = ceil_div(ceil_div(m, row_units), row_step) * row_step;
  plan.row_units = ceil_div(m, plan.rows_per_unit);
  plan.panels_per_unit = ceil_div(groups, panel_units) * plan.panels_at_once;
  plan.panel_units = ceil_div(panels, plan.panels_per_unit);
  plan.units = problem.batch * plan.row_units * plan.panel_units;

  std::int64_t floats = 0;
  if (plan.pack_a) floats += plan.rows_per_unit * packed_row(t, plan.k_block);
  if (problem.narrow_c) floats += kTileFloats;
  if (plan.few_rows) {
    floats += m * plan.panels_per_unit * t.panel;
  } else if (!packed_b) {
    floats += plan.dot ? k : words_of(t, plan.k_block) * t.panel;
  }
  plan.scratch_bytes = static_cast<std::size_t>(ceil_div(floats, 16) * 64);
  return plan;
}

std::int64_t gemm_f32_panels(std::int64_t n, Isa isa) {
  return n <= 0 ? 0 : ceil_div(n, table_of(isa, GemmArithmetic::kF32).panel);
}

std::size_t gemm_f32_packed_bytes(std::int64_t n, std::int64_t k, Isa isa, GemmArithmetic arithmetic) {
  if (n <= 0 || k <= 0) return 0;
  if (n == 1) return static_cast<std::size_t>(k) * 4;
  const GemmF32Table& t = table_of(isa, arithmetic);
  const std::int64_t panels = ceil_div(n, t.panel);
  return static_cast<std::size_t>(((panels - 1) * t.panel + width_of(t, n, panels - 1)) * words_of(t, k)) * 4;
}

void gemm_f32_pack(const float* b, std::int64_t ldb, bool transposed, std::int64_t n, std::int64_t k,
                   std::int64_t first, std::int64_t last, float* packed, Isa isa, GemmArithmetic arithmetic) {
  count_packing();
  if (n == 1) {
    for (std::int64_t i = 0; i < k; ++i) packed[i] = transposed ? b[i] : b[i * ldb];
    return;
  }
  const GemmF32Table& t = table_of(isa, arithmetic);
  for (std::int64_t p = first; p < last; ++p) {
    const int width = width_of(t, n, p);
    const int columns = static_cast<int>(std::min<std::int64_t>(t.panel, n - p * t.panel));
    t.pack_b(transposed ? b + p * t.panel * ldb : b + p * t.panel, ldb, transposed, k, columns, width,
             packed + p * t.panel * words_of(t, k));
  }
}

void gemm_f32_run(const GemmF32Plan& plan, const GemmF32Operands& operands, std::int64_t first, std::int64_t last,
                  void* scratch) {
  const GemmF32Problem& p = plan.problem;
  const std::int64_t panels = gemm_f32_panels(p.n, plan.isa);
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t column_unit = u % plan.panel_units;
    const std::int64_t row_unit = u / plan.panel_units % plan.row_units;
    const Matrices x = matrices_of(operands, u / plan.panel_units / plan.row_units);
    const std::int64_t row = row_unit * plan.rows_per_unit;
    const std::int64_t row_end = std::min(p.m, row + plan.rows_per_unit);
    const std::int64_t panel = column_unit * plan.panels_per_unit;
    if (plan.dot) {
      run_dot(plan, operands, x, row, row_end, static_cast<float*>(scratch));
    } else if (plan.few_rows) {
      const std::int64_t width = table_of(plan.isa, p.arithmetic).panel;
      run_few_rows(plan, operands, x, panel * width, std::min(p.n, (panel + plan.panels_per_unit) * width),
                   static_cast<float*>(scratch));
    } else {
      run_tiles(plan, operands, x, row, row_end, panel, std::min(panels, panel + plan.panels_per_unit),
                static_cast<float*>(scratch));
    }
  }
}

}  // namespace oriel::kernels
