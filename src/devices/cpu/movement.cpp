// Control operands, regions and parallel copies of the steps that move elements.
#include "devices/cpu/movement.h"

#include <cstring>

namespace oriel::cpu {

int fixed_bytes(ElementType type) {
  if (type == ElementType::kString || type == ElementType::kUndefined) return 0;
  const int bits = element_bits(type);
  return bits % 8 == 0 ? bits / 8 : 0;
}

std::string decline_moved(const Node& node, std::size_t max_rank) {
  const Value* x = node.input(0);
  if (!x->type().is_tensor()) return "the operand is no tensor";
  if (fixed_bytes(x->element()) == 0) return formatted("no kernel for {}", element_name(x->element()));
  for (const Value* v : node.inputs()) {
    if (v != nullptr && v->shape().is_ranked() && v->shape().rank() > max_rank)
      return formatted("a rank above {}", max_rank);
  }
  for (const Value* v : node.outputs()) {
    if (v->shape().is_ranked() && v->shape().rank() > max_rank) return formatted("a rank above {}", max_rank);
  }
  return {};
}

bool output_wanted(const Lowering& lowering, const Node& node, std::size_t i) {
  return i < node.num_outputs() && (!node.output(i)->users().empty() || lowering.leaves(node.output(i)));
}

Dims read_integers(const Tensor& tensor) {
  Dims values;
  values.reserve(static_cast<std::size_t>(tensor.size()));
  if (tensor.type() == ElementType::kI64) {
    const auto* p = tensor.data<std::int64_t>();
    for (std::int64_t i = 0; i < tensor.size(); ++i) values.push_back(p[i]);
  } else if (tensor.type() == ElementType::kI32) {
    const auto* p = tensor.data<std::int32_t>();
    for (std::int64_t i = 0; i < tensor.size(); ++i) values.push_back(p[i]);
  } else {
    ORIEL_REQUIRE(is_integer(tensor.type()) || tensor.type() == ElementType::kBool, "{} where integers are expected",
                  tensor.description());
    for (std::int64_t i = 0; i < tensor.size(); ++i) values.push_back(element_as_i64(tensor, i));
  }
  return values;
}

std::int64_t read_integer(const Tensor& tensor) {
  ORIEL_REQUIRE(tensor.size() == 1, "{} where one number is expected", tensor.description());
  return read_integers(tensor)[0];
}

Dims read_axes(const Dims& axes, std::size_t rank) {
  Dims resolved;
  for (const std::int64_t axis : axes) {
    const std::int64_t a = normalize_axis(axis, rank);
    ORIEL_REQUIRE(std::find(resolved.begin(), resolved.end(), a) == resolved.end(), "axis {} is given twice", axis);
    resolved.push_back(a);
  }
  return resolved;
}

Placement placement_of(const Dims& dims, bool blocked) {
  Placement p;
  p.stride.resize(dims.size(), 1);
  std::int64_t step = blocked ? 16 : 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    if (blocked && i == 1) {
      p.stride[1] = 1;
      p.block = step;
      step *= (dims[1] + 15) / 16;
      continue;
    }
    p.stride[i] = step;
    step *= dims[i];
  }
  if (!blocked && dims.size() > 1) p.block = 16 * p.stride[1];
  return p;
}

void Region::add(std::int64_t extent, std::int64_t from, std::int64_t to) {
  elements_ *= extent;
  if (extent == 1) return;
  if (rank_ == kernels::kMaxCopyRank) fail(ErrorCode::kNotImplemented, "more than {} axes", kernels::kMaxCopyRank);
  extent_[rank_] = extent;
  from_[rank_] = from;
  to_[rank_] = to;
  ++rank_;
}

void Region::add(std::int64_t extent, const Placement& from, std::size_t a, const Placement& to, std::size_t b,
                 bool split) {
  if (!split) {
    add(extent, from.stride[a], to.stride[b]);
    return;
  }
  add((extent + 15) / 16, a == 1 ? from.block : 16 * from.stride[a], b == 1 ? to.block : 16 * to.stride[b]);
  add(16, from.stride[a], to.stride[b]);
}

void Region::copy(RunContext& context, int bytes, const void* x, void* y) const {
  if (elements_ == 0) return;
  const kernels::StridedCopy plan = kernels::plan_strided_copy(rank_, extent_, from_, to_, bytes);
  const std::int64_t grain = std::max<std::int64_t>(1, plan.units * kMoveGrain / elements_);
  parallel(context, plan.units, grain,
           [&](std::int64_t first, std::int64_t last, int) { kernels::strided_copy(plan, x, y, first, last); });
}

void copy_bytes(RunContext& context, const void* x, void* y, std::size_t bytes) {
  parallel(context, static_cast<std::int64_t>(bytes), 4 * kMoveGrain, [&](std::int64_t first, std::int64_t last, int) {
    std::memcpy(static_cast<char*>(y) + first, static_cast<const char*>(x) + first,
                static_cast<std::size_t>(last - first));
  });
}

void fill_elements(RunContext& context, void* y, std::int64_t count, int bytes, const void* value) {
  with_bytes(bytes, [&]<typename U>() {
    U one;
    std::memcpy(&one, value, sizeof(U));
    auto* to = static_cast<U*>(y);
    parallel(context, count, kMoveGrain,
             [&](std::int64_t first, std::int64_t last, int) { std::fill(to + first, to + last, one); });
  });
}

}  // namespace oriel::cpu
