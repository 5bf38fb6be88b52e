// LinearAttention: at every step the state S of a head becomes exp(g) S + beta k (v - exp(g) S^T k)^T ("gated_delta";
// "linear" and "gated" have no correction and no beta, "linear" and "delta" no decay g), and the output is scale * S^T
// q. Heads are packed in the last axis.
#include "ops/common.h"

namespace oriel::ops {
namespace {

struct Rule {
  bool gated;
  bool delta;
  std::int64_t q_heads;
  std::int64_t kv_heads;

  static Rule read(const Attributes& attributes) {
    const std::string& name = attributes.get_string("update_rule");
    if (name != "linear" && name != "gated" && name != "delta" && name != "gated_delta") {
      fail(ErrorCode::kInvalidGraph, "attribute update_rule is \"{}\", expected linear, gated, delta or gated_delta",
           name);
    }
    Rule rule{name.starts_with("gated"), name.ends_with("delta"), attributes.get_int("q_num_heads"),
              attributes.get_int("kv_num_heads")};
    if (rule.q_heads < 1 || rule.kv_heads < 1 || rule.q_heads % rule.kv_heads != 0) {
      fail(ErrorCode::kInvalidGraph, "{} query heads for {} heads of keys and values", rule.q_heads, rule.kv_heads);
    }
    return rule;
  }
};

void infer(InferContext& c) {
  const Rule rule = Rule::read(c.attributes());
  if (rule.gated != c.has_input(4) || rule.delta != c.has_input(5)) {
    fail(ErrorCode::kInvalidGraph, "decay is {} and beta is {} for update_rule {}",
         c.has_input(4) ? "given" : "missing", c.has_input(5) ? "given" : "missing",
         c.attributes().get_string("update_rule"));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (c.shape(i).is_ranked() && c.shape(i).rank() != 3) {
      fail(ErrorCode::kInvalidGraph, "input {} is of shape {}, expected a rank of 3", i, c.shape(i).to_string());
    }
  }
  Shape out = Shape::of_rank(3);
  Shape state = Shape::of_rank(4);
  state[1] = rule.kv_heads;
  if (c.shape(0).is_ranked()) {
    out[0] = state[0] = c.shape(0)[0];
    out[1] = c.shape(0)[1];
    state[2] = floor_div(c.shape(0)[2], Dim(rule.q_heads));
  }
  if (c.shape(2).is_ranked()) {
    state[3] = floor_div(c.shape(2)[2], Dim(rule.kv_heads));
    out[2] = state[3] * Dim(rule.q_heads);
  }
  c.set(0, c.element(0), std::move(out));
  if (c.num_outputs() > 1) c.set(1, c.has_input(3) ? c.element(3) : c.element(0), std::move(state));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Rule rule = Rule::read(inputs.attributes());
  const Tensor& q = inputs[0];
  const Tensor& k = inputs[1];
  const Tensor& v = inputs[2];
  ORIEL_REQUIRE(q.rank() == 3 && k.rank() == 3 && v.rank() == 3 && rule.q_heads <= q.dim(2) &&
                    q.dim(2) % rule.q_heads == 0 && v.dim(2) % rule.kv_heads == 0,
                "query of shape {}, key {} and value {} with {} and {} heads", to_string(q.dims()), to_string(k.dims()),
                to_string(v.dims()), rule.q_heads, rule.kv_heads);
  const std::int64_t batch = q.dim(0);
  const std::int64_t steps = q.dim(1);
  const std::int64_t kd = q.dim(2) / rule.q_heads;
  const std::int64_t vd = v.dim(2) / rule.kv_heads;
  const auto require_dims = [&](std::size_t i, std::initializer_list<std::int64_t> last) {
    const Dims& d = inputs[i].dims();
    const bool fits =
        d.size() == 3 && d[0] == batch && d[1] == steps && std::find(last.begin(), last.end(), d[2]) != last.end();
    ORIEL_REQUIRE(fits, "input {} of shape {} for {} images of {} steps", i, to_string(d), batch, steps);
  };
  require_dims(1, {rule.kv_heads * kd});
  require_dims(2, {rule.kv_heads * vd});
  if (rule.gated) require_dims(4, {rule.kv_heads, rule.kv_heads * kd});
  if (rule.delta) require_dims(5, {rule.kv_heads, 1});
  const bool per_key = rule.gated && inputs[4].dim(2) != rule.kv_heads;
  const Dims state_dims{batch, rule.kv_heads, kd, vd};
  ORIEL_REQUIRE(!inputs.has(3) || inputs[3].dims() == state_dims, "past_state of shape {}, expected {}",
                to_string(inputs[3].dims()), to_string(state_dims));
  const double given = inputs.attributes().get_float("scale");
  const double scale = given != 0 ? given : 1.0 / std::sqrt(static_cast<double>(kd));
  Tensor& out = outputs.allocate(0, q.type(), {batch, steps, rule.q_heads * vd});
  Tensor* present = nullptr;
  if (outputs.size() > 1 && outputs.wanted(1)) {
    present = &outputs.allocate(1, inputs.has(3) ? inputs[3].type() : q.type(), state_dims);
  }
  const std::int64_t shared = rule.q_heads / rule.kv_heads;
  std::vector<double> state(static_cast<std::size_t>(kd * vd));
  std::vector<double> update(static_cast<std::size_t>(vd));
  for (std::int64_t bh = 0; bh < batch * rule.kv_heads; ++bh) {
    const std::int64_t b = bh / rule.kv_heads;
    const std::int64_t h = bh % rule.kv_heads;
    for (std::int64_t i = 0; i < kd * vd; ++i) {
      state[static_cast<std::size_t>(i)] = inputs.has(3) ? element_as_f64(inputs[3], bh * kd * vd + i) : 0.0;
    }
    for (std::int64_t t = 0; t < steps; ++t) {
      context.check();
      const std::int64_t step = b * steps + t;
      const auto key = [&](std::int64_t i) { return element_as_f64(k, (step * rule.kv_heads + h) * kd + i); };
      for (std::int64_t i = 0; rule.gated && i < kd; ++i) {
        const double decay = std::exp(
            element_as_f64(inputs[4], per_key ? (step * rule.kv_heads + h) * kd + i : step * rule.kv_heads + h));
        for (std::int64_t j = 0; j < vd; ++j) state[static_cast<std::size_t>(i * vd + j)] *= decay;
      }
      for (std::int64_t j = 0; j < vd; ++j) {
        double value = element_as_f64(v, (step * rule.kv_heads + h) * vd + j);
        if (rule.delta) {
          for (std::int64_t i = 0; i < kd; ++i) value -= state[static_cast<std::size_t>(i * vd + j)] * key(i);
          value *= element_as_f64(inputs[5], inputs[5].dim(2) == 1 ? step : step * rule.kv_heads + h);
        }
        update[static_cast<std::size_t>(j)] = value;
      }
      for (std::int64_t i = 0; i < kd; ++i) {
        for (std::int64_t j = 0; j < vd; ++j)
          state[static_cast<std::size_t>(i * vd + j)] += key(i) * update[static_cast<std::size_t>(j)];
      }
      for (std::int64_t g = h * shared; g < (h + 1) * shared; ++g) {
        for (std::int64_t j = 0; j < vd; ++j) {
          double sum = 0;
          for (std::int64_t i = 0; i < kd; ++i) {
            sum += element_as_f64(q, (step * rule.q_heads + g) * kd + i) * state[static_cast<std::size_t>(i * vd + j)];
          }
          store_element(out, (step * rule.q_heads + g) * vd + j, scale * sum);
        }
      }
    }
    for (std::int64_t i = 0; present != nullptr && i < kd * vd; ++i) {
      store_element(*present, bh * kd * vd + i, state[static_cast<std::size_t>(i)]);
    }
  }
}

}  // namespace

OpDef op_linear_attention() {
  return {.name = "LinearAttention",
          .min_inputs = 3,
          .max_inputs = 6,
          .max_outputs = 2,
          .attributes = {{"chunk_size", std::int64_t{64}},
                         {"kv_num_heads", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"q_num_heads", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"scale", 0.0F},
                         {"update_rule", std::string("gated_delta")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
