// Packing of the sums of B, and the loops over seven products of quarters.
#include "kernels/gemm/strassen.h"

#include <algorithm>
#include <limits>

#include "base/work_counters.h"
#include "kernels/gemm/gemm_f32_table.h"

namespace oriel::kernels {
namespace {

const GemmF32Table& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kGemmF32Scalar;
  return isa == Isa::kAvx2 ? kGemmF32Avx2 : kGemmF32Avx512;
}

/// Bytes of the sums of A that are in scratch at the same time.
constexpr std::int64_t kMostSums = 16 << 20;
/// Groups of rows in one unit: their scratch stays in the second cache level.
constexpr int kMostGroups = 8;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// The products of one pass: those of the left quarters of A, and as many or one less of the right ones.
struct Pass {
  std::int64_t k0, left, right;
};

/// Passes of nearly equal length; all but the last are whole pairs of blocks.
class Passes {
 public:
  explicit Passes(std::int64_t k)
      : k_(k),
        step_(round_up(ceil_div(k, ceil_div(k, kStrassenPass)), 2 * kGemmF32Block)),
        count_(ceil_div(k, step_)) {}
  std::int64_t count() const { return count_; }
  Pass at(std::int64_t i) const {
    const std::int64_t all = std::min(step_, k_ - i * step_);
    return {i * step_, (all + 1) / 2, all / 2};
  }
  /// Rows of one packed right operand in all passes before `i`.
  std::int64_t rows_before(std::int64_t i) const { return i * step_ / 2; }
  std::int64_t rows() const { return rows_before(count_ - 1) + at(count_ - 1).left; }

 private:
  std::int64_t k_, step_, count_;
};

std::int64_t pairs_of(const GemmF32Table& t, std::int64_t n) { return n / (2 * t.panel); }
std::int64_t paired_columns(const GemmF32Table& t, std::int64_t n) { return pairs_of(t, n) * 2 * t.panel; }

/// Where the right operands of a pair of panels begin in a pass.
std::int64_t pair_offset(const GemmF32Table& t, const Passes& passes, std::int64_t pass, std::int64_t pair) {
  return kStrassenProducts * t.panel * (pair * passes.rows() + passes.rows_before(pass));
}

/// Where the packed columns without pair begin.
std::int64_t rest_offset(const GemmF32Table& t, const Passes& passes, std::int64_t pairs) {
  return pair_offset(t, passes, 0, pairs);
}

/// The sums of one pair of panels, [7][left][panel].
void pack_pair(const GemmF32Table& t, const float* b, std::int64_t ldb, bool transposed, const Pass& pass,
               float* packed) {
  const std::int64_t size = pass.left * t.panel;
  const auto quarter = [&](std::int64_t k0, std::int64_t k, std::int64_t column, float* to) {
    t.pack_b(transposed ? b + column * ldb + k0 : b + k0 * ldb + column, ldb, transposed, k, t.panel, t.panel, to);
    std::fill(to + k * t.panel, to + size, 0.0f);
  };
  // Quarters alone stand where products 1 and 4 read them and where sums take their place.
  float* const b11 = packed + size;
  float* const b22 = packed + 4 * size;
  float* const b12 = packed + 5 * size;
  float* const b21 = packed + 6 * size;
  quarter(pass.k0, pass.left, 0, b11);
  quarter(pass.k0, pass.left, t.panel, b12);
  quarter(pass.k0 + pass.left, pass.right, 0, b21);
  quarter(pass.k0 + pass.left, pass.right, t.panel, b22);
  float* const b11_plus_b22 = packed;
  float* const b12_less_b22 = packed + 2 * size;
  float* const b21_less_b11 = packed + 3 * size;
  for (std::int64_t i = 0; i < size; ++i) {
    b12_less_b22[i] = b12[i] - b22[i];
    b21_less_b11[i] = b21[i] - b11[i];
    b11_plus_b22[i] = b11[i] + b22[i];
    b12[i] += b11[i];
    b21[i] += b22[i];
  }
}

/// A group of rows, the upper halves of pairs before the lower ones; and where its packed left operands begin, less
/// what stands before the pass.
struct Group {
  std::int64_t row;
  int rows, lower_rows;
  std::int64_t first;  // of all pairs of rows
};

Group group_of(const StrassenPlan::Block& block, std::int64_t g) {
  const std::int64_t halves = (block.rows + 1) / 2;
  const std::int64_t first = halves * g / block.groups;
  const std::int64_t last = halves * (g + 1) / block.groups;
  return {2 * first, static_cast<int>(last - first),
          static_cast<int>(std::min<std::int64_t>(last, block.rows / 2) - first), first};
}

std::int64_t packed_k(const Pass& pass) { return round_up(pass.left, kGemmF32Block); }

/// Where the packed left operands of a group begin in a pass; they are packed_k() times its rows apart.
std::int64_t group_offset(const StrassenPlan::Block& block, const Passes& passes, std::int64_t pass,
                          const Group& group) {
  const std::int64_t halves = (block.rows + 1) / 2;
  return kStrassenProducts * (passes.rows_before(pass) * halves + packed_k(passes.at(pass)) * group.first);
}

/// The quarters of C (11, 12, 21, 22) that a product is added to; `scale` is 0 for the first one of a quarter. The
/// last one of a quarter stands in `completes`, -1: none.
struct Targets {
  struct {
    int quarter;
    float scale;
  } sums[2];
  int completes;
};
constexpr Targets kTargets[kStrassenProducts] = {{{{0, 0.0f}, {3, 0.0f}}, -1},  {{{2, 0.0f}, {3, -1.0f}}, -1},
                                                 {{{1, 0.0f}, {3, 1.0f}}, -1},  {{{0, 1.0f}, {-1, 0.0f}}, 2},
                                                 {{{0, -1.0f}, {-1, 0.0f}}, 1}, {{{-1, 0.0f}, {-1, 0.0f}}, 3},
                                                 {{{-1, 0.0f}, {-1, 0.0f}}, 0}};

/// Groups [group, group_end) by pairs [pair, pair_end) of panels. Quarters are summed in scratch, [group][quarter].
class Products {
 public:
  Products(const StrassenPlan& plan, const StrassenPlan::Block& block, const GemmF32Operands& operands,
           const float* sums, float* scratch)
      : plan_(plan),
        block_(block),
        o_(operands),
        t_(table_of(plan.isa)),
        passes_(plan.problem.k),
        sums_(sums),
        scratch_(scratch),
        tiles_(t_.tiles[1][t_.panel / t_.quantum - 1]) {}

