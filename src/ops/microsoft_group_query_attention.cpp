// com.microsoft.GroupQueryAttention: causal attention of num_heads query heads on kv_num_heads key and value heads,
// each shared by neighbouring query heads, with a cache. seqlens_k is the length of keys minus 1 for every image; new
// keys go behind the past ones (a first prompt starts at 0). Query, key and value may be packed in input 0. Options:
// norms of heads, rotary embedding, a local window, softcap, a sink.
#include "ops/common.h"

namespace oriel::ops {
namespace {

enum Operand : std::size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kSeqLens,
  kTotal,
  kCos,
  kSin,
  kPositions,
  kBias,
  kSink,
  kKeyScale,
  kValueScale,
  kQueryNorm,
  kKeyNorm
};

struct Settings {
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t window;
  bool rotary;
  bool interleaved;
  bool smooth;
  bool causal;
  double softcap;
  double scale;

  explicit Settings(const Attributes& a)
      : heads(a.get_int("num_heads")),
        kv_heads(a.get_int("kv_num_heads")),
        window(a.get_int("local_window_size")),
        rotary(a.get_bool("do_rotary")),
        interleaved(a.get_bool("rotary_interleaved")),
        smooth(a.get_int("smooth_softmax") > 0),
        causal(a.get_bool("causal")),
        softcap(a.get_float("softcap")),
        scale(a.get_float("scale")) {
    if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0) {
      fail(ErrorCode::kInvalidGraph, "attributes num_heads and kv_num_heads are {} and {}", heads, kv_heads);
    }
    if (a.get_bool("sliding_window_cache") || a.get_string("k_quant_type") != "NONE" ||
        a.get_string("v_quant_type") != "NONE") {
      fail(ErrorCode::kNotImplemented, "a quantised or sliding cache is not supported");
    }
  }
};

void infer(InferContext& c) {
  require_element(c, kQuery, {ElementType::kF32, ElementType::kF16, ElementType::kBF16});
  for (const Operand i : {kKey, kValue, kPastKey, kPastValue, kCos, kSin, kBias, kSink, kQueryNorm, kKeyNorm}) {
    if (c.has_input(i)) require_same_element(c, kQuery, i);
  }
  require_element(c, kSeqLens, {ElementType::kI32});
  require_element(c, kTotal, {ElementType::kI32});
  const Settings s(c.attributes());
  const Shape& query = c.shape(kQuery);
  if (query.is_ranked() && query.rank() != 3)
    fail(ErrorCode::kInvalidGraph, "query of shape {}, expected rank 3", query.to_string());
  Shape out = query.is_ranked() ? query : Shape::of_rank(3);
  const bool packed = !c.has_input(kKey);
  const std::int64_t parts = packed ? s.heads + 2 * s.kv_heads : s.heads;
  Dim size = Dim::unknown();
  if (query.is_ranked() && query[2].is_known()) {
    if (query[2].value() % parts != 0)
      fail(ErrorCode::kInvalidGraph, "a hidden size of {} for {} heads", query[2].value(), parts);
    size = query[2].value() / parts;
    out[2] = size * Dim(s.heads);
  } else if (packed) {
    out[2] = Dim::unknown();
  }
  const Dim batch = out[0];
  c.set(0, c.element(kQuery), std::move(out));
  Dim length = Dim::unknown();
  if (const std::vector<Dim>* total = c.content(kTotal);
      total != nullptr && total->size() == 1 && (*total)[0].min() >= 0) {
    length = (*total)[0];
    if (c.has_input(kPastKey)) {
      const Shape& past = c.shape(kPastKey);
      length = past.is_ranked() && past.rank() == 4 ? max(past[2], length) : Dim::unknown();
    }
  }
  for (std::size_t i = 1; i < std::min<std::size_t>(c.num_outputs(), 3); ++i) {
    c.set(i, c.element(kQuery), Shape{batch, Dim(s.kv_heads), length, size});
  }
  for (std::size_t i = 3; i < c.num_outputs(); ++i) c.set(i, c.element(kQuery), Shape::of_rank(4));
}

