// Operators on texts whose attributes are worth reading once: n-grams and regular expressions.
#include "devices/cpu/movement.h"
#include "devices/cpu/rule_groups.h"
#include "ops/regex.h"
#include "ops/tf_idf.h"

namespace oriel::cpu {
namespace {

constexpr std::int64_t kTexts = 256;  // of a chunk

std::string accept(const Node&, const CompileOptions&) { return {}; }

Lowering::StepSpec spec_of(Lowering& lowering, const Unit& unit, const char* kernel) {
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(unit.node->input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = kernel;
  return spec;
}

void lower_tf_idf(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = spec_of(lowering, unit, "n_grams");
  spec.algorithm = unit.node->attributes().get_string("mode");
  spec.run = [model = std::make_shared<ops::TfIdf>(unit.node->attributes())](const Inputs& inputs, OutputSink& outputs,
                                                                             RunContext& context) {
    const Tensor& x = inputs[0];
    model->check(x);
    const Dims dims = model->dims(x);
    float* out = outputs.allocate(0, ElementType::kF32, dims).data<float>();
    const std::int64_t items = x.dim(x.rank() - 1);
    parallel(context, dims.size() == 2 ? dims[0] : 1,
             std::max<std::int64_t>(1, kTexts / std::max<std::int64_t>(1, items)),
             [&](std::int64_t first, std::int64_t last, int) { model->rows(x, first, last, out); });
  };
  lowering.step(unit, std::move(spec));
}

void lower_regex(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = spec_of(lowering, unit, "regex");
  spec.run = [expression = ops::Regex(unit.node->attributes().get_string("pattern"))](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const auto* in = x.data<std::string>();
    bool* out = outputs.allocate(0, ElementType::kBool, x.dims()).data<bool>();
    parallel(context, x.size(), kTexts, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) out[i] = expression.full_match(in[i]);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> text_rules() {
  return {{"RegexFullMatch", accept, lower_regex}, {"TfIdfVectorizer", accept, lower_tf_idf}};
}

}  // namespace oriel::cpu
