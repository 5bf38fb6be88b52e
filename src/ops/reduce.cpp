// Axes and inference of the Reduce operators.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

// Which axes are reduced. Throws for axes out of range or given twice.
std::vector<bool> reduced_axes(const std::vector<std::int64_t>& axes, std::size_t rank, bool noop) {
  std::vector<bool> reduced(rank, axes.empty() && !noop);
  for (const std::int64_t axis : axes) {
    const auto at = static_cast<std::size_t>(normalize_axis(axis, rank));
    ORIEL_REQUIRE(!reduced[at], "axis {} is given twice", axis);
    reduced[at] = true;
  }
  return reduced;
}

}  // namespace

void infer_reduce(InferContext& c) {
  const Shape& x = c.shape(0);
  const bool keep = c.attributes().get_bool("keepdims");
  const bool noop = c.attributes().get_bool("noop_with_empty_axes");
  std::vector<std::int64_t> axes;
  if (c.has_input(1)) require_element(c, 1, {ElementType::kI64, ElementType::kI32});
  const bool known = !c.has_input(1) || c.known_content(1, axes);
  if (!x.is_ranked()) {
    c.set(0, c.element(0), known && axes.empty() && !noop && !keep ? Shape() : Shape::unranked());
    return;
  }
  if (known) {
    const std::vector<bool> reduced = reduced_axes(axes, x.rank(), noop);
    std::vector<Dim> dims;
    for (std::size_t i = 0; i < x.rank(); ++i) {
      if (!reduced[i]) {
        dims.push_back(x[i]);
      } else if (keep) {
        dims.emplace_back(1);
      }
    }
    c.set(0, c.element(0), Shape(std::move(dims)));
    return;
  }
  if (keep) {
    std::vector<Dim> dims;
    for (const Dim& d : x.dims()) {
      dims.push_back(d.same(1) ? d
                               : Dim::unknown(std::min<std::int64_t>(d.min(), 1), std::max<std::int64_t>(d.max(), 1)));
    }
    c.set(0, c.element(0), Shape(std::move(dims)));
    return;
  }
  const Shape& a = c.shape(1);
  const Dim count = a.is_ranked() ? a.elements() : Dim::unknown();
  if (count.is_known() && count.value() > 0 && count.value() <= static_cast<std::int64_t>(x.rank())) {
    c.set(0, c.element(0), Shape::of_rank(x.rank() - static_cast<std::size_t>(count.value())));
  } else {
    c.set(0, c.element(0), Shape::unranked());
  }
}

void infer_reduce_content(InferContext& c, Dim (*f)(const Dim&, const Dim&)) {
  const std::vector<Dim>* x = c.content(0);
  std::vector<std::int64_t> axes;
  if (x == nullptr || x->empty() || !c.shape(0).is_ranked()) return;
  if (c.has_input(1) && !c.known_content(1, axes)) return;
  if (axes.empty() && c.attributes().get_bool("noop_with_empty_axes")) return;
  Dim folded = x->front();
  for (std::size_t i = 1; i < x->size(); ++i) folded = f(folded, (*x)[i]);
  c.set_content(0, {folded});
}

Reduction Reduction::read(const Inputs& inputs) {
  const Dims& dims = inputs[0].dims();
  const bool keep = inputs.attributes().get_bool("keepdims");
  const std::vector<std::int64_t> axes = inputs.has(1) ? inputs[1].to_i64() : std::vector<std::int64_t>{};
  const std::vector<bool> reduced =
      reduced_axes(axes, dims.size(), inputs.attributes().get_bool("noop_with_empty_axes"));
  const Dims strides = row_major_strides(dims);
  Reduction r;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    (reduced[i] ? r.inner_dims : r.outer_dims).push_back(dims[i]);
    (reduced[i] ? r.inner_strides : r.outer_strides).push_back(strides[i]);
    if (!reduced[i]) {
      r.output.push_back(dims[i]);
    } else if (keep) {
      r.output.push_back(1);
    }
  }
  r.groups = count_elements(r.outer_dims);
  r.members = count_elements(r.inner_dims);
  return r;
}

void reference_reduce_f64(const Inputs& inputs, OutputSink& outputs, RunContext& context,
                          const std::function<double(double, double)>& step,
                          const std::function<double(double)>& finish) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_reduce<T>(
        inputs, outputs, context, 0.0, [&](double a, Wide<T> x) { return step(a, static_cast<double>(x)); },
        [&](double a, std::int64_t) { return narrow_f64<T>(finish(a)); });
  });
}

OpDef reduce_definition(const char* name, void (*infer)(InferContext&), OpFunction reference) {
  return {.name = name,
          .min_inputs = 1,
          .max_inputs = 2,
          .attributes = {{"keepdims", std::int64_t{1}}, {"noop_with_empty_axes", std::int64_t{0}}},
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
