// StringSplit: the substrings between delimiters along a new last axis, filled up with empty strings, and their counts.
// Without a delimiter the separators are runs of white space, and white space at both ends goes.
#include <string_view>

#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kString});
  const Shape& in = c.shape(0);
  Shape out = in;
  if (in.is_ranked()) out.dims().push_back(Dim::unknown());
  c.set(0, ElementType::kString, std::move(out));
  c.set(1, ElementType::kI64, in);
}

using Pieces = std::vector<std::string_view>;

// Both add the pieces of a text behind those that are there already, with `most` cuts at most.
void split_at_spaces(std::string_view text, std::int64_t most, Pieces& pieces) {
  constexpr std::string_view kSpaces = " \t\n\v\f\r";
  std::size_t at = text.find_first_not_of(kSpaces);
  for (std::int64_t cuts = 0; at != std::string_view::npos; ++cuts) {
    if (cuts == most) {
      const std::size_t last = text.find_last_not_of(kSpaces);
      pieces.push_back(text.substr(at, last + 1 - at));
      break;
    }
    const std::size_t end = std::min(text.find_first_of(kSpaces, at), text.size());
    pieces.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSpaces, end);
  }
}

void split_at_delimiter(std::string_view text, std::string_view delimiter, std::int64_t most, Pieces& pieces) {
  std::size_t begin = 0;
  for (std::int64_t cuts = 0; cuts < most; ++cuts) {
    const std::size_t end = text.find(delimiter, begin);
    if (end == std::string_view::npos) break;
    pieces.push_back(text.substr(begin, end - begin));
    begin = end + delimiter.size();
  }
  pieces.push_back(text.substr(begin));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::string delimiter = inputs.attributes().get_string("delimiter", "");
  std::int64_t most = inputs.attributes().get_int("maxsplit", std::numeric_limits<std::int64_t>::max());
  if (most < 0) most = std::numeric_limits<std::int64_t>::max();
  const auto* in = x.data<std::string>();
  Pieces pieces;
  std::vector<std::int64_t> found(static_cast<std::size_t>(x.size()));
  std::int64_t longest = 0;
  for_each_element(x.size(), context, [&](std::int64_t i) {
    const std::size_t before = pieces.size();
    if (delimiter.empty()) {
      split_at_spaces(in[i], most, pieces);
    } else {
      split_at_delimiter(in[i], delimiter, most, pieces);
    }
    found[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(pieces.size() - before);
    longest = std::max(longest, found[static_cast<std::size_t>(i)]);
  });
  Dims dims = x.dims();
  dims.push_back(longest);
  Tensor& out = outputs.allocate(0, ElementType::kString, dims);
  fill_zero(out);
  auto* to = out.data<std::string>();
  const std::string_view* piece = pieces.data();
  for (const std::int64_t count : found) {
    for (std::int64_t k = 0; k < count; ++k) to[k].assign(*piece++);
    to += longest;
  }
  if (outputs.size() < 2 || !outputs.wanted(1)) return;
  std::copy(found.begin(), found.end(), outputs.allocate(1, ElementType::kI64, x.dims()).data<std::int64_t>());
}

}  // namespace

OpDef op_string_split() {
  return {.name = "StringSplit",
          .min_inputs = 1,
          .max_inputs = 1,
          .min_outputs = 1,
          .max_outputs = 2,
          .attributes = {{"delimiter", std::string(), AttributeDef::Need::kOptional},
                         {"maxsplit", std::int64_t{0}, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
