// Interval and affine arithmetic of dimensions.
#include "base/dim.h"

#include <algorithm>

#include "base/format.h"

namespace oriel {
namespace {

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min() + 1;
constexpr std::int64_t kHighest = kUnboundedDim;

std::int64_t clamp128(__int128 value) {
  if (value > kHighest) return kHighest;
  if (value < kLowest) return kLowest;
  return static_cast<std::int64_t>(value);
}

bool infinite(std::int64_t v) { return v == kHighest || v == kLowest; }

std::int64_t add_end(std::int64_t a, std::int64_t b) {
  if (infinite(a)) return a;
  if (infinite(b)) return b;
  return clamp128(static_cast<__int128>(a) + b);
}

std::int64_t mul_end(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return 0;
  return clamp128(static_cast<__int128>(a) * b);
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

std::int64_t ceil_quotient(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return (a % b != 0 && ((a < 0) == (b < 0))) ? q + 1 : q;
}

SymbolTable* table_of(const Dim& a, const Dim& b) { return a.table() != nullptr ? a.table() : b.table(); }

struct Interval {
  std::int64_t min;
  std::int64_t max;
};

Interval product_interval(const Dim& a, const Dim& b) {
  const std::int64_t ends[] = {mul_end(a.min(), b.min()), mul_end(a.min(), b.max()), mul_end(a.max(), b.min()),
                               mul_end(a.max(), b.max())};
  return {*std::min_element(ends, ends + 4), *std::max_element(ends, ends + 4)};
}

Interval quotient_interval(const Dim& a, const Dim& b, std::int64_t (*divide)(std::int64_t, std::int64_t)) {
  if (b.min() <= 0) return {kLowest, kHighest};
  const auto end = [&](std::int64_t x, std::int64_t y) {
    if (infinite(x)) return x;
    return divide(x, y);
  };
  const std::int64_t ends[] = {end(a.min(), b.min()), end(a.min(), b.max()), end(a.max(), b.min()),
                               end(a.max(), b.max())};
  return {*std::min_element(ends, ends + 4), *std::max_element(ends, ends + 4)};
}

Interval derived_interval(SymbolTable::Kind kind, const Dim& a, const Dim& b) {
  using Kind = SymbolTable::Kind;
  switch (kind) {
    case Kind::kProduct:
      return product_interval(a, b);
    case Kind::kFloorDiv:
      return quotient_interval(a, b, floor_quotient);
    case Kind::kCeilDiv:
      return quotient_interval(a, b, ceil_quotient);
    case Kind::kModulo:
      return b.min() > 0 ? Interval{0, b.max() == kHighest ? kHighest : b.max() - 1} : Interval{kLowest, kHighest};
    case Kind::kMin:
      return {std::min(a.min(), b.min()), std::min(a.max(), b.max())};
    case Kind::kMax:
      return {std::max(a.min(), b.min()), std::max(a.max(), b.max())};
    case Kind::kNamed:
    case Kind::kFresh:
      break;
  }
  return {kLowest, kHighest};
}

}  // namespace

Dim Dim::unknown(std::int64_t min, std::int64_t max) {
  Dim d;
  if (min == max) return Dim(min);
  d.has_expression_ = false;
  d.min_ = min;
  d.max_ = max;
  return d;
}

Dim Dim::of_symbol(SymbolTable& table, SymbolId symbol) {
  Dim d;
  d.table_ = &table;
  d.terms_.push_back({symbol, 1});
  d.min_ = table.symbol(symbol).min;
  d.max_ = table.symbol(symbol).max;
  return d;
}

SymbolId Dim::symbol() const {
  if (has_expression_ && constant_ == 0 && terms_.size() == 1 && terms_[0].coefficient == 1) return terms_[0].symbol;
  return -1;
}

bool Dim::same(const Dim& other) const {
  return has_expression_ && other.has_expression_ && constant_ == other.constant_ && terms_ == other.terms_;
}

bool Dim::may_equal(const Dim& other) const {
  if (has_expression_ && other.has_expression_ && terms_ == other.terms_) return constant_ == other.constant_;
  return min_ <= other.max_ && other.min_ <= max_;
}

Dim Dim::bounded(std::int64_t min, std::int64_t max) const {
  Dim d = *this;
  d.min_ = std::max(d.min_, min);
  d.max_ = std::max(d.min_, std::min(d.max_, max));
  return d;
}

void Dim::refresh_interval() {
  std::int64_t low = constant_;
  std::int64_t high = constant_;
  for (const Term& t : terms_) {
    const SymbolTable::Symbol& s = table_->symbol(t.symbol);
    const std::int64_t a = mul_end(s.min, t.coefficient);
    const std::int64_t b = mul_end(s.max, t.coefficient);
    low = add_end(low, std::min(a, b));
    high = add_end(high, std::max(a, b));
  }
  min_ = low;
  max_ = high;
}

std::int64_t Dim::evaluate(const Bindings& bindings) const {
  if (!has_expression_) return kUnbound;
  __int128 sum = constant_;
  for (const Term& t : terms_) {
    const auto i = static_cast<std::size_t>(t.symbol);
    if (i >= bindings.size() || bindings[i] == kUnbound) return kUnbound;
    sum += static_cast<__int128>(t.coefficient) * bindings[i];
  }
  return clamp128(sum);
}

std::string Dim::to_string() const {
  if (!has_expression_) return "?";
  if (terms_.empty()) return std::to_string(constant_);
  std::string text;
  for (const Term& t : terms_) {
    const std::string& name = table_->symbol(t.symbol).name;
    const std::int64_t c = t.coefficient;
    if (text.empty()) {
      if (c == -1)
        text += "-";
      else if (c != 1)
        text += formatted("{}*", c);
    } else {
      text += c < 0 ? " - " : " + ";
      if (c != 1 && c != -1) text += formatted("{}*", c < 0 ? -c : c);
    }
    text += name;
  }
  if (constant_ > 0) text += formatted(" + {}", constant_);
  if (constant_ < 0) text += formatted(" - {}", -constant_);
  return text;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (!a.has_expression_ || !b.has_expression_) return Dim::unknown(add_end(a.min_, b.min_), add_end(a.max_, b.max_));
  Dim d;
  d.table_ = table_of(a, b);
  d.constant_ = clamp128(static_cast<__int128>(a.constant_) + b.constant_);
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.terms_.size() || j < b.terms_.size()) {
    if (j == b.terms_.size() || (i < a.terms_.size() && a.terms_[i].symbol < b.terms_[j].symbol)) {
      d.terms_.push_back(a.terms_[i++]);
    } else if (i == a.terms_.size() || b.terms_[j].symbol < a.terms_[i].symbol) {
      d.terms_.push_back(b.terms_[j++]);
    } else {
      const std::int64_t sum = a.terms_[i].coefficient + b.terms_[j].coefficient;
      if (sum != 0) d.terms_.push_back({a.terms_[i].symbol, sum});
      ++i;
      ++j;
    }
  }
  d.refresh_interval();
  if (!d.terms_.empty()) {
    d.min_ = std::max(d.min_, add_end(a.min_, b.min_));
    d.max_ = std::min(d.max_, add_end(a.max_, b.max_));
  }
  return d;
}

Dim operator*(const Dim& a, const Dim& b) {
  const Interval range = product_interval(a, b);
  if (a.is_known() && a.constant_ == 0) return Dim(0);
  if (b.is_known() && b.constant_ == 0) return Dim(0);
  if (!a.has_expression_ || !b.has_expression_) return Dim::unknown(range.min, range.max);
  if (!a.is_known() && !b.is_known()) return table_of(a, b)->derived(SymbolTable::Kind::kProduct, a, b);
  const Dim& variable = a.is_known() ? b : a;
  const std::int64_t factor = a.is_known() ? a.constant_ : b.constant_;
  Dim d = variable;
  d.constant_ = mul_end(variable.constant_, factor);
  for (Dim::Term& t : d.terms_) t.coefficient = mul_end(t.coefficient, factor);
  d.min_ = range.min;
  d.max_ = range.max;
  return d;
}

Dim operator-(const Dim& a, const Dim& b) { return a + b * Dim(-1); }

namespace {

// The exact quotient where every coefficient is a multiple of the divisor.
bool divides(const Dim& a, std::int64_t divisor) {
  if (a.constant() % divisor != 0) return false;
  return std::all_of(a.terms().begin(), a.terms().end(),
                     [&](const Dim::Term& t) { return t.coefficient % divisor == 0; });
}

Dim exact_quotient(const Dim& a, std::int64_t divisor) {
  Dim d = Dim(a.constant() / divisor);
  for (const Dim::Term& t : a.terms()) d = d + Dim::of_symbol(*a.table(), t.symbol) * Dim(t.coefficient / divisor);
  return d;
}

Dim binary(SymbolTable::Kind kind, const Dim& a, const Dim& b) {
  const Interval range = derived_interval(kind, a, b);
  if (!a.has_expression() || !b.has_expression()) return Dim::unknown(range.min, range.max);
  return table_of(a, b)->derived(kind, a, b);
}

}  // namespace

Dim floor_div(const Dim& a, const Dim& b) {
  if (b.is_known()) {
    if (b.value() == 0) return Dim::unknown(kLowest);
    if (a.is_known()) return Dim(floor_quotient(a.value(), b.value()));
    if (a.has_expression() && divides(a, b.value())) return exact_quotient(a, b.value());
  }
  if (a.same(b) && a.min() > 0) return Dim(1);
  if (a.has_expression() && b.has_expression() && a.symbol() >= 0) {
    const SymbolTable::Symbol& s = a.table()->symbol(a.symbol());
    if (s.kind == SymbolTable::Kind::kProduct && b.min() > 0) {
      if (s.left.same(b)) return s.right;
      if (s.right.same(b)) return s.left;
    }
  }
  return binary(SymbolTable::Kind::kFloorDiv, a, b);
}

Dim ceil_div(const Dim& a, const Dim& b) {
  if (b.is_known()) {
    if (b.value() == 0) return Dim::unknown(kLowest);
    if (a.is_known()) return Dim(ceil_quotient(a.value(), b.value()));
    if (a.has_expression() && divides(a, b.value())) return exact_quotient(a, b.value());
  }
  return binary(SymbolTable::Kind::kCeilDiv, a, b);
}

Dim modulo(const Dim& a, const Dim& b) {
  if (b.is_known()) {
    if (b.value() == 0) return Dim::unknown(kLowest);
    if (a.is_known()) return Dim(a.value() - floor_quotient(a.value(), b.value()) * b.value());
    if (a.has_expression() && divides(a, b.value())) return Dim(0);
  }
  return binary(SymbolTable::Kind::kModulo, a, b);
}

Dim min(const Dim& a, const Dim& b) {
  if (a.max() <= b.min() || a.same(b)) return a;
  if (b.max() <= a.min()) return b;
  return binary(SymbolTable::Kind::kMin, a, b);
}

Dim max(const Dim& a, const Dim& b) {
  if (a.min() >= b.max() || a.same(b)) return a;
  if (b.min() >= a.max()) return b;
  return binary(SymbolTable::Kind::kMax, a, b);
}

SymbolId SymbolTable::named(std::string_view name, std::int64_t min, std::int64_t max) {
  const std::string key = "n:" + std::string(name);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) return found->second;
  const auto id = static_cast<SymbolId>(symbols_.size());
  symbols_.push_back({Kind::kNamed, std::string(name), min, max, Dim(), Dim()});
  by_key_.emplace(key, id);
  return id;
}

