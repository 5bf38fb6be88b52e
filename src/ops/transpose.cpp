// Transpose: the axes in the order of `perm`: out.dim(i) = in.dim(perm[i]); without perm the order is reversed.
#include <numeric>

#include "ops/movement.h"

namespace oriel::ops {
namespace {

std::vector<std::size_t> permutation(const Attributes& attributes, std::size_t rank) {
  if (!attributes.has("perm")) {
    std::vector<std::size_t> reversed(rank);
    std::iota(reversed.rbegin(), reversed.rend(), std::size_t{0});
    return reversed;
  }
  const std::vector<std::int64_t>& perm = attributes.get_ints("perm");
  ORIEL_REQUIRE(perm.size() == rank, "perm has {} entries for rank {}", perm.size(), rank);
  return resolve_axes(perm, rank);
}

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    const Attributes& a = c.attributes();
    c.set(0, c.element(0), a.has("perm") ? Shape::of_rank(a.get_ints("perm").size()) : Shape::unranked());
    return;
  }
  std::vector<Dim> dims;
  for (const std::size_t axis : permutation(c.attributes(), in.rank())) dims.push_back(in[axis]);
  c.set(0, c.element(0), Shape(std::move(dims)));
  if (const std::vector<Dim>* content = c.content(0)) c.set_content(0, *content);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Dims own = row_major_strides(x.dims());
  Dims dims;
  Dims strides;
  for (const std::size_t axis : permutation(inputs.attributes(), x.rank())) {
    dims.push_back(x.dim(axis));
    strides.push_back(own[axis]);
  }
  copy_strided(outputs.allocate(0, x.type(), dims), x, strides, 0, context);
}

}  // namespace

OpDef op_transpose() {
  return {.name = "Transpose",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"perm", std::vector<std::int64_t>(), AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
