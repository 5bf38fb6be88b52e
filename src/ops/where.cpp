// Where: x where the condition holds, else y; all three broadcast together. Any element type.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kBool});
  require_same_element(c, 1, 2);
  c.set(0, c.element(1), broadcast(broadcast(c.shape(1), c.shape(2)), c.shape(0)));
  std::vector<std::int64_t> condition;
  const std::vector<Dim>* x = c.content(1);
  const std::vector<Dim>* y = c.content(2);
  if (x == nullptr || y == nullptr || !c.shape(0).is_ranked() || c.shape(0).rank() > 1 ||
      !c.known_content(0, condition)) {
    return;
  }
  std::size_t n = 1;
  for (const std::size_t size : {condition.size(), x->size(), y->size()}) n = size == 1 ? n : size;
  for (const std::size_t size : {condition.size(), x->size(), y->size()}) {
    if (size != 1 && size != n) return;
  }
  std::vector<Dim> out;
  for (std::size_t i = 0; i < n; ++i) {
    const std::vector<Dim>& from = condition[condition.size() == 1 ? 0 : i] != 0 ? *x : *y;
    out.push_back(from[from.size() == 1 ? 0 : i]);
  }
  c.set_content(0, std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& condition = inputs[0];
  const Tensor& x = inputs[1];
  const Tensor& y = inputs[2];
  ORIEL_REQUIRE(x.type() == y.type(), "values of types {} and {}, expected the same", element_name(x.type()),
                element_name(y.type()));
  const Dims dims = broadcast(broadcast(x.dims(), y.dims()), condition.dims());
  Tensor& out = outputs.allocate(0, x.type(), dims);
  const auto take = [&](const Tensor& from, bool wanted) {
    BroadcastWalker at(from.dims(), dims);
    BroadcastWalker decision(condition.dims(), dims);
    const bool* holds = condition.data<bool>();
    copy_elements(out, from, context, [&](std::int64_t) {
      const std::int64_t source = at.next();
      return holds[decision.next()] == wanted ? source : -1;
    });
  };
  take(x, true);
  take(y, false);
}

}  // namespace

OpDef op_where() { return {.name = "Where", .min_inputs = 3, .max_inputs = 3, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
