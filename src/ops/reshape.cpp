// Reshape: the same elements under the shape of input 1; 0 copies a dimension (unless allowzero), one -1 is inferred.
// Importers removed: the shape attribute of version 1.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  const std::vector<Dim>* target = c.content(1);
  if (target == nullptr) {
    const Shape& s = c.shape(1);
    c.set(0, element,
          s.is_ranked() && s.rank() == 1 && s[0].is_known() ? Shape::of_rank(static_cast<std::size_t>(s[0].value()))
                                                            : Shape::unranked());
    return;
  }
  const bool allow_zero = c.attributes().get_bool("allowzero");
  std::vector<Dim> dims;
  int inferred = -1;
  Dim known(1);
  Dim input = in.elements();
  // A copied dimension leaves both products, which keeps the quotient exact.
  for (std::size_t i = 0; i < target->size(); ++i) {
    const Dim& d = (*target)[i];
    if (d.is_known() && d.value() == -1) {
      if (inferred >= 0) fail(ErrorCode::kInvalidGraph, "shape has more than one -1");
      inferred = static_cast<int>(i);
      dims.emplace_back(1);
      continue;
    }
    if (d.is_known() && d.value() < -1) fail(ErrorCode::kInvalidGraph, "shape has the dimension {}", d.value());
    if (d.is_known() && d.value() == 0 && !allow_zero) {
      if (in.is_ranked() && i >= in.rank()) {
        fail(ErrorCode::kInvalidGraph, "shape copies dimension {} of an input of rank {}", i, in.rank());
      }
      dims.push_back(in.is_ranked() ? in[i] : Dim::unknown());
    } else if (!d.is_known() && d.min() < 0) {
      dims.push_back(Dim::unknown());
    } else {
      dims.push_back(d);
    }
  }
  if (inferred >= 0) {
    std::vector<Dim> have = in.is_ranked() ? in.dims() : std::vector<Dim>{Dim::unknown()};
    std::vector<Dim> rest;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (static_cast<int>(i) == inferred) continue;
      const auto same =
          std::find_if(have.begin(), have.end(), [&](const Dim& h) { return !h.is_known() && h.same(dims[i]); });
      if (same != have.end()) {
        have.erase(same);
      } else {
        rest.push_back(dims[i]);
      }
    }
    input = Shape(have).elements();
    known = Shape(rest).elements();
    if (input.is_known() && known.is_known() && known.value() > 0 && input.value() % known.value() != 0) {
      fail(ErrorCode::kInvalidGraph, "input of shape {} cannot take the shape {}", in.to_string(),
           Shape(*target).to_string());
    }
    dims[static_cast<std::size_t>(inferred)] =
        known.is_known() && known.value() == 0 ? Dim(0) : floor_div(input, known);
  }
  Shape out(std::move(dims));
  const Dim before = in.elements();
  const Dim after = out.elements();
  if (before.is_known() && after.is_known() && before.value() != after.value()) {
    fail(ErrorCode::kInvalidGraph, "input of shape {} cannot take the shape {}", in.to_string(),
         Shape(*target).to_string());
  }
  c.set(0, element, std::move(out));
  if (const std::vector<Dim>* content = c.content(0); content != nullptr && target->size() <= 1)
    c.set_content(0, *content);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  const Tensor& x = inputs[0];
  const std::vector<std::int64_t> target = inputs[1].to_i64();
  const bool allow_zero = inputs.attributes().get_bool("allowzero");
  Dims dims;
  int inferred = -1;
  std::int64_t known = 1;
  for (std::size_t i = 0; i < target.size(); ++i) {
    std::int64_t d = target[i];
    if (d == -1) {
      ORIEL_REQUIRE(inferred < 0, "shape has more than one -1");
      inferred = static_cast<int>(i);
      d = 1;
    } else if (d == 0 && !allow_zero) {
      ORIEL_REQUIRE(i < x.rank(), "shape copies dimension {} of an input of rank {}", i, x.rank());
      d = x.dim(i);
    }
    ORIEL_REQUIRE(d >= 0, "shape has the dimension {}", d);
    dims.push_back(d);
    known *= d;
  }
  if (inferred >= 0) {
    ORIEL_REQUIRE(known == 0 ? x.size() == 0 : x.size() % known == 0, "input of shape {} cannot take the shape {}",
                  to_string(x.dims()), to_string(Dims(target)));
    dims[static_cast<std::size_t>(inferred)] = known == 0 ? 0 : x.size() / known;
  }
  outputs.set(0, x.reshaped(std::move(dims)));
}

}  // namespace

OpDef op_reshape() {
  return {.name = "Reshape",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"allowzero", std::int64_t{0}}},
          .traits = {.view = true, .shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