// Divides one head by its root of the mean square, and multiplies it with the weights.
void normalize(std::vector<double>& head, const Tensor& weights, double epsilon) {
  ORIEL_REQUIRE(weights.size() == static_cast<std::int64_t>(head.size()), "{} weights of a norm for heads of {}",
                weights.size(), head.size());
  double sum = 0;
  for (const double v : head) sum += v * v;
  const double factor = 1.0 / std::sqrt(sum / static_cast<double>(head.size()) + epsilon);
  for (std::size_t i = 0; i < head.size(); ++i)
    head[i] *= factor * element_as_f64(weights, static_cast<std::int64_t>(i));
}

// Turns the pairs of one head by the angles of `place`.
void rotate(std::vector<double>& head, const Tensor& cos, const Tensor& sin, std::int64_t place, bool interleaved) {
  const std::int64_t half = cos.dim(1);
  ORIEL_REQUIRE(place >= 0 && place < cos.dim(0), "position {} is outside of the rotary caches, which have {}", place,
                cos.dim(0));
  for (std::int64_t i = 0; i < half; ++i) {
    double& a = head[static_cast<std::size_t>(interleaved ? 2 * i : i)];
    double& b = head[static_cast<std::size_t>(interleaved ? 2 * i + 1 : i + half)];
    const double c = element_as_f64(cos, place * half + i);
    const double s = element_as_f64(sin, place * half + i);
    const double turned = a * c - b * s;
    b = a * s + b * c;
    a = turned;
  }
}

// Sizes and addresses of one call.
struct Call {
  Settings s;
  std::int64_t batch;
  std::int64_t length;
  std::int64_t size;  // of a head
  std::int64_t past = 0;
  std::int64_t total;
  std::int64_t present;
  bool packed;

  explicit Call(const Inputs& inputs) : s(inputs.attributes()), packed(!inputs.has(kKey)) {
    const Tensor& q = inputs[kQuery];
    ORIEL_REQUIRE(q.rank() == 3, "query of shape {}, expected rank 3", to_string(q.dims()));
    batch = q.dim(0);
    length = q.dim(1);
    const std::int64_t parts = packed ? s.heads + 2 * s.kv_heads : s.heads;
    ORIEL_REQUIRE(q.dim(2) % parts == 0, "a hidden size of {} for {} heads", q.dim(2), parts);
    size = q.dim(2) / parts;
    for (const Operand i : {kKey, kValue}) {
      ORIEL_REQUIRE(packed || inputs[i].dims() == (Dims{batch, length, s.kv_heads * size}),
                    "input {} of shape {}, expected {}", static_cast<int>(i), to_string(inputs[i].dims()),
                    to_string(Dims{batch, length, s.kv_heads * size}));
    }
    ORIEL_REQUIRE(inputs[kTotal].size() == 1, "total_sequence_length has {} elements, expected 1",
                  inputs[kTotal].size());
    total = element_as_i64(inputs[kTotal], 0);
    if (inputs.has(kPastKey)) {
      ORIEL_REQUIRE(inputs[kPastKey].rank() == 4, "past_key of shape {}, expected rank 4",
                    to_string(inputs[kPastKey].dims()));
      past = inputs[kPastKey].dim(2);
      for (const Operand i : {kPastKey, kPastValue}) {
        ORIEL_REQUIRE(inputs[i].dims() == (Dims{batch, s.kv_heads, past, size}), "input {} of shape {}, expected {}",
                      static_cast<int>(i), to_string(inputs[i].dims()), to_string(Dims{batch, s.kv_heads, past, size}));
      }
    }
    ORIEL_REQUIRE(total >= length, "total_sequence_length is {} for {} queries", total, length);
    present = std::max(past, total);
    ORIEL_REQUIRE(inputs[kSeqLens].size() == batch, "seqlens_k has {} elements, expected {}", inputs[kSeqLens].size(),
                  batch);
    if (s.rotary) {
      const Tensor& cos = inputs[kCos];
      ORIEL_REQUIRE(cos.rank() == 2 && cos.dims() == inputs[kSin].dims() && cos.dim(1) * 2 <= size,
                    "rotary caches of shape {} for heads of {}", to_string(cos.dims()), size);
    }
    ORIEL_REQUIRE(!inputs.has(kSink) || inputs[kSink].size() == s.heads, "head_sink has {} elements, expected {}",
                  inputs[kSink].size(), s.heads);
  }

