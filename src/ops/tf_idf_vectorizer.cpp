// TfIdfVectorizer: how often each n-gram of the pool appears in a row, items apart by 1 to max_skip_count + 1 places.
// TF: the count; IDF: the weight where the n-gram appears; TFIDF: the count times the weight.
#include "ops/tf_idf.h"

namespace oriel::ops {
namespace {

std::int64_t output_width(const Attributes& a) {
  std::int64_t width = 0;
  for (const std::int64_t i : a.get_ints("ngram_indexes")) {
    ORIEL_REQUIRE(i >= 0 && i < (std::int64_t{1} << 40), "ngram_indexes has the number {}", i);
    width = std::max(width, i + 1);
  }
  return width;
}

void infer(InferContext& c) {
  const Attributes& a = c.attributes();
  const std::string& mode = a.get_string("mode");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") fail(ErrorCode::kInvalidGraph, "unknown mode {}", mode);
  const Dim width(output_width(a));
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    c.set(0, ElementType::kF32, Shape::unranked());
    return;
  }
  if (in.rank() > 2) fail(ErrorCode::kInvalidGraph, "input has the shape {}, expected rank 1 or 2", in.to_string());
  c.set(0, ElementType::kF32, in.rank() == 2 ? Shape{in[0], width} : Shape{width});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const TfIdf model(inputs.attributes());
  model.check(x);
  const Dims dims = model.dims(x);
  float* out = outputs.allocate(0, ElementType::kF32, dims).data<float>();
  const std::int64_t rows = dims.size() == 2 ? dims[0] : 1;
  for (std::int64_t row = 0; row < rows; ++row) {
    context.check();
    model.rows(x, row, row + 1, out);
  }
}

}  // namespace

template <typename Key>
GramTree<Key>::GramTree(const std::vector<Key>& pool, const Attributes& a, const std::vector<std::int64_t>& outputs)
    : nodes_(1), longest_(a.get_int("max_gram_length")), skips_(a.get_int("max_skip_count")) {
  const std::vector<std::int64_t>& starts = a.get_ints("ngram_counts");
  const std::int64_t shortest = a.get_int("min_gram_length");
  const auto limit = static_cast<std::int64_t>(pool.size());
  std::size_t number = 0;
  for (std::size_t n = 0; n < starts.size(); ++n) {
    const auto length = static_cast<std::int64_t>(n) + 1;
    const std::int64_t begin = starts[n];
    const std::int64_t end = n + 1 < starts.size() ? starts[n + 1] : limit;
    ORIEL_REQUIRE(begin >= 0 && begin <= end && end <= limit && (end - begin) % length == 0,
                  "{}-grams from {} to {} of {} items", length, begin, end, limit);
    const bool used = length >= shortest && length <= longest_;
    for (std::int64_t at = begin; at < end; at += length, ++number) {
      if (!used) continue;
      std::size_t node = 0;
      for (std::int64_t i = 0; i < length; ++i) {
        const auto [found, made] = nodes_[node].next.try_emplace(pool[static_cast<std::size_t>(at + i)], nodes_.size());
        node = found->second;
        if (made) nodes_.emplace_back();
      }
      ORIEL_REQUIRE(nodes_[node].output < 0, "an n-gram of length {} stands in the pool twice", length);
      ORIEL_REQUIRE(number < outputs.size(), "{} n-grams for {} indexes", number + 1, outputs.size());
      nodes_[node].output = outputs[number];
    }
  }
}

TfIdf::TfIdf(const Attributes& a) : width_(output_width(a)) {
  const std::string& mode = a.get_string("mode");
  mode_ = mode == "TF" ? GramMode::kTf : mode == "IDF" ? GramMode::kIdf : GramMode::kTfIdf;
  const std::vector<std::int64_t>& indexes = a.get_ints("ngram_indexes");
  if (mode_ != GramMode::kTf) weight_.assign(static_cast<std::size_t>(width_), 1.0F);
  if (a.has("weights")) {
    const std::vector<float>& given = a.get_floats("weights");
    ORIEL_REQUIRE(given.size() == indexes.size(), "{} weights for {} n-grams", given.size(), indexes.size());
    for (std::size_t i = 0; i < indexes.size() && !weight_.empty(); ++i)
      weight_[static_cast<std::size_t>(indexes[i])] = given[i];
  }
  if (a.has("pool_strings"))
    strings_ = std::make_unique<GramTree<std::string>>(a.get_strings("pool_strings"), a, indexes);
  if (a.has("pool_int64s")) integers_ = std::make_unique<GramTree<std::int64_t>>(a.get_ints("pool_int64s"), a, indexes);
}

Dims TfIdf::dims(const Tensor& x) const {
  ORIEL_REQUIRE(x.rank() == 1 || x.rank() == 2, "input has the shape {}, expected rank 1 or 2", to_string(x.dims()));
  return x.rank() == 2 ? Dims{x.dim(0), width_} : Dims{width_};
}

void TfIdf::check(const Tensor& x) const {
  const bool texts = x.type() == ElementType::kString;
  ORIEL_REQUIRE(!texts || strings_ != nullptr, "strings need pool_strings");
  ORIEL_REQUIRE(texts || integers_ != nullptr, "integers need pool_int64s");
}

void TfIdf::weigh(float* counts) const {
  for (std::size_t i = 0; i < weight_.size(); ++i)
    counts[i] = mode_ == GramMode::kTfIdf ? counts[i] * weight_[i] : counts[i] > 0 ? weight_[i] : 0.0F;
}

void TfIdf::rows(const Tensor& x, std::int64_t first, std::int64_t last, float* out) const {
  const std::int64_t items = x.dim(x.rank() - 1);
  for (std::int64_t row = first; row < last; ++row) {
    float* counts = out + row * width_;
    std::fill_n(counts, width_, 0.0F);
    const std::int64_t base = row * items;
    if (x.type() == ElementType::kString) {
      const std::string* in = x.data<std::string>() + base;
      strings_->count(
          items, [in](std::int64_t i) -> const std::string& { return in[i]; }, counts);
    } else if (x.type() == ElementType::kI64) {
      const std::int64_t* in = x.data<std::int64_t>() + base;
      integers_->count(
          items, [in](std::int64_t i) { return in[i]; }, counts);
    } else {
      integers_->count(
          items, [&](std::int64_t i) { return element_as_i64(x, base + i); }, counts);
    }
    weigh(counts);
  }
}

OpDef op_tf_idf_vectorizer() {
  using Need = AttributeDef::Need;
  return {.name = "TfIdfVectorizer",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"max_gram_length", std::int64_t{1}, Need::kRequired},
                         {"max_skip_count", std::int64_t{0}, Need::kRequired},
                         {"min_gram_length", std::int64_t{1}, Need::kRequired},
                         {"mode", std::string(), Need::kRequired},
                         {"ngram_counts", std::vector<std::int64_t>(), Need::kRequired},
                         {"ngram_indexes", std::vector<std::int64_t>(), Need::kRequired},
                         {"pool_int64s", std::vector<std::int64_t>(), Need::kOptional},
                         {"pool_strings", std::vector<std::string>(), Need::kOptional},
                         {"weights", std::vector<float>(), Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
