// Regular expressions in RE2's syntax, matched in time linear in the text.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace oriel::ops {

/// A compiled expression. Full matches only, so that greediness and groups need no record.
///
/// Understood: literals, escapes (\n, \x41, \x{1F600}, \101, \Q..\E), ., classes with ranges, [:names:] and \d \s \w,
/// groups (plain, named, non-capturing), flags i, m, s and U, alternatives, * + ? {n,m} with a lazy mark, ^ $ \A \z \b
/// \B. Not understood: Unicode classes (\pL) and single bytes (\C).
class Regex {
 public:
  /// Throws Error(kInvalidArgument) for a pattern that is no expression or too large, kNotImplemented for what is not
  /// understood.
  explicit Regex(std::string_view pattern);

  /// Whether the whole text, UTF-8, matches. Bytes that are no UTF-8 match nothing.
  bool full_match(std::string_view text) const;

  using Range = std::pair<std::uint32_t, std::uint32_t>;
  /// A set of code points.
  struct Set {
    std::vector<Range> ranges = {};
    bool negated = false;
    bool fold_case = false;
    /// Code points below 128 by bits, once Regex has filled them in.
    std::uint64_t ascii[2] = {};
    bool contains(std::uint32_t code_point) const;
  };
  enum class Kind : std::uint8_t {
    kMatch,
    kSet,
    kSplit,
    kTextBegin,
    kTextEnd,
    kLineBegin,
    kLineEnd,
    kWordBoundary,
    kNoWordBoundary
  };
  /// A state of the automaton: kSet reads a code point of sets[set], kSplit goes on at `next` and `other`, the rest
  /// assert.
  struct State {
    Kind kind = Kind::kMatch;
    std::uint32_t next = 0;
    std::uint32_t other = 0;
    std::uint32_t set = 0;
  };

 private:
  std::vector<State> states_;
  std::vector<Set> sets_;
  std::uint32_t start_ = 0;
};

}  // namespace oriel::ops
