// Random numbers. One stream draws them in the order of the elements, so that a seed gives the same ones with any
// number of threads; without a seed the run's generator gives one.
#include <algorithm>
#include <cmath>

#include "devices/cpu/movement.h"
#include "devices/cpu/rule_groups.h"
#include "kernels/random/random.h"
#include "ops/elementwise.h"
#include "ops/random.h"

namespace oriel::cpu {
namespace {

constexpr std::int64_t kDraws = 512;  // at once

bool is_real(ElementType type) {
  return type == ElementType::kF32 || type == ElementType::kF64 || type == ElementType::kF16 ||
         type == ElementType::kBF16;
}

std::string decline_random(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  return is_real(type) ? std::string() : formatted("no kernel for {}", element_name(type));
}

Lowering::StepSpec spec_of(Lowering& lowering, const Unit& unit, const char* algorithm) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "random";
  spec.algorithm = algorithm;
  return spec;
}

/// Calls take(first, numbers, count) for runs of uniform (or normal) numbers, `count` of them in all.
template <typename Take>
void draw(const Inputs& inputs, RunContext& context, bool normal, std::int64_t count, Take&& take) {
  kernels::RandomStream stream(ops::seed_of_call(inputs.attributes(), context));
  double numbers[kDraws];
  for (std::int64_t i = 0; i < count; i += kDraws) {
    if (i % kMoveGrain == 0) context.check();
    const std::int64_t n = std::min(kDraws, count - i);
    if (normal) {
      stream.normal(numbers, n);
    } else {
      stream.uniform(numbers, n);
    }
    take(i, numbers, n);
  }
}

void lower_random(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool normal = node.op().name.rfind("RandomNormal", 0) == 0;
  const Attributes& a = node.attributes();
  const double shift = a.get_float(normal ? "mean" : "low");
  const double scale = normal ? a.get_float("scale") : static_cast<double>(a.get_float("high")) - shift;
  Lowering::StepSpec spec = spec_of(lowering, unit, normal ? "normal" : "uniform");
  spec.run = [normal, shift, scale, type = node.output()->element()](const Inputs& inputs, OutputSink& outputs,
                                                                     RunContext& context) {
    const bool like = inputs.has(0);
    Tensor& out = outputs.allocate(0, type, like ? inputs[0].dims() : Dims(inputs.attributes().get_ints("shape")));
    ops::dispatch_float(type, [&]<typename T>() {
      T* y = out.data<T>();
      draw(inputs, context, normal, out.size(), [&](std::int64_t first, const double* numbers, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) y[first + i] = ops::narrow<T>(shift + scale * numbers[i]);
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_bernoulli(const Node& node, const CompileOptions&) {
  const ElementType from = node.input(0)->element();
  const ElementType to = node.output()->element();
  if (from != ElementType::kF32 && from != ElementType::kF64) return formatted("no kernel for {}", element_name(from));
  const bool known = is_real(to) || to == ElementType::kBool || (is_integer(to) && !is_sub_byte(to));
  return known ? std::string() : formatted("no kernel gives {}", element_name(to));
}

void lower_bernoulli(Lowering& lowering, const Unit& unit) {
  const ElementType from = unit.node->input(0)->element();
  const ElementType to = unit.output->element();
  Lowering::StepSpec spec = spec_of(lowering, unit, "bernoulli");
  spec.run = [from, to](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& out = outputs.allocate(0, to, x.dims());
    const auto run = [&]<typename P, typename T>(const P* chance, T* y, T one) {
      draw(inputs, context, false, x.size(), [&](std::int64_t first, const double* numbers, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i)
          y[first + i] = numbers[i] < static_cast<double>(chance[first + i]) ? one : T();
      });
    };
    ops::dispatch_numeric_or_bool(to, [&]<typename T>() {
      const T one = ops::narrow<T>(1.0);
      if (from == ElementType::kF32) {
        run(x.data<float>(), out.data<T>(), one);
      } else {
        run(x.data<double>(), out.data<T>(), one);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_multinomial(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 || type == ElementType::kF64 ? std::string()
                                                                : formatted("no kernel for {}", element_name(type));
}

/// total[k] = the sum of exp(x - max x) up to k.
template <typename T>
void accumulate(const T* x, std::int64_t classes, double* total) {
  double largest = -HUGE_VAL;
  for (std::int64_t k = 0; k < classes; ++k) largest = std::max(largest, static_cast<double>(x[k]));
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) total[k] = sum += std::exp(static_cast<double>(x[k]) - largest);
}

void lower_multinomial(Lowering& lowering, const Unit& unit) {
  const ElementType type = unit.output->element();
  Lowering::StepSpec spec = spec_of(lowering, unit, "multinomial");
  spec.run = [type, samples = unit.node->attributes().get_int("sample_size")](const Inputs& inputs, OutputSink& outputs,
                                                                              RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() == 2, "an input of shape {}, expected a matrix", to_string(x.dims()));
    const std::int64_t rows = x.dim(0);
    const std::int64_t classes = x.dim(1);
    ORIEL_REQUIRE(classes > 0 || rows * samples == 0, "an input of shape {} has no classes to draw from",
                  to_string(x.dims()));
    Tensor& out = outputs.allocate(0, type, {rows, samples});
    if (out.size() == 0) return;
    kernels::RandomStream stream(ops::seed_of_call(inputs.attributes(), context));
    auto* total = static_cast<double*>(context.scratch(static_cast<std::size_t>(classes) * sizeof(double)));
    for (std::int64_t row = 0; row < rows; ++row) {
      context.check();
      if (x.type() == ElementType::kF32) {
        accumulate(x.data<float>() + row * classes, classes, total);
      } else {
        accumulate(x.data<double>() + row * classes, classes, total);
      }
      for (std::int64_t s = row * samples; s < (row + 1) * samples; ++s) {
        double number = 0;
        stream.uniform(&number, 1);
        const std::int64_t drawn =
            std::min(std::upper_bound(total, total + classes, number * total[classes - 1]) - total, classes - 1);
        if (type == ElementType::kI32) {
          out.data<std::int32_t>()[s] = static_cast<std::int32_t>(drawn);
        } else {
          out.data<std::int64_t>()[s] = drawn;
        }
      }
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> random_rules() {
  std::vector<Rule> rules = {{"Bernoulli", decline_bernoulli, lower_bernoulli},
                             {"Multinomial", decline_multinomial, lower_multinomial}};
  for (const char* op : {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"})
    rules.push_back({op, decline_random, lower_random});
  return rules;
}

}  // namespace oriel::cpu