  void run(std::int64_t group, std::int64_t group_end, std::int64_t pair, std::int64_t pair_end) const {
    Group groups[kMostGroups];
    const auto count = static_cast<int>(group_end - group);
    for (int g = 0; g < count; ++g) groups[g] = group_of(block_, group + g);
    for (std::int64_t q = pair; q < pair_end; ++q) {
      for (std::int64_t i = 0; i < passes_.count(); ++i) {
        const Pass pass = passes_.at(i);
        const float* b = o_.b + pair_offset(t_, passes_, i, q);
        for (int p = 0; p < kStrassenProducts; ++p, b += pass.left * t_.panel) {
          for (int g = 0; g < count; ++g) {
            const float* a = sums_ + group_offset(block_, passes_, i, groups[g]) + p * packed_k(pass) * groups[g].rows;
            GemmF32Tile tile;
            tile.a = a;
            tile.b = b;
            tile.k = pass.left;
            tile.prefetch = plan_.prefetch;
            // Each group fetches its share of the next panel.
            tile.ahead = b + pass.left * t_.panel * (count + g) / count;
            tile.ahead_step = 4 * t_.panel / count;
            multiply(tile, q, i, p, groups[g], scratch_ + g * 4 * t_.rows * t_.panel);
          }
        }
      }
    }
  }

