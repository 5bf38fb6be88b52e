// Square matrices: Inverse.
#include <cmath>
#include <utility>

#include "devices/cpu/movement.h"
#include "devices/cpu/rule_groups.h"

namespace oriel::cpu {
namespace {

std::string decline_real(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 || type == ElementType::kF64 ? std::string()
                                                                : formatted("no kernel for {}", element_name(type));
}

/// a (n x n) becomes its inverse, by Gauss and Jordan's elimination in place with row pivots, which `pivots` (n) keeps.
void invert(double* a, std::int64_t n, std::int64_t* pivots) {
  for (std::int64_t c = 0; c < n; ++c) {
    std::int64_t pivot = c;
    for (std::int64_t r = c + 1; r < n; ++r) {
      if (std::fabs(a[r * n + c]) > std::fabs(a[pivot * n + c])) pivot = r;
    }
    pivots[c] = pivot;
    double* line = a + c * n;
    for (std::int64_t k = 0; k < n && pivot != c; ++k) std::swap(a[pivot * n + k], line[k]);
    const double share = 1.0 / line[c];
    line[c] = 1.0;
    for (std::int64_t k = 0; k < n; ++k) line[k] *= share;
    for (std::int64_t r = 0; r < n; ++r) {
      double* other = a + r * n;
      const double factor = other[c];
      if (r == c || factor == 0) continue;
      other[c] = 0;
      for (std::int64_t k = 0; k < n; ++k) other[k] -= factor * line[k];
    }
  }
  // Rows that changed places are columns of the inverse that have to.
  for (std::int64_t c = n; c-- > 0;) {
    for (std::int64_t r = 0; r < n && pivots[c] != c; ++r) std::swap(a[r * n + c], a[r * n + pivots[c]]);
  }
}

template <typename T>
void inverses(RunContext& context, const T* x, T* y, std::int64_t matrices, std::int64_t n) {
  const std::int64_t size = n * n;
  const std::int64_t room = size + n;
  auto* scratch = static_cast<double*>(
      context.scratch(static_cast<std::size_t>(room * context.threads.threads()) * sizeof(double)));
  parallel(context, matrices, std::max<std::int64_t>(1, kMoveGrain / (size * n)),
           [&](std::int64_t first, std::int64_t last, int slot) {
             double* a = scratch + slot * room;
             auto* pivots = reinterpret_cast<std::int64_t*>(a + size);
             for (std::int64_t m = first; m < last; ++m) {
               for (std::int64_t i = 0; i < size; ++i) a[i] = static_cast<double>(x[m * size + i]);
               invert(a, n, pivots);
               for (std::int64_t i = 0; i < size; ++i) y[m * size + i] = static_cast<T>(a[i]);
             }
           });
}

void lower_inverse(Lowering& lowering, const Unit& unit) {
  const ElementType type = unit.output->element();
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(unit.node->input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "inverse_" + std::string(element_name(type));
  spec.run = [type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() >= 2 && x.dim(x.rank() - 1) == x.dim(x.rank() - 2),
                  "input of shape {}, expected square matrices", to_string(x.dims()));
    const std::int64_t n = x.dim(x.rank() - 1);
    Tensor& y = outputs.allocate(0, type, x.dims());
    if (y.size() == 0) return;
    if (type == ElementType::kF32) {
      inverses(context, x.data<float>(), y.data<float>(), y.size() / (n * n), n);
    } else {
      inverses(context, x.data<double>(), y.data<double>(), y.size() / (n * n), n);
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> matrix_rules() { return {{"com.microsoft.Inverse", decline_real, lower_inverse}}; }

}  // namespace oriel::cpu
