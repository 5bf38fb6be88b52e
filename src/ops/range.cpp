// Range: start, start + delta, ... before limit: max(ceil((limit - start) / delta), 0) elements. Narrow floats are
// computed in a wider type and rounded at the end, which is what every stash_type asks for at least.
#include "ops/range.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  require_same_element(c, 0, 1);
  require_same_element(c, 0, 2);
  Dim count = Dim::unknown();
  if (is_integer(element)) {
    const std::vector<Dim>* start = c.content(0);
    const std::vector<Dim>* limit = c.content(1);
    const std::vector<Dim>* delta = c.content(2);
    if (start != nullptr && limit != nullptr && delta != nullptr && start->size() == 1 && limit->size() == 1 &&
        delta->size() == 1) {
      const Dim& from = (*start)[0];
      const Dim& to = (*limit)[0];
      const Dim& step = (*delta)[0];
      if (from.is_known() && to.is_known() && step.is_known()) {
        count = Dim(range_count(from.value(), to.value(), step.value()));
      } else if (step.is_known() && step.value() != 0) {
        count = step.value() > 0 ? max(ceil_div(to - from, step), 0) : max(ceil_div(from - to, Dim(0) - step), 0);
      }
      if (count.is_known() && count.value() <= 64) {
        std::vector<Dim> elements;
        for (std::int64_t i = 0; i < count.value(); ++i) elements.push_back(from + step * Dim(i));
        c.set_content(0, std::move(elements));
      }
    }
  } else if (c.constant(0) != nullptr && c.constant(1) != nullptr && c.constant(2) != nullptr) {
    for (std::size_t i = 0; i < 3; ++i) {
      if (c.constant(i)->size() != 1)
        fail(ErrorCode::kInvalidGraph, "input {} is {}, expected a scalar", i, c.constant(i)->description());
    }
    count = Dim(range_count(element_as_f64(*c.constant(0), 0), element_as_f64(*c.constant(1), 0),
                            element_as_f64(*c.constant(2), 0)));
  }
  c.set(0, element, Shape{count});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  for (std::size_t i = 0; i < 3; ++i) {
    ORIEL_REQUIRE(inputs[i].size() == 1, "input {} is {}, expected a scalar", i, inputs[i].description());
  }
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    const auto start = widen(*inputs[0].data<T>());
    const auto delta = widen(*inputs[2].data<T>());
    const std::int64_t count = range_count(start, widen(*inputs[1].data<T>()), delta);
    T* out = outputs.allocate(0, inputs[0].type(), {count}).template data<T>();
    for_each_element(count, context, [&](std::int64_t i) {
      if constexpr (std::is_integral_v<T>) {
        out[i] = static_cast<T>(static_cast<__int128>(start) + static_cast<__int128>(delta) * i);
      } else {
        out[i] = narrow<T>(start + delta * static_cast<double>(i));
      }
    });
  });
}

}  // namespace

OpDef op_range() {
  return {.name = "Range",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"stash_type", ElementType::kF32}},
          .traits = {.shape_operands = 0b111},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