 private:
  /// Product p of a group and a pair of panels, whose operands are in `tile`.
  void multiply(GemmF32Tile& tile, std::int64_t pair, std::int64_t pass, int p, const Group& group,
                float* quarters) const {
    const Targets& targets = kTargets[p];
    const std::int64_t quarter = static_cast<std::int64_t>(group.rows) * t_.panel;
    tile.c = nullptr;
    int sums = 0;
    for (; sums < 2 && targets.sums[sums].quarter >= 0; ++sums) {
      const bool first = targets.sums[sums].scale == 0.0f && pass > 0;
      tile.sums[sums] = {quarters + targets.sums[sums].quarter * quarter, first ? 1.0f : targets.sums[sums].scale};
    }
    const int completes = targets.completes;
    if (completes < 0) return tiles_[group.rows - 1](tile);
    float* const sum = quarters + completes * quarter;
    const bool lower = completes >= 2;
    const bool last = pass + 1 == passes_.count();
    // A lower quarter that lacks a row is completed in scratch.
    if (!last || (lower && group.lower_rows < group.rows)) {
      tile.sums[sums] = {sum, 1.0f};
      tiles_[group.rows - 1](tile);
      if (last && group.lower_rows > 0) {
        epilogue(tile, pair, group, completes);
        for (std::int64_t i = 0; o_.alpha != 1.0f && i < quarter; ++i) sum[i] *= o_.alpha;
        t_.finish(sum, t_.panel, group.lower_rows, tile, t_.panel);
        activate(tile.c, group.lower_rows);
      }
      return;
    }
    epilogue(tile, pair, group, completes);
    tile.partial = sum;
    // The lines to be stored arrive while the products are summed.
    for (int r = 0; r < group.rows; ++r) {
      for (int j = 0; j < t_.panel; j += 16) __builtin_prefetch(tile.c + r * tile.c_row + j, 1);
    }
    tiles_[group.rows - 1](tile);
    activate(tile.c, group.rows);
  }

  /// What is done to a complete quarter of a group and a pair of panels.
  void epilogue(GemmF32Tile& tile, std::int64_t pair, const Group& group, int quarter) const {
    const std::int64_t row = group.row + quarter / 2 * group.rows;
    const std::int64_t column = (2 * pair + quarter % 2) * t_.panel;
    tile.c = o_.c + row * o_.ldc + column;
    tile.c_row = o_.ldc;
    tile.columns = t_.panel;
    tile.column_bias = o_.column_bias != nullptr ? o_.column_bias + column : nullptr;
    tile.row_bias = o_.row_bias != nullptr ? o_.row_bias + row : nullptr;
    tile.residual = o_.residual != nullptr ? o_.residual + row * o_.residual_ld + column : nullptr;
    tile.residual_row = o_.residual_ld;
    tile.alpha = o_.alpha;
    tile.beta = o_.beta;
    const ActivationKind kind = o_.activation.kind;
    tile.low = kind == ActivationKind::kRelu ? 0.0f : kind == ActivationKind::kClip ? o_.activation.a : -kInfinity;
    tile.high = kind == ActivationKind::kClip ? o_.activation.b : kInfinity;
  }

  void activate(float* c, int rows) const {
    const ActivationKind kind = o_.activation.kind;
    if (kind == ActivationKind::kNone || kind == ActivationKind::kRelu || kind == ActivationKind::kClip) return;
    t_.activate(o_.activation, c, o_.ldc, c, o_.ldc, rows, t_.panel);
  }

  const StrassenPlan& plan_;
  const StrassenPlan::Block& block_;
  const GemmF32Operands& o_;
  const GemmF32Table& t_;
  const Passes passes_;
  const float* sums_;
  float* scratch_;
  const GemmF32TileFn* tiles_;
};

/// The time of all products at the peak of one core.
double products_seconds(std::int64_t m, std::int64_t n, std::int64_t k, Isa isa) {
  const double rate = isa == Isa::kScalar ? 28.8e9 : 115.2e9;
  return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / rate;
}

/// How rows of a problem are cut into units.
StrassenPlan::Block plan_block(const GemmF32Table& t, const GemmF32Problem& problem, Isa isa) {
  StrassenPlan::Block block;
  const std::int64_t m = block.rows = problem.m;
  if (m <= 0) return block;
  const std::int64_t pairs = pairs_of(t, problem.n);
  const int threads = std::max(1, problem.threads);
  block.groups = ceil_div((m + 1) / 2, t.rows);
  block.row_units = ceil_div(block.groups, kMostGroups);
  // Enough units for the threads, none below a few microseconds; a unit stays below about a millisecond.
  const double lanes =
      2.0 * t.panel * static_cast<double>(pairs) * static_cast<double>(problem.k) * static_cast<double>(m);
  constexpr double kSmallest = 500e3;
  constexpr double kLargest = 30e6;
  const double wanted = std::max(threads > 1 ? 4.0 * threads : 1.0, lanes / kLargest);
  const auto affordable = static_cast<std::int64_t>(std::min(std::max(1.0, lanes / kSmallest), wanted));
  block.pair_units = std::clamp<std::int64_t>(ceil_div(affordable, block.row_units), 1, pairs);
  if (block.pair_units * block.row_units < affordable) {
    block.row_units = std::min(ceil_div(block.groups, 2), ceil_div(affordable, block.pair_units));
  }
  block.groups_per_unit = ceil_div(block.groups, block.row_units);
  block.row_units = ceil_div(block.groups, block.groups_per_unit);
  block.pairs_per_unit = ceil_div(pairs, block.pair_units);
  block.pair_units = ceil_div(pairs, block.pairs_per_unit);
  GemmF32Problem rest = problem;
  rest.n -= paired_columns(t, problem.n);
  if (rest.n > 0) block.rest = gemm_f32_plan(rest, isa);
  return block;
}

/// The block that a phase works on.
const StrassenPlan::Block& block_of(const StrassenPlan& plan, int phase) {
  return phase / 2 == plan.phases / 2 - 1 ? plan.last_block : plan.block;
}

}  // namespace

