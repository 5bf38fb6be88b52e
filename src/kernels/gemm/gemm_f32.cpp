// Planning of f32 matrix products and the loops around the register tiles.
#include "kernels/gemm/gemm_f32.h"

#include <algorithm>
#include <limits>

#include "kernels/attention/attention_table.h"
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
};

Matrices matrices_of(const GemmF32Operands& o, std::int64_t i) {
  const std::int64_t c = start(o.c_offsets, o.c_stride, i);
  return {o.a + start(o.a_offsets, o.a_stride, i), o.b + start(o.b_offsets, o.b_stride, i), o.c + c,
          o.residual != nullptr ? o.residual + c : nullptr};
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
  float* const panel = scratch + (plan.pack_a ? plan.rows_per_unit * packed_row(t, plan.k_block) : 0);

  GemmF32Tile tile;
  tile.c_row = o.ldc;
  tile.residual_row = o.residual_ld;
  tile.a_row = o.lda;
  tile.alpha = o.alpha;
  tile.prefetch = plan.prefetch;
  tile.b_panel = words_of(t, p.k) * t.panel;
  const ActivationKind kind = o.activation.kind;
  const bool clamps = kind == ActivationKind::kRelu || kind == ActivationKind::kClip;
  const bool post = !clamps && kind != ActivationKind::kNone;

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
        const float* from = p.transpose_a ? x.a + k0 * o.lda + r : x.a + r * o.lda + k0;
        t.pack_a(from, o.lda, p.transpose_a, static_cast<int>(count), kc, packed_a + (r - row_begin) * kc_padded);
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
        tile.c = x.c + r * o.ldc + column;
        tile.row_bias = first_pass && o.row_bias != nullptr ? o.row_bias + r : nullptr;
        tile.residual = first_pass && x.residual != nullptr ? x.residual + r * o.residual_ld + column : nullptr;
        const GemmF32TileFn fn = span == 4   ? t.wide4[plan.pack_a][count - 1]
                                 : span == 2 ? t.wide2[plan.pack_a][count - 1]
                                             : t.tiles[plan.pack_a][width / t.quantum - 1][count - 1];
        fn(tile);
        if (post && last_pass) t.activate(o.activation, tile.c, o.ldc, tile.c, o.ldc, count, tile.columns);
        r += count;
      }
      q += span;
    }
  }
}

/// From how many rows and products on seven products of quarters are faster than eight, sums included.
constexpr std::int64_t kFastRows = 64;
constexpr std::int64_t kFastProducts = 256;
/// Rows that share one set of sums.
constexpr std::int64_t kFastBlock = 256;

std::int64_t fast_half_rows(const GemmF32Plan& plan) { return ceil_div(plan.rows_per_unit, 2); }

/// Floats of scratch: seven packed quarters and sums of A, seven tiles, rows that fill up.
std::int64_t fast_floats(const GemmF32Table& t, const GemmF32Plan& plan) {
  return (7 * fast_half_rows(plan) + t.rows) * plan.fast_k + 7 * t.rows * t.panel;
}

/// Rows [row_begin, row_end) by pairs [pair_begin, pair_end) of panels, one in each half of the columns that have partners.
class FastProduct {
 public:
  FastProduct(const GemmF32Plan& plan, const GemmF32Operands& operands, const Matrices& x, std::int64_t row_begin,
              std::int64_t row_end, float* scratch)
      : plan_(plan),
        o_(operands),
        x_(x),
        t_(table_of(plan.isa, plan.problem.arithmetic)),
        row_begin_(row_begin),
        row_end_(row_end),
        half_rows_(ceil_div(row_end - row_begin, 2)),
        half_k_(plan.problem.k / 2),
        pairs_(plan.problem.n / t_.panel / 2),
        tiles_(ceil_div(half_rows_, t_.rows)) {
    for (float*& a : a_) {
      a = scratch;
      scratch += fast_half_rows(plan) * plan.fast_k;
    }
    for (float*& tile : tile_) {
      tile = scratch;
      scratch += t_.rows * t_.panel;
    }
    zeros_ = scratch;
    std::fill_n(zeros_, t_.rows * t_.panel, 0.0f);
    rows_ = scratch + t_.rows * t_.panel;
  }