SymbolId SymbolTable::fresh(std::string_view hint, std::int64_t min, std::int64_t max) {
  const auto id = static_cast<SymbolId>(symbols_.size());
  symbols_.push_back({Kind::kFresh, formatted("{}#{}", hint, id), min, max, Dim(), Dim()});
  return id;
}

Dim SymbolTable::derived(Kind kind, const Dim& left, const Dim& right) {
  static constexpr const char* kSigns[] = {"", "", "*", "/", "\\", "%", "min", "max"};
  const bool commutes = kind == Kind::kProduct || kind == Kind::kMin || kind == Kind::kMax;
  std::string a = left.to_string();
  std::string b = right.to_string();
  const bool swap = commutes && b < a;
  if (swap) std::swap(a, b);
  std::string name = formatted("({} {} {})", a, kSigns[static_cast<int>(kind)], b);
  const std::string key = "d:" + name;
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) return Dim::of_symbol(*this, found->second);
  const Interval range = derived_interval(kind, left, right);
  const auto id = static_cast<SymbolId>(symbols_.size());
  symbols_.push_back({kind, std::move(name), range.min, range.max, swap ? right : left, swap ? left : right});
  by_key_.emplace(key, id);
  return Dim::of_symbol(*this, id);
}

std::int64_t SymbolTable::evaluate(SymbolId id, const Bindings& bindings) const {
  const Symbol& s = symbol(id);
  const std::int64_t a = s.left.evaluate(bindings);
  const std::int64_t b = s.right.evaluate(bindings);
  if (a == kUnbound || b == kUnbound) return kUnbound;
  switch (s.kind) {
    case Kind::kProduct:
      return mul_end(a, b);
    case Kind::kFloorDiv:
      return b == 0 ? kUnbound : floor_quotient(a, b);
    case Kind::kCeilDiv:
      return b == 0 ? kUnbound : ceil_quotient(a, b);
    case Kind::kModulo:
      return b == 0 ? kUnbound : a - floor_quotient(a, b) * b;
    case Kind::kMin:
      return std::min(a, b);
    case Kind::kMax:
      return std::max(a, b);
    case Kind::kNamed:
    case Kind::kFresh:
      break;
  }
  return kUnbound;
}

void SymbolTable::complete(Bindings& bindings) const {
  bindings.resize(symbols_.size(), kUnbound);
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (bindings[i] == kUnbound && symbols_[i].kind >= Kind::kProduct) {
      bindings[i] = evaluate(static_cast<SymbolId>(i), bindings);
    }
  }
}

void SymbolTable::collect(const Dim& dim, std::vector<SymbolId>& into) const {
  for (const Dim::Term& t : dim.terms()) {
    if (std::find(into.begin(), into.end(), t.symbol) != into.end()) continue;
    if (is_derived(t.symbol)) {
      collect(symbol(t.symbol).left, into);
      collect(symbol(t.symbol).right, into);
    }
    if (std::find(into.begin(), into.end(), t.symbol) == into.end()) into.push_back(t.symbol);
  }
}

}  // namespace oriel
