// Dimensions: intervals with an affine expression over symbols, and the table that gives symbols their meaning.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/small_vector.h"

namespace oriel {

class SymbolTable;
using SymbolId = std::int32_t;
using Dims = SmallVector<std::int64_t, 8>;

/// The upper end of an interval that has none.
inline constexpr std::int64_t kUnboundedDim = std::numeric_limits<std::int64_t>::max();

/// Known values of symbols by id; kUnbound where unknown.
inline constexpr std::int64_t kUnbound = std::numeric_limits<std::int64_t>::min();
using Bindings = std::vector<std::int64_t>;

/// An integer that may not be known yet: constant + sum of coefficient * symbol, inside an interval.
///
/// Arithmetic stays symbolic: what is not affine (products, quotients, extrema of symbols) becomes a derived symbol
/// that is the same for the same operands, so equal computations compare equal. A Dim without expression ("unknown") is
/// something that inference could not follow; a Graph turns it into a fresh symbol when a node is added. The same class
/// carries the contents of small integer tensors, which may be negative.
class Dim {
 public:
  struct Term {
    SymbolId symbol;
    std::int64_t coefficient;
    friend bool operator==(const Term&, const Term&) = default;
  };

  Dim() : Dim(0) {}
  Dim(std::int64_t value) : min_(value), max_(value), constant_(value) {}  // NOLINT: a number is a Dim by design
  Dim(int value) : Dim(static_cast<std::int64_t>(value)) {}                // NOLINT
  Dim(std::size_t value) : Dim(static_cast<std::int64_t>(value)) {}        // NOLINT

  /// Nothing known beyond the interval.
  static Dim unknown(std::int64_t min = 0, std::int64_t max = kUnboundedDim);
  /// The symbol itself.
  static Dim of_symbol(SymbolTable& table, SymbolId symbol);

  bool is_known() const { return has_expression_ && terms_.empty(); }
  bool has_expression() const { return has_expression_; }
  /// The number; only for is_known().
  std::int64_t value() const { return constant_; }
  std::int64_t min() const { return min_; }
  std::int64_t max() const { return max_; }
  std::int64_t constant() const { return constant_; }
  const SmallVector<Term, 2>& terms() const { return terms_; }
  SymbolTable* table() const { return table_; }
  /// The symbol where the expression is exactly one symbol, else -1.
  SymbolId symbol() const;

  /// True only where both are certain to be equal.
  bool same(const Dim& other) const;
  /// False only where the two are certain to differ.
  bool may_equal(const Dim& other) const;
  /// The same expression with its interval narrowed.
  Dim bounded(std::int64_t min, std::int64_t max) const;

  /// The value under bindings; kUnbound where a symbol has none or there is no expression.
  std::int64_t evaluate(const Bindings& bindings) const;

  /// "3", "N", "2*N + 1", "?".
  std::string to_string() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  /// Quotients round towards minus infinity (floor) or plus infinity (ceil); a divisor of 0 gives unknown.
  friend Dim floor_div(const Dim& a, const Dim& b);
  friend Dim ceil_div(const Dim& a, const Dim& b);
  friend Dim modulo(const Dim& a, const Dim& b);
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);

 private:
  friend class SymbolTable;
  void refresh_interval();

  std::int64_t min_;
  std::int64_t max_;
  std::int64_t constant_ = 0;
  SymbolTable* table_ = nullptr;
  SmallVector<Term, 2> terms_;
  bool has_expression_ = true;
};

Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
Dim floor_div(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);
Dim modulo(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);

/// The symbols of one model: named ones (dimensions of model inputs), fresh ones (extents that only running a node
/// tells) and derived ones (functions of others). Shared by a graph, its bodies and everything compiled from them; a
/// model's table is written while it is loaded and compiled, and only read afterwards.
class SymbolTable {
 public:
  enum class Kind : std::uint8_t { kNamed, kFresh, kProduct, kFloorDiv, kCeilDiv, kModulo, kMin, kMax };
  struct Symbol {
    Kind kind;
    std::string name;
    std::int64_t min;
    std::int64_t max;
    Dim left;  // operands of a derived symbol
    Dim right;
  };

  SymbolTable() = default;
  SymbolTable(const SymbolTable&) = delete;
  SymbolTable& operator=(const SymbolTable&) = delete;

  /// The symbol of that name, made on first use.
  SymbolId named(std::string_view name, std::int64_t min = 0, std::int64_t max = kUnboundedDim);
  SymbolId fresh(std::string_view hint, std::int64_t min = 0, std::int64_t max = kUnboundedDim);
  Dim derived(Kind kind, const Dim& left, const Dim& right);

  const Symbol& symbol(SymbolId id) const { return symbols_[static_cast<std::size_t>(id)]; }
  std::size_t size() const { return symbols_.size(); }
  bool is_derived(SymbolId id) const { return symbol(id).kind >= Kind::kProduct; }

  /// Value of a derived symbol under bindings of its operands; kUnbound where they are not bound.
  std::int64_t evaluate(SymbolId id, const Bindings& bindings) const;
  /// Fills in every derived symbol whose operands are bound and that is not bound itself.
  void complete(Bindings& bindings) const;
  /// Appends the symbols that `dim` depends on, operands first, each once.
  void collect(const Dim& dim, std::vector<SymbolId>& into) const;

 private:
  std::vector<Symbol> symbols_;
  std::unordered_map<std::string, SymbolId> by_key_;
};

}  // namespace oriel
