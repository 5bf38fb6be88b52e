// Losses of class scores: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include <cmath>

#include "devices/cpu/movement.h"
#include "devices/cpu/rule_groups.h"
#include "kernels/reduce/reduce.h"
#include "ops/loss.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

std::string decline(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 || type == ElementType::kF64 ? std::string()
                                                                : formatted("no kernel for {}", element_name(type));
}

std::int64_t grain_of(std::int64_t elements_a_unit) {
  return std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, elements_a_unit));
}

/// to[s] = log(sum(exp(x))) over the classes of every sample.
void normalizers(RunContext& context, const ops::LossLayout& layout, const float* x, float* to) {
  const std::int64_t outer = layout.samples / layout.inner;
  const std::int64_t extent[3] = {outer, layout.classes, layout.inner};
  const bool reduced[3] = {false, true, false};
  const Reduce plan = plan_reduce(3, extent, reduced);
  parallel(
      context, plan.units, grain_of(layout.classes * plan.columns),
      [&](std::int64_t first, std::int64_t last, int) { reduce_f32(ReduceOp::kLogSumExp, plan, x, to, first, last); });
}
void normalizers(RunContext& context, const ops::LossLayout& layout, const double* x, double* to) {
  parallel(context, layout.samples, grain_of(layout.classes), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t s = first; s < last; ++s) {
      const double* scores = x + layout.start(s);
      double largest = -HUGE_VAL;
      for (std::int64_t k = 0; k < layout.classes; ++k) largest = std::max(largest, scores[k * layout.inner]);
      double sum = 0;
      for (std::int64_t k = 0; k < layout.classes; ++k) sum += std::exp(scores[k * layout.inner] - largest);
      to[s] = largest + std::log(sum);
    }
  });
}

/// Output 0 from x at the labels, less the sample's normalizer where there are any.
template <typename T, typename I>
void lose(const Inputs& inputs, OutputSink& outputs, RunContext& context, const ops::LossLayout& layout,
          const T* normalizer) {
  const T* x = inputs[0].data<T>();
  const I* labels = inputs[1].data<I>();
  const T* weights = inputs.has(2) ? inputs[2].data<T>() : nullptr;
  const ops::LossReduction reduction = ops::loss_reduction(inputs.attributes());
  const bool every = reduction == ops::LossReduction::kNone;
  const bool ignores = inputs.attributes().has("ignore_index");
  const std::int64_t ignored = inputs.attributes().get_int("ignore_index", 0);
  T* out = outputs.allocate(0, inputs[0].type(), every ? inputs[1].dims() : Dims{}).template data<T>();
  double sum = 0;
  double total = 0;
  ops::for_each_element(layout.samples, context, [&](std::int64_t s) {
    const std::int64_t label = labels[s];
    T loss = 0;
    if (!ignores || label != ignored) {
      ORIEL_REQUIRE(label >= 0 && label < layout.classes, "label {} is outside [0, {})", label, layout.classes);
      const T score = x[layout.start(s) + label * layout.inner] - (normalizer == nullptr ? T(0) : normalizer[s]);
      const T weight = weights == nullptr ? T(1) : weights[label];
      loss = -weight * score;
      total += static_cast<double>(weight);
    }
    sum += static_cast<double>(loss);
    if (every) out[s] = loss;
  });
  if (reduction == ops::LossReduction::kSum) *out = static_cast<T>(sum);
  if (reduction == ops::LossReduction::kMean) *out = static_cast<T>(sum / total);
}

/// y = x - normalizer for the classes of every sample.
template <typename T>
void log_probabilities(RunContext& context, const ops::LossLayout& layout, const T* x, const T* normalizer, T* y) {
  const std::int64_t lines = layout.samples / layout.inner * layout.classes;
  parallel(context, lines, grain_of(layout.inner), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t l = first; l < last; ++l) {
      const T* own = normalizer + l / layout.classes * layout.inner;
      for (std::int64_t i = 0; i < layout.inner; ++i) y[l * layout.inner + i] = x[l * layout.inner + i] - own[i];
    }
  });
}

template <typename T>
void run(bool softmax, const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const ops::LossLayout layout = ops::LossLayout::read(inputs);
  const T* x = inputs[0].data<T>();
  T* normalizer = nullptr;
  if (softmax) {
    normalizer = static_cast<T*>(context.scratch(static_cast<std::size_t>(layout.samples) * sizeof(T)));
    if (layout.samples > 0) normalizers(context, layout, x, normalizer);
  }
  with_index(inputs[1], [&]<typename I>() { lose<T, I>(inputs, outputs, context, layout, normalizer); });
  if (!softmax || outputs.size() < 2 || !outputs.wanted(1)) return;
  T* y = outputs.allocate(1, inputs[0].type(), inputs[0].dims()).template data<T>();
  if (inputs[0].size() > 0) log_probabilities(context, layout, x, normalizer, y);
}

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool softmax = node.op().name == "SoftmaxCrossEntropyLoss";
  const ElementType type = node.input(0)->element();
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(node.output(0))};
  if (node.num_outputs() > 1)
    spec.outputs.push_back(output_wanted(lowering, node, 1) ? lowering.plain_output(node.output(1)) : -1);
  spec.kernel = "loss_" + std::string(element_name(type));
  spec.algorithm = softmax ? "softmax" : "plain";
  spec.run = [softmax, type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    if (type == ElementType::kF32) {
      run<float>(softmax, inputs, outputs, context);
    } else {
      run<double>(softmax, inputs, outputs, context);
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> loss_rules() {
  return {{"NegativeLogLikelihoodLoss", decline, lower}, {"SoftmaxCrossEntropyLoss", decline, lower}};
}

}  // namespace oriel::cpu