double gemm_f32_seconds(std::int64_t m, std::int64_t n, std::int64_t k, int threads, Isa isa) {
  constexpr double kShare = 0.965;
  return products_seconds(m, n, k, isa) / kShare / std::max(threads, 1);
}

double strassen_seconds(std::int64_t m, std::int64_t n, std::int64_t k, int threads, Isa isa) {
  const std::int64_t columns = paired_columns(table_of(isa), n);
  // Beyond seven eighths of the products: sums in tiles, which weigh less the more products there are; sums of A, which
  // weigh less the more columns read them.
  const double more = 0.03 + 10.0 / static_cast<double>(k) + 8.0 / static_cast<double>(columns);
  return products_seconds(m, columns, k, isa) * (0.875 + more) / std::max(threads, 1) +
         gemm_f32_seconds(m, n - columns, k, threads, isa);
}

bool strassen_serves(std::int64_t n, std::int64_t k, Isa isa) { return k >= 2 && pairs_of(table_of(isa), n) > 0; }

std::size_t strassen_packed_bytes(std::int64_t n, std::int64_t k, Isa isa) {
  const GemmF32Table& t = table_of(isa);
  const auto paired = static_cast<std::size_t>(rest_offset(t, Passes(k), pairs_of(t, n))) * sizeof(float);
  return paired + gemm_f32_packed_bytes(n - paired_columns(t, n), k, isa);
}

std::int64_t strassen_pack_units(std::int64_t n, std::int64_t k, Isa isa) {
  const GemmF32Table& t = table_of(isa);
  return Passes(k).count() * pairs_of(t, n) + gemm_f32_panels(n - paired_columns(t, n), isa);
}

void strassen_pack(const float* b, std::int64_t ldb, bool transposed, std::int64_t n, std::int64_t k,
                   std::int64_t first, std::int64_t last, float* packed, Isa isa) {
  const GemmF32Table& t = table_of(isa);
  const Passes passes(k);
  const std::int64_t pairs = pairs_of(t, n);
  const std::int64_t pair_units = passes.count() * pairs;
  if (first < pair_units) count_packing();
  for (std::int64_t u = first; u < std::min(last, pair_units); ++u) {
    const std::int64_t column = u % pairs * 2 * t.panel;
    pack_pair(t, transposed ? b + column * ldb : b + column, ldb, transposed, passes.at(u / pairs),
              packed + pair_offset(t, passes, u / pairs, u % pairs));
  }
  if (last > pair_units) {
    const std::int64_t column = paired_columns(t, n);
    gemm_f32_pack(transposed ? b + column * ldb : b + column, ldb, transposed, n - column, k,
                  std::max<std::int64_t>(first - pair_units, 0), last - pair_units,
                  packed + rest_offset(t, passes, pairs), isa);
  }
}

