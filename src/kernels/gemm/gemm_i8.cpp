// Planning of 8-bit matrix products, packing of B, and the loops around the register tiles.
#include "kernels/gemm/gemm_i8.h"

#include <algorithm>
#include <cstring>

#include "base/work_counters.h"
#include "kernels/elementwise/unary.h"
#include "kernels/gemm/gemm_i8_table.h"

namespace oriel::kernels {
namespace {

const GemmI8Table& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kGemmI8Scalar;
  return isa < Isa::kVnni ? kGemmI8Avx2 : kGemmI8Vnni;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

int width_of(const GemmI8Table& t, std::int64_t n, std::int64_t panel) {
  return static_cast<int>(round_up(std::min<std::int64_t>(t.panel, n - panel * t.panel), t.quantum));
}

std::int64_t words_of(const GemmI8Table& t, std::int64_t k) { return ceil_div(k, t.group); }

/// Column sums lie before the panels.
std::int64_t sums_bytes(const GemmI8Table& t, std::int64_t n) {
  return round_up(ceil_div(n, t.panel) * t.panel * 4, 64);
}

/// One panel, and the sums of its columns.
void pack_panel(const GemmI8Table& t, const std::uint8_t* b, std::int64_t ldb, bool transposed, bool is_signed,
                std::int64_t k, int columns, int width, char* panel, std::int32_t* sums) {
  const std::uint8_t flip = is_signed ? 0 : 0x80;
  std::fill_n(sums, width, 0);
  const std::int64_t bytes = 4 / t.group;
  std::memset(panel, 0, static_cast<std::size_t>(words_of(t, k) * width * 4));
  for (std::int64_t i = 0; i < k; ++i) {
    char* to = panel + (i / t.group * width * t.group + i % t.group) * bytes;
    for (int j = 0; j < columns; ++j) {
      const std::uint8_t raw = transposed ? b[j * ldb + i] : b[i * ldb + j];
      const auto value = static_cast<std::int8_t>(raw ^ flip);
      sums[j] += value;
      char* at = to + j * t.group * bytes;
      if (t.group == 4) {
        *reinterpret_cast<std::int8_t*>(at) = value;
      } else {
        const std::int16_t wide = value;
        std::memcpy(at, &wide, 2);
      }
    }
  }
}

struct Span {
  std::int64_t row, row_end, panel, panel_end;
};

/// Where the parts of a thread's scratch begin, in bytes.
struct Layout {
  std::int64_t a, sums, offsets, factors, column_factors, scales, acc, panel, panel_sums, total;
};

Layout layout_of(const GemmI8Table& t, const GemmI8Plan& plan) {
  const GemmI8Problem& p = plan.problem;
  const std::int64_t rows = round_up(plan.rows_per_unit, 16);
  Layout l{};
  std::int64_t at = 0;
  const auto take = [&](std::int64_t bytes) {
    const std::int64_t start = at;
    at += round_up(bytes, 64);
    return start;
  };
  l.a = take(plan.rows_per_unit * round_up(words_of(t, p.k), 16) * 4);
  l.sums = take(rows * 4);
  l.offsets = take(rows * 4);
  l.factors = take(rows * 4);
  l.column_factors = take(t.panel * 4);
  l.scales = take(t.panel * 4);
  l.acc = take(kGemmI8MaxRows * t.panel * 4);
  l.panel = take(p.packed_b ? 0 : words_of(t, p.k) * t.panel * 4);
  l.panel_sums = take(t.panel * 4);
  l.total = at;
  return l;
}

std::int64_t element_bytes(GemmI8Output output) {
  return output == GemmI8Output::kI32 || output == GemmI8Output::kF32 ? 4 : 1;
}

void run_span(const GemmI8Plan& plan, const GemmI8Operands& o, std::int64_t batch, const Span& span, char* scratch) {
  const GemmI8Table& t = table_of(plan.isa);
  const GemmI8Problem& p = plan.problem;
  const Layout at = layout_of(t, plan);
  auto* packed_a = reinterpret_cast<std::uint32_t*>(scratch + at.a);
  auto* sums = reinterpret_cast<std::int32_t*>(scratch + at.sums);
  auto* offsets = reinterpret_cast<std::int32_t*>(scratch + at.offsets);
  auto* factors = reinterpret_cast<std::int32_t*>(scratch + at.factors);
  auto* column_factors = reinterpret_cast<std::int32_t*>(scratch + at.column_factors);
  auto* scales = reinterpret_cast<float*>(scratch + at.scales);
  auto* acc = reinterpret_cast<std::int32_t*>(scratch + at.acc);
  const auto* a = static_cast<const std::uint8_t*>(o.a) + batch * o.a_stride;
  const auto* b = static_cast<const std::uint8_t*>(o.b) + batch * o.b_stride;
  char* c = static_cast<char*>(o.c) + batch * o.c_stride * element_bytes(p.output);
  const std::int64_t words = words_of(t, p.k);
  const std::int64_t pitch = round_up(words, 16);
  const std::int64_t rows = span.row_end - span.row;
  const std::int64_t tiles = ceil_div(rows, t.rows);
  const std::int64_t tile_rows = ceil_div(rows, tiles);
  const bool prefetch = p.packed_b && p.m > 6 && p.n * p.k > cache_sizes().l2 / 2;
  const bool uses_b_zero = p.b_zero || !p.b_signed;

  for (std::int64_t r = 0; r < rows; r += tile_rows) {
    const auto count = static_cast<int>(std::min(tile_rows, rows - r));
    t.pack_a(a + (span.row + r) * o.lda, o.lda, p.a_signed, count, p.k, packed_a + r * pitch,
             uses_b_zero ? sums + r : nullptr);
  }
  // With A' = A + da and B' = B + db the packed values, and za, zb the zero points shifted alike:
  // acc = sum A' B' - za sum_k B' - zb (sum_k A' - k za).
  const std::int32_t a_shift = p.a_signed ? 128 : 0;
  const std::int32_t b_shift = p.b_signed ? 0 : -128;
  bool a_nonzero = false;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int32_t zero = a_shift + (o.a_zero == nullptr ? 0 : o.a_zero[o.a_zero_per_row ? span.row + r : 0]);
    factors[r] = -zero;
    a_nonzero = a_nonzero || zero != 0;
    if (uses_b_zero) {
      // Wraps as the exact sum does modulo 2^32.
      offsets[r] = static_cast<std::int32_t>(static_cast<std::uint32_t>(p.k) * static_cast<std::uint32_t>(zero) -
                                             static_cast<std::uint32_t>(sums[r]));
    }
  }