  void run(std::int64_t pair_begin, std::int64_t pair_end) {
    for (std::int64_t k0 = 0; k0 < half_k_; k0 += plan_.fast_k) {
      k0_ = k0;
      kc_ = std::min(plan_.fast_k, half_k_ - k0);
      pack_rows();
      for (std::int64_t p = pair_begin; p < pair_end; ++p) {
        next_ = p + 1 < pair_end ? panel_at(p + 1) : nullptr;
        run_pair(p);
      }
    }
  }

 private:
  /// What is packed of A: two quarters and five sums of quarters.
  enum : std::size_t { k11, k12Less22, k21Less11, k22, k11Plus22, k21Plus22, k11Plus12 };

  /// Rows from `row` on, products from `k` on; rows beyond the block are zeros.
  void pack_quarter(std::int64_t row, std::int64_t k, int count, float* to) {
    const float* from = x_.a + row * o_.lda + k;
    const auto there = static_cast<int>(std::min<std::int64_t>(count, row_end_ - row));
    if (there == count) return t_.pack_a(from, o_.lda, false, count, kc_, to);
    for (int r = 0; r < there; ++r) std::copy_n(from + r * o_.lda, kc_, rows_ + r * kc_);
    std::fill_n(rows_ + there * kc_, (count - there) * kc_, 0.0f);
    t_.pack_a(rows_, kc_, false, count, kc_, to);
  }

  void pack_rows() {
    for (std::int64_t i = 0, r = 0; i < tiles_; ++i) {
      const auto count = static_cast<int>((half_rows_ - r + tiles_ - i - 1) / (tiles_ - i));
      const std::int64_t at = r * kc_;
      const std::int64_t top = row_begin_ + r;
      float* const a11 = a_[k11] + at;
      float* const a12 = a_[k12Less22] + at;
      float* const a21 = a_[k21Less11] + at;
      float* const a22 = a_[k22] + at;
      pack_quarter(top, k0_, count, a11);
      pack_quarter(top, half_k_ + k0_, count, a12);
      pack_quarter(top + half_rows_, k0_, count, a21);
      pack_quarter(top + half_rows_, half_k_ + k0_, count, a22);
      float* sums[3] = {a_[k11Plus22] + at, a_[k21Plus22] + at, a_[k11Plus12] + at};
      t_.combine_a(a11, a12, a21, a22, sums, count * kc_);
      r += count;
    }
  }

  /// Where the quarter 11 of a pair begins.
  const float* panel_at(std::int64_t pair) const { return x_.b + pair * t_.panel * plan_.problem.k + k0_ * t_.panel; }

  /// Asks for a share of the next pair's quarters, of one tile's seven shares in each of its tiles.
  void prefetch(std::int64_t share) const {
    if (next_ == nullptr) return;
    constexpr std::int64_t kLine = 16;
    const std::int64_t lines = kc_ * t_.panel / kLine;
    const std::int64_t shares = 7 * tiles_;
    const std::int64_t column = pairs_ * t_.panel * plan_.problem.k;
    const std::int64_t row = half_k_ * t_.panel;
    for (std::int64_t i = lines * share / shares; i < lines * (share + 1) / shares; ++i) {
      const float* at = next_ + i * kLine;
      __builtin_prefetch(at, 0, 2);
      __builtin_prefetch(at + row, 0, 2);
      __builtin_prefetch(at + column, 0, 2);
      __builtin_prefetch(at + column + row, 0, 2);
    }
  }

