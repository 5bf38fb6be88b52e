// Reshape: the same elements under the shape of input 1; 0 copies a dimension (unless allowzero), one -1 is inferred.
// Importers removed: the shape attribute of version 1.
#include "ops/reshape.h"

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
  // What a -1 stands for is the quotient of the input's dimensions and the other ones. Those that stand in both are
  // left out of it, copied ones first, which keeps it exact.
  std::vector<Dim> have = in.is_ranked() ? in.dims() : std::vector<Dim>{Dim::unknown()};
  std::vector<Dim> others;
  for (std::size_t i = 0; i < target->size(); ++i) {
    const Dim& d = (*target)[i];
    if (d.is_known() && d.value() == -1) {
      if (inferred >= 0) fail(ErrorCode::kInvalidGraph, "shape has more than one -1");
      inferred = static_cast<int>(i);
      dims.emplace_back(1);
      continue;
    }
    if (d.is_known() && d.value() < -1) fail(ErrorCode::kInvalidGraph, "shape has the dimension {}", d.value());
    if (d.is_known() && d.value() == 0 && !allow_zero && in.is_ranked()) {
      if (i >= in.rank()) {
        fail(ErrorCode::kInvalidGraph, "shape copies dimension {} of an input of rank {}", i, in.rank());
      }
      dims.push_back(in[i]);
      have[i] = Dim(1);
      continue;
    }
    const bool open = d.is_known() ? d.value() == 0 && !allow_zero : d.min() < 0;
    dims.push_back(open ? Dim::unknown() : d);
    others.push_back(dims.back());
  }
  if (inferred >= 0) {
    std::vector<Dim> rest;
    for (const Dim& d : others) {
      const auto same =
          std::find_if(have.begin(), have.end(), [&](const Dim& h) { return !h.is_known() && h.same(d); });
      if (same != have.end()) {
        have.erase(same);
      } else {
        rest.push_back(d);
      }
    }
    const Dim input = Shape(have).elements();
    const Dim known = Shape(rest).elements();
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
  const bool allow_zero = inputs.attributes().get_bool("allowzero");
  outputs.set(0, inputs[0].reshaped(reshape_dims(inputs[0].dims(), Dims(inputs[1].to_i64()), allow_zero)));
}

}  // namespace

Dims reshape_dims(const Dims& in, const Dims& target, bool allow_zero) {
  Dims dims;
  int inferred = -1;
  Dims have = in;
  std::int64_t known = 1;
  for (std::size_t i = 0; i < target.size(); ++i) {
    std::int64_t d = target[i];
    if (d == -1) {
      ORIEL_REQUIRE(inferred < 0, "shape has more than one -1");
      inferred = static_cast<int>(i);
    } else if (d == 0 && !allow_zero) {
      ORIEL_REQUIRE(i < in.size(), "shape copies dimension {} of an input of rank {}", i, in.size());
      d = in[i];
      have[i] = 1;
    } else {
      ORIEL_REQUIRE(d >= 0 && !__builtin_mul_overflow(known, d, &known), "shape has the dimension {}", d);
    }
    dims.push_back(d);
  }
  if (inferred >= 0) {
    const std::int64_t elements = count_elements(have);
    ORIEL_REQUIRE(known == 0 ? elements == 0 : elements % known == 0, "input of shape {} cannot take the shape {}",
                  to_string(in), to_string(target));
    dims[static_cast<std::size_t>(inferred)] = known == 0 ? 0 : elements / known;
  }
  return dims;
}

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