  GemmI8Finish f{};
  f.acc = acc;
  f.bias = nullptr;
  f.scale = (o.a_scale != nullptr && !o.a_scale_per_row ? o.a_scale[0] : 1.0f) *
            (o.b_scale != nullptr && !o.b_scale_per_column ? o.b_scale[0] : 1.0f);
  f.out_row = o.ldc;
  f.zero = o.output_zero;
  f.low = std::max(o.output_low, p.output == GemmI8Output::kS8 ? -128 : 0);
  f.high = std::min(o.output_high, p.output == GemmI8Output::kS8 ? 127 : 255);
  const auto finish = p.output == GemmI8Output::kI32   ? t.to_i32
                      : p.output == GemmI8Output::kF32 ? t.to_f32
                      : p.output == GemmI8Output::kU8  ? t.to_u8
                                                       : t.to_s8;
  for (std::int64_t q = span.panel; q < span.panel_end; ++q) {
    const std::int64_t column = q * t.panel;
    const int width = width_of(t, p.n, q);
    const int columns = static_cast<int>(std::min<std::int64_t>(t.panel, p.n - column));
    const std::uint32_t* panel = nullptr;
    const std::int32_t* column_sums = nullptr;
    if (p.packed_b) {
      column_sums = reinterpret_cast<const std::int32_t*>(b) + column;
      panel = reinterpret_cast<const std::uint32_t*>(b + sums_bytes(t, p.n) + column * words * 4);
    } else {
      auto* own = reinterpret_cast<std::int32_t*>(scratch + at.panel_sums);
      const std::uint8_t* from = p.transpose_b ? b + column * o.ldb : b + column;
      pack_panel(t, from, o.ldb, p.transpose_b, p.b_signed, p.k, columns, width, scratch + at.panel, own);
      column_sums = own;
      panel = reinterpret_cast<const std::uint32_t*>(scratch + at.panel);
    }
    if (uses_b_zero) {
      for (int j = 0; j < columns; ++j) {
        column_factors[j] = b_shift + (o.b_zero == nullptr ? 0 : o.b_zero[o.b_zero_per_column ? column + j : 0]);
      }
    }
    if (o.b_scale_per_column && o.b_scale != nullptr) {
      const float whole = o.a_scale != nullptr && !o.a_scale_per_row ? o.a_scale[0] : 1.0f;
      for (int j = 0; j < columns; ++j) scales[j] = whole * o.b_scale[column + j];
      f.column_scale = scales;
    }
    f.columns = columns;
    f.pitch = width;
    f.column_factor = column_sums;
    f.column_factor2 = column_factors;
    f.bias = o.bias != nullptr ? o.bias + column : nullptr;
    f.float_bias = o.float_bias != nullptr ? o.float_bias + column : nullptr;
    for (std::int64_t r = 0; r < rows; r += tile_rows) {
      const std::int64_t count = std::min(tile_rows, rows - r);
      t.tiles[width / t.quantum - 1][count - 1]({packed_a + r * pitch, panel, words, acc, prefetch});
      f.rows = static_cast<int>(count);
      f.row_factor = a_nonzero ? factors + r : nullptr;
      f.row_factor2 = uses_b_zero ? offsets + r : nullptr;
      f.row_scale = o.a_scale_per_row && o.a_scale != nullptr ? o.a_scale + span.row + r : nullptr;
      f.out = c + ((span.row + r) * o.ldc + column) * element_bytes(p.output);
      finish(f);
      if (p.output == GemmI8Output::kF32 && o.activation.kind != ActivationKind::kNone) {
        for (std::int64_t i = 0; i < count; ++i) {
          float* y = static_cast<float*>(f.out) + i * o.ldc;
          activate_f32(o.activation, y, y, columns, plan.isa);
        }
      }
    }
  }
}

}  // namespace

