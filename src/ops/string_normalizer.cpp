// StringNormalizer: drops stop words and changes the case of the rest; [c] or [1, c] strings. One empty string stands
// where nothing is left. `locale` is taken as any Unicode locale: letters map one to one.
#include <unordered_set>

#include "ops/common.h"
#include "ops/utf8.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kString});
  const std::string& action = c.attributes().get_string("case_change_action");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    fail(ErrorCode::kInvalidGraph, "unknown case_change_action {}", action);
  Shape out = c.shape(0);
  if (out.is_ranked()) {
    if (out.rank() != 1 && !(out.rank() == 2 && out[0].may_equal(1))) {
      fail(ErrorCode::kInvalidGraph, "input has the shape {}, expected [c] or [1, c]", out.to_string());
    }
    if (out.rank() == 2) out[0] = Dim(1);
    Dim& count = out[out.rank() - 1];
    if (!c.attributes().get_strings("stopwords").empty() || count.min() < 1) {
      count = Dim::unknown(1, count.max() < 1 ? 1 : count.max());
    }
  }
  c.set(0, ElementType::kString, std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Attributes& a = inputs.attributes();
  ORIEL_REQUIRE(x.rank() == 1 || (x.rank() == 2 && x.dim(0) == 1), "input has the shape {}, expected [c] or [1, c]",
                to_string(x.dims()));
  const std::string& action = a.get_string("case_change_action");
  const bool exact = a.get_bool("is_case_sensitive");
  const auto comparable = [&](const std::string& s) { return exact ? s : with_case(s, LetterCase::kLower); };
  std::unordered_set<std::string> stop_words;
  for (const std::string& word : a.get_strings("stopwords")) stop_words.insert(comparable(word));
  const auto* in = x.data<std::string>();
  std::vector<std::string> kept;
  for_each_element(x.size(), context, [&](std::int64_t i) {
    if (!stop_words.empty() && stop_words.count(comparable(in[i])) != 0) return;
    kept.push_back(action == "NONE" ? in[i]
                                    : with_case(in[i], action == "LOWER" ? LetterCase::kLower : LetterCase::kUpper));
  });
  if (kept.empty()) kept.emplace_back();
  Dims dims = x.dims();
  dims.back() = static_cast<std::int64_t>(kept.size());
  auto* out = outputs.allocate(0, ElementType::kString, dims).data<std::string>();
  for (std::size_t i = 0; i < kept.size(); ++i) out[i] = std::move(kept[i]);
}

}  // namespace

OpDef op_string_normalizer() {
  return {.name = "StringNormalizer",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"case_change_action", std::string("NONE")},
                         {"is_case_sensitive", std::int64_t{0}},
                         {"locale", std::string(), AttributeDef::Need::kOptional},
                         {"stopwords", std::vector<std::string>()}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
