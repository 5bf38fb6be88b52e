// Slice: along each axis of `axes` the elements start, start + step, ... before end. Negative starts and ends count
// from the end; both are clamped to the extent (to [0, d-1] and [-1, d-1] where the step is negative). Importers
// removed: the starts, ends and axes attributes of version 1.
#include "ops/slice.h"

#include "ops/movement.h"

namespace oriel::ops {

Span span_of(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t extent) {
  ORIEL_REQUIRE(step != 0, "a step is 0");
  if (extent == 0) return {0, 0};
  if (start < 0) start += extent;
  if (end < 0) end += extent;
  if (step > 0) {
    start = std::clamp<std::int64_t>(start, 0, extent);
    end = std::clamp<std::int64_t>(end, 0, extent);
    return {start, start < end ? (end - start - 1) / step + 1 : 0};
  }
  start = std::clamp<std::int64_t>(start, 0, extent - 1);
  end = std::clamp<std::int64_t>(end, -1, extent - 1);
  // The magnitude of the lowest integer has no signed form; one step of extent and more is as good.
  const std::int64_t back = step < -extent ? extent : -step;
  return {start, start > end ? (start - end - 1) / back + 1 : 0};
}

namespace {

// The extent of a slice with a positive step over symbols. A start past the end and an end before the front give
// negative lengths, so that neither needs a clamp of its own.
Dim forward_extent(const Dim& start, const Dim& end, const Dim& extent, const Dim& step) {
  const Dim any = Dim::unknown(0, extent.max());
  if ((start.min() < 0 && start.max() >= 0) || (end.min() < 0 && end.max() >= 0)) return any;
  const Dim to = end.min() >= 0 ? min(end, extent) : end.min() < -kUnboundedDim / 2 ? Dim(0) : extent + end;
  Dim length;
  if (start.min() >= 0) {
    length = to - start;
  } else if (start.min() < -kUnboundedDim / 2) {
    length = to;
  } else {
    length = to.same(extent) ? min(Dim(0) - start, extent) : to - max(extent + start, 0);
  }
  return max(ceil_div(length, step), 0).bounded(0, extent.max());
}

Dim extent_of(const Dim& start, const Dim& end, const Dim& step, const Dim& extent) {
  const Dim any = Dim::unknown(0, extent.max());
  if (!step.is_known()) return any;
  if (step.value() == 0) fail(ErrorCode::kInvalidGraph, "a step is 0");
  if (start.is_known() && end.is_known() && extent.is_known()) {
    return Dim(span_of(start.value(), end.value(), step.value(), extent.value()).count);
  }
  if (step.value() > 0) return forward_extent(start, end, extent, step);
  // A reversal of everything is what models do; other negative steps over unknown extents stay unknown.
  const bool from_end =
      start.is_known() && (start.value() == -1 || (start.value() >= 0 && start.value() >= extent.max() - 1));
  const bool to_front = end.is_known() && end.value() < 0 && end.value() < -extent.max();
  if (from_end && (to_front || (end.is_known() && end.value() < -kUnboundedDim / 2)) &&
      step.value() > -kUnboundedDim / 2) {
    return ceil_div(extent, Dim(-step.value()));
  }
  return any;
}

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    c.set(0, element, Shape::unranked());
    return;
  }
  std::vector<std::int64_t> axes;
  bool axes_known = true;
  if (c.has_input(3)) {
    axes_known = c.known_content(3, axes);
  } else {
    const std::int64_t count = vector_length(c, 1);
    axes_known = count >= 0;
    for (std::int64_t i = 0; i < count; ++i) axes.push_back(i);
  }
  Shape out = in;
  if (!axes_known) {
    for (Dim& d : out.dims()) d = Dim::unknown(0, d.max());
    c.set(0, element, std::move(out));
    return;
  }
  const std::vector<std::size_t> resolved = resolve_axes(axes, in.rank());
  const std::vector<Dim>* starts = c.content(1);
  const std::vector<Dim>* ends = c.content(2);
  const std::vector<Dim>* steps = c.content(4);
  for (const std::vector<Dim>* list : {starts, ends, steps}) {
    if (list != nullptr && list->size() != axes.size()) {
      fail(ErrorCode::kInvalidGraph, "{} numbers for {} axes", list->size(), axes.size());
    }
  }
  const bool known = starts != nullptr && ends != nullptr && (!c.has_input(4) || steps != nullptr);
  for (std::size_t i = 0; i < resolved.size(); ++i) {
    Dim& d = out[resolved[i]];
    d = known ? extent_of((*starts)[i], (*ends)[i], steps == nullptr ? Dim(1) : (*steps)[i], d)
              : Dim::unknown(0, d.max());
  }
  c.set(0, element, std::move(out));
  const std::vector<Dim>* content = c.content(0);
  if (content == nullptr || !known || axes.size() != 1 || in.rank() != 1) return;
  const Dim& start = (*starts)[0];
  const Dim& end = (*ends)[0];
  const Dim step = steps == nullptr ? Dim(1) : (*steps)[0];
  if (!start.is_known() || !end.is_known() || !step.is_known()) return;
  const Span span = span_of(start.value(), end.value(), step.value(), static_cast<std::int64_t>(content->size()));
  std::vector<Dim> elements;
  for (std::int64_t i = 0; i < span.count; ++i)
    elements.push_back((*content)[static_cast<std::size_t>(span.start + i * step.value())]);
  c.set_content(0, std::move(elements));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::vector<std::int64_t> starts = inputs[1].to_i64();
  const std::vector<std::int64_t> ends = inputs[2].to_i64();
  std::vector<std::int64_t> axes(starts.size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  if (inputs.has(3)) axes = inputs[3].to_i64();
  const std::vector<std::int64_t> steps =
      inputs.has(4) ? inputs[4].to_i64() : std::vector<std::int64_t>(starts.size(), 1);
  ORIEL_REQUIRE(starts.size() == axes.size() && ends.size() == axes.size() && steps.size() == axes.size(),
                "{} starts, {} ends, {} axes and {} steps", starts.size(), ends.size(), axes.size(), steps.size());
  const std::vector<std::size_t> resolved = resolve_axes(axes, x.rank());
  Dims dims = x.dims();
  Dims strides = row_major_strides(dims);
  std::int64_t base = 0;
  for (std::size_t i = 0; i < resolved.size(); ++i) {
    const std::size_t axis = resolved[i];
    const Span span = span_of(starts[i], ends[i], steps[i], x.dim(axis));
    base += span.start * strides[axis];
    dims[axis] = span.count;
    strides[axis] = span.count > 1 ? strides[axis] * steps[i] : 0;
  }
  copy_strided(outputs.allocate(0, x.type(), dims), x, strides, base, context);
}

}  // namespace

OpDef op_slice() {
  return {.name = "Slice",
          .min_inputs = 3,
          .max_inputs = 5,
          .traits = {.shape_operands = 0b11110},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