GemmI8Plan gemm_i8_plan(const GemmI8Problem& p, Isa isa) {
  GemmI8Plan plan;
  plan.problem = p;
  plan.isa = isa;
  if (p.m <= 0 || p.n <= 0 || p.batch <= 0) return plan;
  const GemmI8Table& t = table_of(isa);
  const std::int64_t panels = ceil_div(p.n, t.panel);
  const std::int64_t row_bytes = std::max<std::int64_t>(64, round_up(words_of(t, p.k), 16) * 4);
  const std::int64_t fitting = std::max<std::int64_t>(t.rows, cache_sizes().l2 * 5 / 8 / row_bytes / t.rows * t.rows);
  std::int64_t row_units = ceil_div(p.m, fitting);
  const double total = static_cast<double>(p.m * p.batch) * static_cast<double>(p.n) * static_cast<double>(p.k + 16);
  constexpr double kSmallest = 1e6;
  constexpr double kLargest = 100e6;
  const double wanted = std::max(p.threads > 1 ? 4.0 * p.threads : 1.0, total / kLargest);
  const auto affordable = static_cast<std::int64_t>(std::min(std::max(1.0, total / kSmallest), wanted));
  const std::int64_t panel_units = std::clamp<std::int64_t>(ceil_div(affordable, p.batch * row_units), 1, panels);
  const std::int64_t missing = ceil_div(affordable, p.batch * row_units * panel_units);
  if (missing > 1 && p.packed_b) row_units = std::min<std::int64_t>(ceil_div(p.m, t.rows), row_units * missing);
  plan.rows_per_unit = ceil_div(p.m, row_units);
  if (row_units > 1) plan.rows_per_unit = round_up(plan.rows_per_unit, t.rows);
  plan.row_units = ceil_div(p.m, plan.rows_per_unit);
  plan.panels_per_unit = ceil_div(panels, panel_units);
  plan.panel_units = ceil_div(panels, plan.panels_per_unit);
  plan.units = p.batch * plan.row_units * plan.panel_units;
  plan.scratch_bytes = static_cast<std::size_t>(layout_of(t, plan).total);
  return plan;
}

std::size_t gemm_i8_packed_bytes(std::int64_t n, std::int64_t k, Isa isa) {
  if (n <= 0) return 0;
  const GemmI8Table& t = table_of(isa);
  const std::int64_t panels = ceil_div(n, t.panel);
  const std::int64_t columns = (panels - 1) * t.panel + width_of(t, n, panels - 1);
  return static_cast<std::size_t>(sums_bytes(t, n) + round_up(columns * words_of(t, k) * 4, 64));
}

std::int64_t gemm_i8_panels(std::int64_t n, Isa isa) { return n <= 0 ? 0 : ceil_div(n, table_of(isa).panel); }

void gemm_i8_pack(const void* b, std::int64_t ldb, bool transposed, bool is_signed, std::int64_t n, std::int64_t k,
                  std::int64_t first, std::int64_t last, void* packed, Isa isa) {
  count_packing();
  const GemmI8Table& t = table_of(isa);
  const auto* from = static_cast<const std::uint8_t*>(b);
  auto* to = static_cast<char*>(packed);
  for (std::int64_t q = first; q < last; ++q) {
    const std::int64_t column = q * t.panel;
    const int columns = static_cast<int>(std::min<std::int64_t>(t.panel, n - column));
    pack_panel(t, transposed ? from + column * ldb : from + column, ldb, transposed, is_signed, k, columns,
               width_of(t, n, q), to + sums_bytes(t, n) + column * words_of(t, k) * 4,
               reinterpret_cast<std::int32_t*>(to) + column);
  }
}

void gemm_i8_run(const GemmI8Plan& plan, const GemmI8Operands& o, std::int64_t first, std::int64_t last,
                 void* scratch) {
  const std::int64_t panels = gemm_i8_panels(plan.problem.n, plan.isa);
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t panel = u % plan.panel_units * plan.panels_per_unit;
    const std::int64_t row = u / plan.panel_units % plan.row_units * plan.rows_per_unit;
    const Span span{row, std::min(plan.problem.m, row + plan.rows_per_unit), panel,
                    std::min(panels, panel + plan.panels_per_unit)};
    run_span(plan, o, u / plan.panel_units / plan.row_units, span, static_cast<char*>(scratch));
  }
}

}  // namespace oriel::kernels
