// RotaryEmbedding: rotates pairs (a, b) of each head's leading elements by the angle of their position: (a cos - b sin,
// a sin + b cos). Pairs are the two halves or, where interleaved, neighbours.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.is_ranked() && x.rank() != 3 && x.rank() != 4) {
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected a rank of 3 or 4", x.to_string());
  }
  if (x.is_ranked() && x.rank() == 3 && c.attributes().get_int("num_heads", 0) < 1) {
    fail(ErrorCode::kInvalidGraph, "attribute num_heads is {} for an input of rank 3",
         c.attributes().get_int("num_heads", 0));
  }
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Attributes& attributes = inputs.attributes();
  const bool packed = x.rank() == 3;
  ORIEL_REQUIRE(packed || x.rank() == 4, "input of shape {}, expected a rank of 3 or 4", to_string(x.dims()));
  const std::int64_t batch = x.dim(0);
  const std::int64_t heads = packed ? attributes.get_int("num_heads", 0) : x.dim(1);
  ORIEL_REQUIRE(!packed || (heads > 0 && heads <= x.dim(2) && x.dim(2) % heads == 0), "{} heads in {} elements", heads,
                x.dim(2));
  const std::int64_t steps = packed ? x.dim(1) : x.dim(2);
  const std::int64_t head = packed ? x.dim(2) / heads : x.dim(3);
  const std::int64_t given = attributes.get_int("rotary_embedding_dim");
  const std::int64_t rotated = given == 0 ? head : given;
  ORIEL_REQUIRE(rotated >= 0 && rotated <= head && rotated % 2 == 0, "{} of {} elements are rotated", rotated, head);
  const std::int64_t half = rotated / 2;
  const bool interleaved = attributes.get_int("interleaved") != 0;
  const bool by_id = inputs.has(3);
  const std::int64_t* ids = by_id ? inputs[3].data<std::int64_t>() : nullptr;
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    const Dims& dims = inputs[i].dims();
    const bool fits =
        by_id ? dims.size() == 2 && dims[1] == half && dims == inputs[1].dims() : dims == Dims{batch, steps, half};
    ORIEL_REQUIRE(fits, "input {} of shape {} for {} images of {} positions with {} angles", i, to_string(dims), batch,
                  steps, half);
  }
  ORIEL_REQUIRE(!by_id || inputs[3].dims() == Dims({batch, steps}), "position_ids of shape {}, expected [{}, {}]",
                to_string(inputs[3].dims()), batch, steps);
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  dispatch_float(x.type(), [&]<typename T>() {
    const T* cosines = inputs[1].data<T>();
    const T* sines = inputs[2].data<T>();
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t s = 0; s < steps; ++s) {
        context.check();
        std::int64_t row = b * steps + s;
        if (by_id) {
          row = ids[row];
          ORIEL_REQUIRE(row >= 0 && row < inputs[1].dim(0), "position {} outside {}", row, inputs[1].dim(0));
        }
        for (std::int64_t h = 0; h < heads; ++h) {
          const std::int64_t at = (packed ? (b * steps + s) * heads + h : (b * heads + h) * steps + s) * head;
          const T* in = x.data<T>() + at;
          T* y = out.data<T>() + at;
          for (std::int64_t i = 0; i < half; ++i) {
            const std::int64_t first = interleaved ? 2 * i : i;
            const std::int64_t second = interleaved ? 2 * i + 1 : half + i;
            const double cosine = widen(cosines[row * half + i]);
            const double sine = widen(sines[row * half + i]);
            y[first] = narrow<T>(cosine * widen(in[first]) - sine * widen(in[second]));
            y[second] = narrow<T>(sine * widen(in[first]) + cosine * widen(in[second]));
          }
          for (std::int64_t i = rotated; i < head; ++i) y[i] = in[i];
        }
      }
    }
  });
}

}  // namespace

OpDef op_rotary_embedding() {
  return {.name = "RotaryEmbedding",
          .min_inputs = 3,
          .max_inputs = 4,
          .attributes = {{"interleaved", std::int64_t{0}},
                         {"num_heads", std::int64_t{0}, AttributeDef::Need::kOptional},
                         {"rotary_embedding_dim", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