  /// Elements of head `h` of token `t`, part 0 query, 1 key, 2 value, as f64.
  std::vector<double> token(const Inputs& inputs, int part, std::int64_t b, std::int64_t t, std::int64_t h) const {
    const std::int64_t first = !packed ? h : part == 0 ? h : part == 1 ? s.heads + h : s.heads + s.kv_heads + h;
    const Tensor& from = inputs[packed ? 0 : static_cast<std::size_t>(part)];
    const std::int64_t base = (b * length + t) * from.dim(2) + first * size;
    std::vector<double> head(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < size; ++i) head[static_cast<std::size_t>(i)] = element_as_f64(from, base + i);
    const Operand norm = part == 0 ? kQueryNorm : kKeyNorm;
    if (part < 2 && inputs.has(norm)) normalize(head, inputs[norm], inputs.attributes().get_float("qk_norm_epsilon"));
    return head;
  }
};

// Weights of the keys [begin, end) for one query, zero elsewhere.
std::vector<double> attention_weights(const Inputs& inputs, const Call& call, std::int64_t b, std::int64_t h,
                                      std::int64_t t, std::int64_t begin, std::int64_t end,
                                      const std::vector<double>& q, const std::vector<double>& keys) {
  const double scale = call.s.scale != 0 ? call.s.scale : 1.0 / std::sqrt(static_cast<double>(call.size));
  std::vector<double> weights(static_cast<std::size_t>(end), 0.0);
  const Tensor* bias = inputs.has(kBias) ? &inputs[kBias] : nullptr;
  ORIEL_REQUIRE(bias == nullptr || (bias->rank() == 4 && (bias->dim(0) == 1 || bias->dim(0) == call.batch) &&
                                    (bias->dim(1) == 1 || bias->dim(1) == call.s.heads) &&
                                    bias->dim(2) == call.length && bias->dim(3) >= end),
                "attention_bias of shape {}", to_string(bias->dims()));
  const bool sink = call.s.smooth || inputs.has(kSink);
  const double sink_score = inputs.has(kSink) ? element_as_f64(inputs[kSink], h) : 0.0;
  double largest = sink ? sink_score : -std::numeric_limits<double>::infinity();
  for (std::int64_t j = begin; j < end; ++j) {
    double score = 0;
    for (std::int64_t i = 0; i < call.size; ++i)
      score += q[static_cast<std::size_t>(i)] * keys[static_cast<std::size_t>(j * call.size + i)];
    score *= scale;
    if (call.s.softcap > 0) score = call.s.softcap * std::tanh(score / call.s.softcap);
    if (bias != nullptr) {
      const std::int64_t row =
          ((bias->dim(0) == 1 ? 0 : b) * bias->dim(1) + (bias->dim(1) == 1 ? 0 : h)) * call.length + t;
      score += element_as_f64(*bias, row * bias->dim(3) + j);
    }
    weights[static_cast<std::size_t>(j)] = score;
    largest = std::max(largest, score);
  }
  double sum = sink ? std::exp(sink_score - largest) : 0.0;
  for (std::int64_t j = begin; j < end; ++j) {
    double& w = weights[static_cast<std::size_t>(j)];
    w = std::exp(w - largest);
    sum += w;
  }
  for (std::int64_t j = begin; j < end; ++j) weights[static_cast<std::size_t>(j)] /= sum;
  return weights;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Call call(inputs);
  const Settings& s = call.s;
  const ElementType type = inputs[kQuery].type();
  ORIEL_REQUIRE(outputs.size() < 4 || !outputs.wanted(3), "output_qk is not given");
  Tensor& y = outputs.allocate(0, type, {call.batch, call.length, s.heads * call.size});
  const Dims cache_dims{call.batch, s.kv_heads, call.present, call.size};
  Tensor* cache[2] = {nullptr, nullptr};
  for (std::size_t i = 0; i < 2; ++i) {
    if (outputs.size() <= i + 1 || !outputs.wanted(i + 1)) continue;
    cache[i] = &outputs.allocate(i + 1, type, cache_dims);
    fill_zero(*cache[i]);
  }
  Tensor rounded = Tensor::allocate(type, {1});
  for (std::int64_t b = 0; b < call.batch; ++b) {
    const std::int64_t keys = element_as_i64(inputs[kSeqLens], b) + 1;
    const std::int64_t start = call.length == call.total ? 0 : keys - call.length;
    ORIEL_REQUIRE(start >= 0 && keys >= 1 && start + call.length <= call.present && start <= call.past,
                  "seqlens_k is {} for {} queries and {} past keys", keys - 1, call.length, call.past);
    const auto place = [&](std::int64_t t) {
      if (!inputs.has(kPositions)) return start + t;
      ORIEL_REQUIRE(inputs[kPositions].size() == call.batch * call.length, "position_ids has {} elements",
                    inputs[kPositions].size());
      return element_as_i64(inputs[kPositions], b * call.length + t);
    };
    for (std::int64_t g = 0; g < s.kv_heads; ++g) {
      std::vector<double> lines[2];
      for (int part = 0; part < 2; ++part) {
        std::vector<double>& all = lines[part];
        for (std::int64_t i = 0; i < start * call.size; ++i) {
          all.push_back(element_as_f64(inputs[part == 0 ? kPastKey : kPastValue],
                                       (b * s.kv_heads + g) * call.past * call.size + i));
        }
        for (std::int64_t t = 0; t < call.length; ++t) {
          std::vector<double> head = call.token(inputs, part + 1, b, t, g);
          if (part == 0 && s.rotary) rotate(head, inputs[kCos], inputs[kSin], place(t), s.interleaved);
          for (const double v : head) {
            store_element(rounded, 0, v);
            all.push_back(element_as_f64(rounded, 0));
          }
        }
        for (std::size_t i = 0; cache[part] != nullptr && i < all.size(); ++i) {
          store_element(*cache[part], (b * s.kv_heads + g) * call.present * call.size + static_cast<std::int64_t>(i),
                        all[i]);
        }
      }
      const std::int64_t shared = s.heads / s.kv_heads;
      for (std::int64_t h = g * shared; h < (g + 1) * shared; ++h) {
        for (std::int64_t t = 0; t < call.length; ++t) {
          context.check();
          std::vector<double> q = call.token(inputs, 0, b, t, h);
          if (s.rotary) rotate(q, inputs[kCos], inputs[kSin], place(t), s.interleaved);
          const std::int64_t end = start + (s.causal ? t + 1 : call.length);
          const std::int64_t begin = s.window > 0 ? std::max<std::int64_t>(0, end - s.window) : 0;
          const std::vector<double> weights = attention_weights(inputs, call, b, h, t, begin, end, q, lines[0]);
          for (std::int64_t i = 0; i < call.size; ++i) {
            double sum = 0;
            for (std::int64_t j = begin; j < end; ++j)
              sum += weights[static_cast<std::size_t>(j)] * lines[1][static_cast<std::size_t>(j * call.size + i)];
            store_element(y, (b * call.length + t) * s.heads * call.size + h * call.size + i, sum);
          }
        }
      }
    }
  }
}

}  // namespace

OpDef op_microsoft_group_query_attention() {
  return {.name = "GroupQueryAttention",
          .domain = "com.microsoft",
          .min_inputs = 1,
          .max_inputs = 16,
          .max_outputs = 4,
          .attributes = {{"causal", std::int64_t{1}},
                         {"do_rotary", std::int64_t{0}},
                         {"k_quant_type", std::string("NONE")},
                         {"kv_cache_bit_width", std::int64_t{0}},
                         {"kv_num_heads", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"local_window_size", std::int64_t{-1}},
                         {"num_heads", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"qk_output", std::int64_t{0}},
                         {"qk_norm_epsilon", 1e-6F},
                         {"rotary_interleaved", std::int64_t{0}},
                         {"scale", 0.0F},
                         {"sliding_window_cache", std::int64_t{0}},
                         {"smooth_softmax", std::int64_t{-1}},
                         {"softcap", 0.0F},
                         {"v_quant_type", std::string("NONE")}},
          .traits = {.shape_operands = 1U << kTotal},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
