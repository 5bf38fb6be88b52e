// Unique: the distinct elements, or slices along `axis`, sorted or in order of appearance; the index of each one's
// first appearance, for every element the index of its equal in the output, and how often each appears.
#include <numeric>

#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  const Attributes& a = c.attributes();
  Dim all = in.elements();
  Shape out = Shape::of_rank(1);
  std::size_t axis = 0;
  if (a.has("axis")) {
    out = in;
    if (in.is_ranked()) {
      axis = static_cast<std::size_t>(normalize_axis(a.get_int("axis"), in.rank()));
      all = in[axis];
    }
  }
  const Dim count = Dim::unknown(all.min() > 0 ? 1 : 0, all.max());
  if (out.is_ranked()) out[axis] = count;
  c.set(0, c.element(0), std::move(out));
  c.set(1, ElementType::kI64, Shape{count});
  c.set(2, ElementType::kI64, Shape{all});
  c.set(3, ElementType::kI64, Shape{count});
}

// -1, 0 or 1; NaN equals NaN and stands behind every number.
template <typename T>
int compare(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half> ||
                std::is_same_v<T, BFloat16>) {
    const bool a_nan = std::isnan(static_cast<double>(a));
    const bool b_nan = std::isnan(static_cast<double>(b));
    if (a_nan || b_nan) return static_cast<int>(a_nan) - static_cast<int>(b_nan);
  }
  return a < b ? -1 : b < a ? 1 : 0;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Attributes& a = inputs.attributes();
  const bool along = a.has("axis");
  const auto axis = along ? static_cast<std::size_t>(normalize_axis(a.get_int("axis"), x.rank())) : 0;
  const AxisSplit split = along ? split_at(x.dims(), axis) : AxisSplit{1, x.size(), 1};
  std::vector<std::int64_t> order(static_cast<std::size_t>(split.extent));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::vector<std::int64_t> group(order.size(), 0);
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> counts;
  const auto find_groups = [&]<typename T>() {
    const T* in = x.data<T>();
    const auto slices = [&](std::int64_t p, std::int64_t q) {
      for (std::int64_t o = 0; o < split.outer; ++o) {
        for (std::int64_t i = 0; i < split.inner; ++i) {
          const std::int64_t base = o * split.extent * split.inner + i;
          const int order_of_two = compare<T>(in[base + p * split.inner], in[base + q * split.inner]);
          if (order_of_two != 0) return order_of_two;
        }
      }
      return 0;
    };
    context.check();
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t p, std::int64_t q) { return slices(p, q) < 0; });
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || slices(order[i - 1], order[i]) != 0) {
        first.push_back(order[i]);
        counts.push_back(0);
      }
      group[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(first.size()) - 1;
      ++counts.back();
    }
  };
  if (x.type() == ElementType::kString) {
    find_groups.template operator()<std::string>();
  } else {
    dispatch_numeric_or_bool(x.type(), find_groups);
  }
  if (!a.get_bool("sorted")) {
    std::vector<std::size_t> appearance(first.size());
    std::iota(appearance.begin(), appearance.end(), std::size_t{0});
    std::sort(appearance.begin(), appearance.end(), [&](std::size_t p, std::size_t q) { return first[p] < first[q]; });
    std::vector<std::int64_t> rank(first.size());
    std::vector<std::int64_t> sorted_first;
    std::vector<std::int64_t> sorted_counts;
    for (std::size_t i = 0; i < appearance.size(); ++i) {
      rank[appearance[i]] = static_cast<std::int64_t>(i);
      sorted_first.push_back(first[appearance[i]]);
      sorted_counts.push_back(counts[appearance[i]]);
    }
    first = std::move(sorted_first);
    counts = std::move(sorted_counts);
    for (std::int64_t& g : group) g = rank[static_cast<std::size_t>(g)];
  }
  const auto count = static_cast<std::int64_t>(first.size());
  Dims dims = {count};
  if (along) {
    dims = x.dims();
    dims[axis] = count;
  }
  copy_elements(outputs.allocate(0, x.type(), dims), x, context, [&](std::int64_t o) {
    const std::int64_t row = o / split.inner;
    return (row / count * split.extent + first[static_cast<std::size_t>(row % count)]) * split.inner + o % split.inner;
  });
  const std::vector<std::int64_t>* const lists[] = {&first, &group, &counts};
  for (std::size_t i = 0; i < 3; ++i) {
    if (i + 1 >= outputs.size() || !outputs.wanted(i + 1)) continue;
    Tensor& out = outputs.allocate(i + 1, ElementType::kI64, {static_cast<std::int64_t>(lists[i]->size())});
    std::copy(lists[i]->begin(), lists[i]->end(), out.data<std::int64_t>());
  }
}

}  // namespace

OpDef op_unique() {
  return {.name = "Unique",
          .min_inputs = 1,
          .max_inputs = 1,
          .min_outputs = 1,
          .max_outputs = 4,
          .attributes = {{"axis", std::int64_t{0}, AttributeDef::Need::kOptional}, {"sorted", std::int64_t{1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