  /// A right operand: a quarter of B, or its sum (sign 1) or difference (-1) with the quarter `other` behind it.
  struct Right {
    const float* at;
    int sign = 0;
    std::int64_t other = 0;
  };

  void multiply(GemmF32Tile& tile, const float* a, const Right& b, int count) const {
    tile.a = a;
    tile.b = b.at;
    tile.b_panel = b.other;
    tile.k = kc_;
    tile.columns = t_.panel;
    const GemmF32TileFn f = b.sign == 0 ? t_.tiles[1][t_.panel / t_.quantum - 1][count - 1] : t_.sum_tiles[b.sign > 0 ? 0 : 1][count - 1];
    f(tile);
  }

  /// to = A B, a tile of scratch.
  void multiply_to(const float* a, const Right& b, int count, float* to) const {
    GemmF32Tile tile{};
    tile.c = to;
    tile.c_row = t_.panel;
    tile.alpha = 1.0f;
    tile.low = -std::numeric_limits<float>::infinity();
    tile.high = std::numeric_limits<float>::infinity();
    multiply(tile, a, b, count);
  }

  bool first_pass() const { return k0_ == 0; }
  bool last_pass() const { return k0_ + kc_ == half_k_; }

  /// Whether what C gets besides the products is in C itself, so that a tile's addend is free.
  bool addend_free() const {
    return !first_pass() || x_.residual == nullptr || (x_.residual == x_.c && o_.residual_ld == o_.ldc);
  }

  /// The epilogue of a tile of C: the residual with the first pass, all else with the last one.
  GemmF32Tile epilogue(std::int64_t row, std::int64_t column) const {
    const bool last = last_pass();
    const ActivationKind kind = o_.activation.kind;
    GemmF32Tile tile{};
    tile.c = x_.c + row * o_.ldc + column;
    tile.c_row = o_.ldc;
    tile.alpha = 1.0f;
    tile.beta = first_pass() && (x_.residual == nullptr || !addend_free()) ? 0.0f : 1.0f;
    if (!addend_free()) tile.residual = x_.residual + row * o_.residual_ld + column;
    tile.residual_row = o_.residual_ld;
    if (last && o_.column_bias != nullptr) tile.column_bias = o_.column_bias + column;
    if (last && o_.row_bias != nullptr) tile.row_bias = o_.row_bias + row;
    tile.low = -std::numeric_limits<float>::infinity();
    tile.high = std::numeric_limits<float>::infinity();
    if (last && kind == ActivationKind::kRelu) tile.low = 0.0f;
    if (last && kind == ActivationKind::kClip) {
      tile.low = o_.activation.a;
      tile.high = o_.activation.b;
    }
    return tile;
  }

  void activate(const GemmF32Tile& tile, int rows) const {
    if (last_pass() && o_.activation.kind > ActivationKind::kClip) {
      t_.activate(o_.activation, tile.c, o_.ldc, tile.c, o_.ldc, rows, t_.panel);
    }
  }

  int rows_there(std::int64_t row, int count) const {
    return static_cast<int>(std::clamp<std::int64_t>(row_end_ - row, 0, count));
  }

  /// Stores x + y as a tile of C; y is a tile of scratch that nobody needs afterwards.
  void store(const float* x, float* y, std::int64_t row, std::int64_t column, int count) const {
    const int rows = rows_there(row, count);
    if (rows == 0) return;
    GemmF32Tile tile = epilogue(row, column);
    if (tile.residual == nullptr) {
      tile.residual = y;
      tile.residual_row = t_.panel;
    } else {
      t_.combine_c(x, y, zeros_, 1.0f, y, static_cast<std::int64_t>(count) * t_.panel);
      x = y;
    }
    t_.finish(x, t_.panel, rows, tile, t_.panel);
    activate(tile, rows);
  }

