// TfIdfVectorizer: how often each n-gram of the pool appears in a row, items apart by 1 to max_skip_count + 1 places.
// TF: the count; IDF: the weight where the n-gram appears; TFIDF: the count times the weight.
#include <map>

#include "ops/common.h"

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

// Items of the pool as nodes of a tree: a path spells an n-gram, and `id` is its number (from 1) where one ends.
template <typename Key>
struct Gram {
  std::int64_t id = 0;
  std::map<Key, Gram> next;
};

template <typename Key>
Gram<Key> read_pool(const std::vector<Key>& pool, const Attributes& a) {
  const std::vector<std::int64_t>& starts = a.get_ints("ngram_counts");
  const std::int64_t shortest = a.get_int("min_gram_length");
  const std::int64_t longest = a.get_int("max_gram_length");
  const auto limit = static_cast<std::int64_t>(pool.size());
  Gram<Key> root;
  std::int64_t id = 1;
  for (std::size_t n = 0; n < starts.size(); ++n) {
    const auto length = static_cast<std::int64_t>(n) + 1;
    const std::int64_t begin = starts[n];
    const std::int64_t end = n + 1 < starts.size() ? starts[n + 1] : limit;
    ORIEL_REQUIRE(begin >= 0 && begin <= end && end <= limit && (end - begin) % length == 0,
                  "{}-grams from {} to {} of {} items", length, begin, end, limit);
    const bool used = length >= shortest && length <= longest;
    for (std::int64_t at = begin; at < end; at += length, ++id) {
      if (!used) continue;
      Gram<Key>* node = &root;
      for (std::int64_t i = 0; i < length; ++i) node = &node->next[pool[static_cast<std::size_t>(at + i)]];
      ORIEL_REQUIRE(node->id == 0, "an n-gram of length {} stands in the pool twice", length);
      node->id = id;
    }
  }
  return root;
}

template <typename Key, typename F>
void count_grams(const Gram<Key>& root, std::int64_t items, const Attributes& a, F&& item,
                 std::vector<std::int64_t>& counts) {
  const std::vector<std::int64_t>& indexes = a.get_ints("ngram_indexes");
  const std::int64_t longest = a.get_int("max_gram_length");
  const std::int64_t skips = a.get_int("max_skip_count");
  for (std::int64_t step = 1; step <= skips + 1; ++step) {
    for (std::int64_t begin = 0; begin < items; ++begin) {
      const Gram<Key>* node = &root;
      std::int64_t at = begin;
      for (std::int64_t length = 1; length <= longest && at < items; ++length, at += step) {
        const auto found = node->next.find(item(at));
        if (found == node->next.end()) break;
        node = &found->second;
        // Single items have no gaps: they count once.
        if (node->id == 0 || (length == 1 && step > 1)) continue;
        ORIEL_REQUIRE(node->id <= static_cast<std::int64_t>(indexes.size()), "{} n-grams for {} indexes", node->id,
                      indexes.size());
        ++counts[static_cast<std::size_t>(indexes[static_cast<std::size_t>(node->id - 1)])];
      }
    }
    if (step >= items) break;
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Attributes& a = inputs.attributes();
  ORIEL_REQUIRE(x.rank() == 1 || x.rank() == 2, "input has the shape {}, expected rank 1 or 2", to_string(x.dims()));
  const std::int64_t width = output_width(a);
  const std::vector<std::int64_t>& indexes = a.get_ints("ngram_indexes");
  std::vector<float> weight(static_cast<std::size_t>(width), 1.0F);
  if (a.has("weights")) {
    const std::vector<float>& given = a.get_floats("weights");
    ORIEL_REQUIRE(given.size() == indexes.size(), "{} weights for {} n-grams", given.size(), indexes.size());
    for (std::size_t i = 0; i < indexes.size(); ++i) weight[static_cast<std::size_t>(indexes[i])] = given[i];
  }
  const std::string& mode = a.get_string("mode");
  const std::int64_t rows = x.rank() == 2 ? x.dim(0) : 1;
  const std::int64_t items = x.dim(x.rank() - 1);
  float* out = outputs.allocate(0, ElementType::kF32, x.rank() == 2 ? Dims{rows, width} : Dims{width}).data<float>();
  const auto vectorize = [&]<typename Key>(const std::vector<Key>& pool, auto&& item) {
    const Gram<Key> root = read_pool<Key>(pool, a);
    std::vector<std::int64_t> counts;
    for (std::int64_t row = 0; row < rows; ++row) {
      context.check();
      counts.assign(static_cast<std::size_t>(width), 0);
      count_grams<Key>(
          root, items, a, [&](std::int64_t i) { return item(row * items + i); }, counts);
      for (std::size_t i = 0; i < counts.size(); ++i) {
        const auto count = static_cast<float>(counts[i]);
        out[static_cast<std::size_t>(row * width) + i] = mode == "TF"    ? count
                                                         : mode == "IDF" ? (count > 0 ? weight[i] : 0.0F)
                                                                         : count * weight[i];
      }
    }
  };
  if (x.type() == ElementType::kString) {
    ORIEL_REQUIRE(a.has("pool_strings"), "strings need pool_strings");
    const auto* in = x.data<std::string>();
    vectorize(a.get_strings("pool_strings"), [in](std::int64_t i) -> const std::string& { return in[i]; });
  } else {
    ORIEL_REQUIRE(a.has("pool_int64s"), "integers need pool_int64s");
    vectorize(a.get_ints("pool_int64s"), [&x](std::int64_t i) { return element_as_i64(x, i); });
  }
}

}  // namespace

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
