// ReverseSequence: the first sequence_lens[b] elements along time_axis of every batch entry in reverse, the rest as
// they are.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void check_axes(std::int64_t batch, std::int64_t time) {
  ORIEL_REQUIRE((batch == 0 || batch == 1) && (time == 0 || time == 1) && batch != time,
                "batch_axis is {} and time_axis {}", batch, time);
}

void infer(InferContext& c) {
  check_axes(c.attributes().get_int("batch_axis"), c.attributes().get_int("time_axis"));
  if (c.shape(0).is_ranked() && c.shape(0).rank() < 2)
    fail(ErrorCode::kInvalidGraph, "input has the shape {}", c.shape(0).to_string());
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const auto batch = static_cast<std::size_t>(inputs.attributes().get_int("batch_axis"));
  const auto time = static_cast<std::size_t>(inputs.attributes().get_int("time_axis"));
  ORIEL_REQUIRE(x.rank() >= 2 && inputs[1].size() == x.dim(batch), "input {} and {} lengths", x.description(),
                inputs[1].size());
  const std::vector<std::int64_t> lengths = inputs[1].to_i64();
  for (const std::int64_t n : lengths)
    ORIEL_REQUIRE(n >= 0 && n <= x.dim(time), "a length of {} for an extent of {}", n, x.dim(time));
  const AxisSplit split = split_at(x.dims(), 1);
  copy_elements(outputs.allocate(0, x.type(), x.dims()), x, context, [&](std::int64_t o) {
    std::int64_t at[2] = {o / (split.inner * split.extent), o / split.inner % split.extent};
    const std::int64_t length = lengths[static_cast<std::size_t>(at[batch])];
    if (at[time] < length) at[time] = length - 1 - at[time];
    return (at[0] * split.extent + at[1]) * split.inner + o % split.inner;
  });
}

}  // namespace

OpDef op_reverse_sequence() {
  return {.name = "ReverseSequence",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"batch_axis", std::int64_t{1}}, {"time_axis", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