  /// Stores A B + x as a tile of C; x is a tile of scratch that nobody needs afterwards.
  void store_product(const float* a, const Right& b, float* x, float* spare, std::int64_t row, std::int64_t column, int count) const {
    GemmF32Tile tile = epilogue(row, column);
    if (rows_there(row, count) == count && tile.residual == nullptr) {
      tile.residual = x;
      tile.residual_row = t_.panel;
      multiply(tile, a, b, count);
      activate(tile, count);
      return;
    }
    multiply_to(a, b, count, spare);
    store(spare, x, row, column, count);
  }

  void run_pair(std::int64_t pair) const {
    const std::int64_t down = half_k_ * t_.panel;
    const std::int64_t across = pairs_ * t_.panel * plan_.problem.k;
    const float* b11 = panel_at(pair);
    const float* b12 = b11 + across;
    const float* b21 = b11 + down;
    const float* b22 = b12 + down;
    const std::int64_t left = pair * t_.panel;
    const std::int64_t right = (pair + pairs_) * t_.panel;
    float* const p1 = tile_[0];
    float* const p2 = tile_[1];
    float* const p3 = tile_[2];
    float* const p4 = tile_[3];
    float* const p5 = tile_[4];
    float* const spare = tile_[5];
    for (std::int64_t i = 0, r = 0; i < tiles_; ++i) {
      const auto count = static_cast<int>((half_rows_ - r + tiles_ - i - 1) / (tiles_ - i));
      const std::int64_t at = r * kc_;
      const std::int64_t top = row_begin_ + r;
      const std::int64_t bottom = top + half_rows_;
      const std::int64_t n = static_cast<std::int64_t>(count) * t_.panel;
      std::int64_t share = 7 * i;
      // P1 = (A11 + A22)(B11 + B22), P2 = (A21 + A22) B11, P3 = A11 (B12 - B22), P4 = A22 (B21 - B11), P5 = (A11 + A12) B22,
      // P6 = (A21 - A11)(B11 + B12), P7 = (A12 - A22)(B21 + B22).
      multiply_to(a_[k21Plus22] + at, {b11}, count, p2);
      prefetch(share++);
      multiply_to(a_[k22] + at, {b21, -1, -down}, count, p4);
      prefetch(share++);
      multiply_to(a_[k11Plus22] + at, {b11, 1, across + down}, count, p1);
      prefetch(share++);
      multiply_to(a_[k11Plus12] + at, {b22}, count, p5);
      prefetch(share++);
      multiply_to(a_[k11] + at, {b12, -1, down}, count, p3);
      prefetch(share++);
      t_.combine_c(p1, p4, p5, 1.0f, spare, n);  // C11 = P1 + P4 - P5 + P7
      t_.combine_c(p1, p2, p3, -1.0f, p1, n);    // C22 = P1 - P2 + P3 + P6
      store(p5, p3, top, right, count);          // C12 = P3 + P5
      store(p2, p4, bottom, left, count);        // C21 = P2 + P4
      store_product(a_[k21Less11] + at, {b11, 1, across}, p1, p5, bottom, right, count);
      prefetch(share++);
      store_product(a_[k12Less22] + at, {b21, 1, across}, spare, p5, top, left, count);
      prefetch(share++);
      r += count;
    }
  }

  const GemmF32Plan& plan_;
  const GemmF32Operands& o_;
  const Matrices& x_;
  const GemmF32Table& t_;
  std::int64_t row_begin_, row_end_, half_rows_, half_k_, pairs_, tiles_;
  std::int64_t k0_ = 0, kc_ = 0;
  const float* next_ = nullptr;  // quarter 11 of the pair to come
  float* a_[7];
  float* tile_[6];
  float* zeros_;
  float* rows_;
};

