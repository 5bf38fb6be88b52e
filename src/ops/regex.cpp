// Parsing of expressions into trees, of trees into automata, and the simulation of all their states at once.
#include "ops/regex.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "ops/utf8.h"

namespace oriel::ops {
namespace {

using Kind = Regex::Kind;
using Set = Regex::Set;

constexpr std::uint32_t kLastCodePoint = 0x10ffff;
constexpr int kMaxDepth = 500;
constexpr int kMaxRepeat = 1000;
constexpr std::size_t kMaxStates = 100000;
constexpr std::size_t kMaxSteps = 1000000;

bool is_word(std::uint32_t c) {
  return c < 0x80 && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z'));
}

struct Tree {
  enum class Type : std::uint8_t { kEmpty, kSet, kAssert, kSequence, kChoice, kRepeat };
  Type type = Type::kEmpty;
  Set set = {};
  Kind assertion = Kind::kTextBegin;
  int least = 0;
  int most = -1;  // -1: no limit
  std::vector<Tree> parts = {};
};

// Appends what is outside of sorted or unsorted ranges.
void add_negated(std::vector<Regex::Range> ranges, std::vector<Regex::Range>& into) {
  std::sort(ranges.begin(), ranges.end());
  std::uint32_t next = 0;
  for (const auto& [low, high] : ranges) {
    if (low > next) into.emplace_back(next, low - 1);
    next = std::max(next, high + 1);
  }
  if (next <= kLastCodePoint) into.emplace_back(next, kLastCodePoint);
}

// \d \s \w and their negations; false for other letters.
bool add_perl_class(char letter, std::vector<Regex::Range>& into) {
  std::vector<Regex::Range> ranges;
  switch (letter) {
    case 'd':
    case 'D':
      ranges = {{'0', '9'}};
      break;
    case 's':
    case 'S':
      ranges = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
      break;
    case 'w':
    case 'W':
      ranges = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
      break;
    default:
      return false;
  }
  if (letter >= 'a') {
    into.insert(into.end(), ranges.begin(), ranges.end());
  } else {
    add_negated(std::move(ranges), into);
  }
  return true;
}

const std::vector<Regex::Range>* named_class(std::string_view name) {
  static const std::pair<std::string_view, std::vector<Regex::Range>> kClasses[] = {
      {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
      {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
      {"ascii", {{0, 0x7f}}},
      {"blank", {{'\t', '\t'}, {' ', ' '}}},
      {"cntrl", {{0, 0x1f}, {0x7f, 0x7f}}},
      {"digit", {{'0', '9'}}},
      {"graph", {{'!', '~'}}},
      {"lower", {{'a', 'z'}}},
      {"print", {{' ', '~'}}},
      {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
      {"space", {{'\t', '\r'}, {' ', ' '}}},
      {"upper", {{'A', 'Z'}}},
      {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
      {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
  };
  for (const auto& [known, ranges] : kClasses) {
    if (known == name) return &ranges;
  }
  return nullptr;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(pattern) {}

  Tree parse() {
    Tree tree = choice(0);
    if (at_ < text_.size()) error("a ) without (");
    return tree;
  }

 private:
  struct Flags {
    bool fold_case = false;
    bool lines = false;
    bool dot_newline = false;
  };

  [[noreturn]] void error(const char* fact) const {
    fail(ErrorCode::kInvalidArgument, "pattern \"{}\", byte {}: {}", text_, at_, fact);
  }

  bool more() const { return at_ < text_.size(); }
  bool take(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }
  std::uint32_t code_point() {
    if (!more()) error("ends too early");
    const CodePoint point = decode_utf8(text_, at_);
    if (point.bytes == 0) error("no UTF-8");
    at_ += point.bytes;
    return point.value;
  }

  Tree of_ranges(std::vector<Regex::Range> ranges) const {
    return {.type = Tree::Type::kSet, .set = {.ranges = std::move(ranges), .fold_case = flags_.fold_case}};
  }
  Tree of_code_point(std::uint32_t c) const { return of_ranges({{c, c}}); }
  static Tree of_assertion(Kind kind) { return {.type = Tree::Type::kAssert, .assertion = kind}; }

  // Flags that a group sets end with it.
  Tree choice(int depth) {
    if (depth > kMaxDepth) error("groups lie too deep");
    const Flags outer = flags_;
    Tree tree{.type = Tree::Type::kChoice};
    tree.parts.push_back(sequence(depth));
    while (take("|")) tree.parts.push_back(sequence(depth));
    flags_ = outer;
    if (tree.parts.size() == 1) return Tree(std::move(tree.parts.front()));
    return tree;
  }

  Tree sequence(int depth) {
    Tree tree{.type = Tree::Type::kSequence};
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      if (take("\\Q")) {
        while (more() && !take("\\E")) tree.parts.push_back(of_code_point(code_point()));
        continue;
      }
      std::optional<Tree> part = atom(depth);
      if (!part) continue;
      if (std::optional<std::pair<int, int>> counts = repetition()) {
        Tree repeat{.type = Tree::Type::kRepeat, .least = counts->first, .most = counts->second};
        repeat.parts.push_back(std::move(*part));
        part = std::move(repeat);
        take("?");
        const std::size_t here = at_;
        if (repetition()) {
          at_ = here;
          error("a repetition of a repetition");
        }
      }
      tree.parts.push_back(std::move(*part));
    }
    return tree;
  }

  std::optional<std::pair<int, int>> repetition() {
    if (take("*")) return std::pair(0, -1);
    if (take("+")) return std::pair(1, -1);
    if (take("?")) return std::pair(0, 1);
    const std::size_t here = at_;
    if (!take("{")) return std::nullopt;
    const std::optional<int> least = number();
    std::optional<int> most = least;
    if (least && take(",")) {
      most = -1;
      if (more() && text_[at_] != '}') most = number();
    }
    // A brace that starts no counts is a literal.
    if (!least || !most || !take("}")) {
      at_ = here;
      return std::nullopt;
    }
    if (*least > kMaxRepeat || *most > kMaxRepeat || (*most >= 0 && *most < *least)) error("counts out of range");
    return std::pair(*least, *most);
  }

  std::optional<int> number() {
    const std::size_t begin = at_;
    int value = 0;
    while (more() && text_[at_] >= '0' && text_[at_] <= '9')
      value = std::min(value * 10 + (text_[at_++] - '0'), kMaxRepeat + 1);
    return at_ == begin ? std::nullopt : std::optional(value);
  }

  std::optional<Tree> atom(int depth) {
    const char c = text_[at_];
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return char_class();
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
        error("a repetition of nothing");
      default:
        break;
    }
    if (take("."))
      return flags_.dot_newline ? of_ranges({{0, kLastCodePoint}})
                                : of_ranges({{0, '\n' - 1}, {'\n' + 1, kLastCodePoint}});
    if (take("^")) return of_assertion(flags_.lines ? Kind::kLineBegin : Kind::kTextBegin);
    if (take("$")) return of_assertion(flags_.lines ? Kind::kLineEnd : Kind::kTextEnd);
    return of_code_point(code_point());
  }

  // Nothing for a group that only sets flags.
  std::optional<Tree> group(int depth) {
    take("(");
    Flags inner = flags_;
    if (take("?")) {
      if (take("P<") || take("<")) {
        const std::size_t begin = at_;
        while (more() && is_word(static_cast<unsigned char>(text_[at_]))) ++at_;
        if (at_ == begin || !take(">")) error("a group's name is not right");
      } else {
        bool value = true;
        while (more() && text_[at_] != ':' && text_[at_] != ')') {
          switch (text_[at_]) {
            case 'i':
              inner.fold_case = value;
              break;
            case 'm':
              inner.lines = value;
              break;
            case 's':
              inner.dot_newline = value;
              break;
            case 'U':
              break;
            case '-':
              if (!value) error("flags are not right");
              value = false;
              break;
            default:
              error("a group is of an unknown kind");
          }
          ++at_;
        }
        if (take(")")) {
          flags_ = inner;
          return std::nullopt;
        }
        if (!take(":")) error("a group does not end");
      }
    }
    const Flags outer = flags_;
    flags_ = inner;
    Tree tree = choice(depth + 1);
    flags_ = outer;
    if (!take(")")) error("a group does not end");
    return tree;
  }

  // After the backslash: a code point, or nothing where the letter is no literal.
  std::optional<std::uint32_t> escaped_code_point() {
    if (!more()) error("ends with a backslash");
    const char c = text_[at_];
    static constexpr std::pair<char, std::uint32_t> kLetters[] = {{'a', 7},  {'f', 12}, {'t', 9},
                                                                  {'n', 10}, {'r', 13}, {'v', 11}};
    for (const auto& [letter, value] : kLetters) {
      if (c == letter) {
        ++at_;
        return value;
      }
    }
    if (c == 'x') {
      ++at_;
      const bool braces = take("{");
      std::uint32_t value = 0;
      int digits = 0;
      while (more() && (braces || digits < 2)) {
        const char d = text_[at_];
        const int digit = d >= '0' && d <= '9'   ? d - '0'
                          : d >= 'a' && d <= 'f' ? d - 'a' + 10
                          : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                                 : -1;
        if (digit < 0) break;
        value = value * 16 + static_cast<std::uint32_t>(digit);
        if (value > kLastCodePoint) error("a code point is too large");
        ++digits;
        ++at_;
      }
      if (braces ? digits == 0 || !take("}") : digits != 2) error("hexadecimal digits are missing");
      return value;
    }
    if (c == '0' ||
        (c >= '1' && c <= '7' && at_ + 1 < text_.size() && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '7')) {
      std::uint32_t value = 0;
      for (int i = 0; i < 3 && more() && text_[at_] >= '0' && text_[at_] <= '7'; ++i)
        value = value * 8 + static_cast<std::uint32_t>(text_[at_++] - '0');
      return value;
    }
    const bool punctuation = static_cast<unsigned char>(c) < 0x80 && c > ' ' && !is_word(static_cast<unsigned char>(c));
    if (punctuation || c == '_') {
      ++at_;
      return static_cast<std::uint32_t>(c);
    }
    return std::nullopt;
  }

  Tree escape() {
    take("\\");
    if (const std::optional<std::uint32_t> c = escaped_code_point()) return of_code_point(*c);
    const char letter = text_[at_++];
    Tree set = of_ranges({});
    if (add_perl_class(letter, set.set.ranges)) return set;
    switch (letter) {
      case 'A':
        return of_assertion(Kind::kTextBegin);
      case 'z':
        return of_assertion(Kind::kTextEnd);
      case 'b':
        return of_assertion(Kind::kWordBoundary);
      case 'B':
        return of_assertion(Kind::kNoWordBoundary);
      case 'p':
      case 'P':
      case 'C':
        fail(ErrorCode::kNotImplemented, "pattern \"{}\": the class \\{} is not supported", text_, letter);
      default:
        error("an unknown escape");
    }
  }

  Tree char_class() {
    take("[");
    Tree tree = of_ranges({});
    std::vector<Regex::Range>& ranges = tree.set.ranges;
    tree.set.negated = take("^");
    for (bool first = true;; first = false) {
      if (!more()) error("a class does not end");
      if (!first && take("]")) break;
      if (take("[:")) {
        const bool negated = take("^");
        const std::size_t end = text_.find(":]", at_);
        const std::vector<Regex::Range>* known =
            end == std::string_view::npos ? nullptr : named_class(text_.substr(at_, end - at_));
        if (known == nullptr) error("an unknown class name");
        at_ = end + 2;
        if (negated) {
          add_negated(*known, ranges);
        } else {
          ranges.insert(ranges.end(), known->begin(), known->end());
        }
        continue;
      }
      const std::optional<std::uint32_t> low = class_item(ranges);
      if (!low) continue;
      std::uint32_t high = *low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        std::vector<Regex::Range> none;
        const std::optional<std::uint32_t> last = class_item(none);
        if (!last || *last < *low) error("a range is not right");
        high = *last;
      }
      ranges.emplace_back(*low, high);
    }
    return tree;
  }

  // A code point of a class, or nothing where a class inside of it has been added.
  std::optional<std::uint32_t> class_item(std::vector<Regex::Range>& ranges) {
    if (!take("\\")) return code_point();
    if (const std::optional<std::uint32_t> c = escaped_code_point()) return c;
    const char letter = text_[at_++];
    if (letter == 'p' || letter == 'P')
      fail(ErrorCode::kNotImplemented, "pattern \"{}\": the class \\{} is not supported", text_, letter);
    if (!add_perl_class(letter, ranges)) error("an unknown escape");
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Flags flags_;
};

// Builds states from the end: every part knows where to go on.
class Assembler {
 public:
  Assembler(std::vector<Regex::State>& states, std::vector<Set>& sets) : states_(states), sets_(sets) {}

  std::uint32_t add(Regex::State state) {
    ORIEL_REQUIRE(states_.size() < kMaxStates, "the pattern is too large");
    states_.push_back(state);
    return static_cast<std::uint32_t>(states_.size() - 1);
  }

  // The state in which `tree`, followed by what `next` does, starts.
  std::uint32_t add(const Tree& tree, std::uint32_t next) {
    ORIEL_REQUIRE(++steps_ < kMaxSteps, "the pattern is too large");
    switch (tree.type) {
      case Tree::Type::kEmpty:
        return next;
      case Tree::Type::kSet:
        sets_.push_back(tree.set);
        return add({.kind = Kind::kSet, .next = next, .set = static_cast<std::uint32_t>(sets_.size() - 1)});
      case Tree::Type::kAssert:
        return add({.kind = tree.assertion, .next = next});
      case Tree::Type::kSequence:
        for (auto part = tree.parts.rbegin(); part != tree.parts.rend(); ++part) next = add(*part, next);
        return next;
      case Tree::Type::kChoice: {
        std::uint32_t entry = add(tree.parts.back(), next);
        for (std::size_t i = tree.parts.size() - 1; i-- > 0;)
          entry = add({.kind = Kind::kSplit, .next = add(tree.parts[i], next), .other = entry});
        return entry;
      }
      case Tree::Type::kRepeat:
        break;
    }
    const Tree& body = tree.parts.front();
    std::uint32_t entry = next;
    int copies = tree.least;
    if (tree.most < 0) {
      const std::uint32_t split = add({.kind = Kind::kSplit, .next = 0, .other = next});
      const std::uint32_t again = add(body, split);
      states_[split].next = again;
      entry = copies > 0 ? again : split;
      copies = std::max(copies - 1, 0);
    } else {
      for (int i = tree.least; i < tree.most; ++i)
        entry = add({.kind = Kind::kSplit, .next = add(body, entry), .other = next});
    }
    for (int i = 0; i < copies; ++i) entry = add(body, entry);
    return entry;
  }

 private:
  std::vector<Regex::State>& states_;
  std::vector<Set>& sets_;
  std::size_t steps_ = 0;
};

}  // namespace

bool Regex::Set::contains(std::uint32_t c) const {
  const auto listed = [&](std::uint32_t value) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [value](const Range& r) { return value >= r.first && value <= r.second; });
  };
  const bool in = listed(c) ||
                  (fold_case && (listed(with_case(c, LetterCase::kLower)) || listed(with_case(c, LetterCase::kUpper))));
  return in != negated;
}

Regex::Regex(std::string_view pattern) {
  const Tree tree = Parser(pattern).parse();
  Assembler assembler(states_, sets_);
  const std::uint32_t match = assembler.add(State{});
  start_ = assembler.add(tree, match);
  for (Set& set : sets_) {
    for (std::uint32_t c = 0; c < 128; ++c) {
      if (set.contains(c)) set.ascii[c / 64] |= std::uint64_t{1} << (c % 64);
    }
  }
}

bool Regex::full_match(std::string_view text) const {
  constexpr std::int64_t kNone = -1;
  // A thread keeps its lists, so that many short texts do not allocate.
  thread_local std::vector<std::uint32_t> reading;
  thread_local std::vector<std::uint32_t> pending;
  // The place (counted from 1) at which a state was last entered.
  thread_local std::vector<std::size_t> entered;
  pending.assign(1, start_);
  entered.assign(states_.size(), 0);
  std::int64_t before = kNone;
  for (std::size_t at = 0, place = 1;; ++place) {
    const CodePoint point = at < text.size() ? decode_utf8(text, at) : CodePoint{};
    const std::int64_t here = at < text.size() && point.bytes > 0 ? static_cast<std::int64_t>(point.value) : kNone;
    const auto word = [](std::int64_t c) { return c != kNone && is_word(static_cast<std::uint32_t>(c)); };
    reading.clear();
    bool matched = false;
    while (!pending.empty()) {
      const std::uint32_t s = pending.back();
      pending.pop_back();
      if (entered[s] == place) continue;
      entered[s] = place;
      const State& state = states_[s];
      bool holds = false;
      switch (state.kind) {
        case Kind::kMatch:
          matched = true;
          break;
        case Kind::kSet:
          reading.push_back(s);
          break;
        case Kind::kSplit:
          pending.push_back(state.other);
          holds = true;
          break;
        case Kind::kTextBegin:
          holds = at == 0;
          break;
        case Kind::kTextEnd:
          holds = at == text.size();
          break;
        case Kind::kLineBegin:
          holds = at == 0 || before == '\n';
          break;
        case Kind::kLineEnd:
          holds = at == text.size() || here == '\n';
          break;
        case Kind::kWordBoundary:
          holds = word(before) != word(here);
          break;
        case Kind::kNoWordBoundary:
          holds = word(before) == word(here);
          break;
      }
      if (holds) pending.push_back(state.next);
    }
    if (at == text.size()) return matched;
    if (here == kNone) return false;
    for (const std::uint32_t s : reading) {
      const Set& set = sets_[states_[s].set];
      const std::uint32_t c = point.value;
      if (c < 128 ? (set.ascii[c / 64] >> (c % 64) & 1U) != 0 : set.contains(c)) pending.push_back(states_[s].next);
    }
    if (pending.empty()) return false;
    before = here;
    at += point.bytes;
  }
}

}  // namespace oriel::ops