StrassenPlan strassen_plan(const GemmF32Problem& problem, Isa isa) {
  const GemmF32Table& t = table_of(isa);
  StrassenPlan plan;
  plan.problem = problem;
  plan.isa = isa;
  if (problem.m <= 0 || problem.n <= 0) return plan;
  const Passes passes(problem.k);
  // Floats of the sums of a pair of rows.
  std::int64_t sums = 0;
  for (std::int64_t i = 0; i < passes.count(); ++i) sums += kStrassenProducts * packed_k(passes.at(i));
  const std::int64_t fitting = std::max<std::int64_t>(2 * t.rows * kMostGroups, kMostSums / 4 / sums * 2);
  const std::int64_t blocks = ceil_div(problem.m, fitting);
  GemmF32Problem part = problem;
  part.m = std::min(problem.m, round_up(ceil_div(problem.m, blocks), 2 * t.rows));
  plan.block = plan_block(t, part, isa);
  plan.phases = static_cast<int>(2 * ceil_div(problem.m, part.m));
  part.m = problem.m - (plan.phases / 2 - 1) * part.m;
  plan.last_block = plan_block(t, part, isa);
  plan.prefetch = rest_offset(t, passes, pairs_of(t, problem.n)) * 4 > cache_sizes().l2 / 2;

  plan.shared_scratch_bytes = static_cast<std::size_t>(round_up((plan.block.rows + 1) / 2 * sums, 16)) * sizeof(float);
  for (const StrassenPlan::Block* block : {&plan.block, &plan.last_block}) {
    const auto quarters = static_cast<std::size_t>(block->groups_per_unit * 4 * t.rows * t.panel) * sizeof(float);
    plan.thread_scratch_bytes = std::max({plan.thread_scratch_bytes, quarters, block->rest.scratch_bytes});
  }
  return plan;
}

std::int64_t strassen_units(const StrassenPlan& plan, int phase) {
  const StrassenPlan::Block& block = block_of(plan, phase);
  return phase % 2 == 0 ? block.groups : block.row_units * block.pair_units + block.rest.units;
}

void strassen_run(const StrassenPlan& plan, const GemmF32Operands& operands, int phase, std::int64_t first,
                  std::int64_t last, void* shared_scratch, void* thread_scratch) {
  const GemmF32Table& t = table_of(plan.isa);
  const GemmF32Problem& p = plan.problem;
  const Passes passes(p.k);
  const StrassenPlan::Block& block = block_of(plan, phase);
  const std::int64_t row = phase / 2 * plan.block.rows;
  GemmF32Operands o = operands;
  o.a += row * o.lda;
  o.c += row * o.ldc;
  if (o.row_bias != nullptr) o.row_bias += row;
  if (o.residual != nullptr) o.residual += row * o.residual_ld;
  auto* const sums = static_cast<float*>(shared_scratch);
  if (phase % 2 == 0) {
    for (std::int64_t g = first; g < last; ++g) {
      const Group group = group_of(block, g);
      const float* const top = o.a + group.row * o.lda;
      for (std::int64_t i = 0; i < passes.count(); ++i) {
        const Pass pass = passes.at(i);
        t.sums_a(top + pass.k0, top + pass.k0 + group.rows * o.lda, o.lda, group.rows, group.lower_rows, pass.left,
                 pass.right, sums + group_offset(block, passes, i, group), packed_k(pass) * group.rows);
      }
    }
    return;
  }
  const std::int64_t pairs = pairs_of(t, p.n);
  const std::int64_t own = block.row_units * block.pair_units;
  const Products products(plan, block, o, sums, static_cast<float*>(thread_scratch));
  for (std::int64_t u = first; u < std::min(last, own); ++u) {
    const std::int64_t group = u % block.row_units * block.groups_per_unit;
    const std::int64_t pair = u / block.row_units * block.pairs_per_unit;
    products.run(group, std::min(block.groups, group + block.groups_per_unit), pair,
                 std::min(pairs, pair + block.pairs_per_unit));
  }
  if (last > own) {
    const std::int64_t column = paired_columns(t, p.n);
    o.b += rest_offset(t, passes, pairs);
    o.c += column;
    if (o.column_bias != nullptr) o.column_bias += column;
    if (o.residual != nullptr) o.residual += column;
    gemm_f32_run(block.rest, o, std::max<std::int64_t>(first - own, 0), last - own, thread_scratch);
  }
}

}  // namespace oriel::kernels