/// Rows, pairs and passes of a fast plan.
void plan_fast(const GemmF32Table& t, GemmF32Plan& plan, double total, int threads) {
  const GemmF32Problem& p = plan.problem;
  const std::int64_t pairs = p.n / t.panel / 2;
  plan.row_units = ceil_div(p.m, kFastBlock);
  plan.rows_per_unit = ceil_div(ceil_div(p.m, plan.row_units), 2) * 2;
  plan.row_units = ceil_div(p.m, plan.rows_per_unit);
  const std::int64_t half = p.k / 2;
  // What the products of a pair read stays in the second cache level.
  const std::int64_t fitting = std::max<std::int64_t>(64, cache_sizes().l2 / 4 / (7 * fast_half_rows(plan) + 6 * t.panel));
  const std::int64_t passes = ceil_div(half, fitting);
  plan.fast_k = ceil_div(ceil_div(half, passes), kGemmF32Block) * kGemmF32Block;
  // Each unit makes the sums of its rows anew, so units are few.
  constexpr double kLargest = 60e6;
  const double wanted = std::max(threads > 1 ? 2.0 * threads : 1.0, total / kLargest / static_cast<double>(p.batch * plan.row_units));
  const std::int64_t units = std::clamp<std::int64_t>(static_cast<std::int64_t>(wanted), 1, ceil_div(pairs, 3));
  plan.pairs_per_unit = ceil_div(pairs, units);
  plan.pair_units = ceil_div(pairs, plan.pairs_per_unit);
  plan.panels_at_once = 1;
  plan.panel_units = plan.pair_units + (2 * pairs * t.panel < p.n ? 1 : 0);
  plan.units = p.batch * plan.row_units * plan.panel_units;
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
  const std::int64_t passes = k <= one_pass ? 1 : ceil_div(k, each_pass);
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
  plan.fast = problem.fast && packed_b && t.group == 1 && plan.pack_a && m >= kFastRows && k >= kFastProducts &&
              k % (2 * kGemmF32Block) == 0 && n / t.panel >= 4;

  // Rows: blocks whose share of A stays in L2, nearly equal multiples of the tile where there are several.
  const std::int64_t fitting =
      std::max<std::int64_t>(t.rows, block_bytes() / (words_of(t, plan.k_block) * 4) / t.rows * t.rows);
  std::int64_t row_units = ceil_div(m, fitting);
  // Columns: enough units for the threads, none below a few microseconds; a unit stays below about a millisecond.
  const double total = row_cost * static_cast<double>(m) * static_cast<double>(problem.batch);
  constexpr double kSmallest = 250e3;
  constexpr double kLargest = 30e6;
  const double wanted_units = std::max(threads > 1 ? 4.0 * threads : 1.0, total / kLargest);
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
  if (plan.fast) plan_fast(t, plan, total, threads);

  std::int64_t floats = 0;
  if (plan.pack_a) floats += plan.rows_per_unit * packed_row(t, plan.k_block);
  if (plan.few_rows) {
    floats += m * plan.panels_per_unit * t.panel;
  } else if (!packed_b) {
    floats += plan.dot ? k : words_of(t, plan.k_block) * t.panel;
  }
  if (plan.fast) floats = std::max(floats, fast_floats(t, plan));
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
    if (plan.fast) {
      const std::int64_t pairs = p.n / table_of(plan.isa, p.arithmetic).panel / 2;
      const std::int64_t pair = column_unit * plan.pairs_per_unit;
      const std::int64_t pair_end = std::min(pairs, pair + plan.pairs_per_unit);
      if (column_unit == plan.pair_units) {
        run_tiles(plan, operands, x, row, row_end, 2 * pairs, panels, static_cast<float*>(scratch));
      } else if (operands.alpha != 1.0f || operands.beta != 0.0f) {
        run_tiles(plan, operands, x, row, row_end, pair, pair_end, static_cast<float*>(scratch));
        run_tiles(plan, operands, x, row, row_end, pairs + pair, pairs + pair_end, static_cast<float*>(scratch));
      } else {
        FastProduct(plan, operands, x, row, row_end, static_cast<float*>(scratch)).run(pair, pair_end);
      }
    } else if (plan.dot) {
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
