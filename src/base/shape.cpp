// Shapes and broadcasting.
#include "base/shape.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace oriel {

bool Shape::is_static() const {
  return ranked_ && std::all_of(dims_.begin(), dims_.end(), [](const Dim& d) { return d.is_known(); });
}

Dims Shape::to_dims() const {
  Dims dims;
  for (const Dim& d : dims_) dims.push_back(d.value());
  return dims;
}

Dim Shape::elements() const {
  if (!ranked_) return Dim::unknown();
  Dim product(1);
  for (const Dim& d : dims_) product = product * d;
  return product;
}

bool Shape::same(const Shape& other) const {
  if (!ranked_ || !other.ranked_ || dims_.size() != other.dims_.size()) return false;
  for (std::size_t i = 0; i < dims_.size(); ++i) {
    if (!dims_[i].same(other.dims_[i])) return false;
  }
  return true;
}

bool Shape::contains(const Dims& dims) const {
  if (!ranked_) return true;
  if (dims.size() != dims_.size()) return false;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < dims_[i].min() || dims[i] > dims_[i].max()) return false;
  }
  return true;
}

std::string Shape::to_string() const {
  if (!ranked_) return "[...]";
  std::string text = "[";
  for (std::size_t i = 0; i < dims_.size(); ++i) text += (i == 0 ? "" : ", ") + dims_[i].to_string();
  return text + "]";
}

namespace {

// Levels of extents that are the wider of two others; beyond them the result of a broadcast is unknown.
constexpr int kWidestOf = 3;

// Whether y is min(x, c) with c > 1, as a slice of that many rows is long: where the two broadcast, x is the result.
bool is_clipped(const Dim& y, const Dim& x) {
  if (y.symbol() < 0) return false;
  const SymbolTable::Symbol& s = y.table()->symbol(y.symbol());
  if (s.kind != SymbolTable::Kind::kMin) return false;
  return (s.left.same(x) && s.right.min() > 1) || (s.right.same(x) && s.left.min() > 1);
}

// What two extents that broadcast against each other give, as an expression: the larger one, or 0 beside a 0. Where
// they do not broadcast, the value means nothing.
Dim wider(const Dim& x, const Dim& y) {
  const Dim larger = max(x, y);
  return x.min() >= 1 && y.min() >= 1 ? larger : larger * min(min(x, y), Dim(1));
}

// The operands of an extent that is wider(x, y) of two others.
struct Operands {
  Dim x, y;
};
std::optional<Operands> operands_of_wider(const Dim& d) {
  if (d.symbol() < 0) return std::nullopt;
  const SymbolTable::Symbol* s = &d.table()->symbol(d.symbol());
  if (s->kind == SymbolTable::Kind::kProduct) {
    const auto is_larger = [&](const Dim& f) {
      return f.symbol() >= 0 && f.table()->symbol(f.symbol()).kind == SymbolTable::Kind::kMax;
    };
    if (!is_larger(s->left) && !is_larger(s->right)) return std::nullopt;
    const Dim& larger = is_larger(s->left) ? s->left : s->right;
    s = &larger.table()->symbol(larger.symbol());
  } else if (s->kind != SymbolTable::Kind::kMax) {
    return std::nullopt;
  }
  // Copies: making the expression again may move the table's symbols.
  const Operands found{s->left, s->right};
  if (!wider(found.x, found.y).same(d)) return std::nullopt;
  return found;
}

// Whether `part` is among what `d` is the widest of: where the two broadcast, d is the result.
bool absorbs(const Dim& d, const Dim& part, int depth = 0) {
  if (d.same(part)) return true;
  if (depth == kWidestOf) return false;
  const std::optional<Operands> o = operands_of_wider(d);
  return o && (absorbs(o->x, part, depth + 1) || absorbs(o->y, part, depth + 1));
}

int depth_of_wider(const Dim& d) {
  const std::optional<Operands> o = operands_of_wider(d);
  return o ? 1 + std::max(depth_of_wider(o->x), depth_of_wider(o->y)) : 0;
}

}  // namespace

Shape broadcast(const Shape& a, const Shape& b) {
  if (!a.is_ranked() || !b.is_ranked()) return Shape::unranked();
  const std::size_t rank = std::max(a.rank(), b.rank());
  std::vector<Dim> dims(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const Dim x = i + a.rank() < rank ? Dim(1) : a[i + a.rank() - rank];
    const Dim y = i + b.rank() < rank ? Dim(1) : b[i + b.rank() - rank];
    if (x.is_known() && x.value() == 1) {
      dims[i] = y;
    } else if (y.is_known() && y.value() == 1) {
      dims[i] = x;
    } else if (is_clipped(y, x) || absorbs(x, y)) {
      dims[i] = x;
    } else if (is_clipped(x, y) || absorbs(y, x)) {
      dims[i] = y;
    } else if (x.is_known() && y.is_known()) {
      fail(ErrorCode::kInvalidArgument, "shapes {} and {} do not broadcast: {} against {} on axis {}", a.to_string(),
           b.to_string(), x.value(), y.value(), i);
    } else if (x.is_known() || x.min() > 1) {
      dims[i] = x;
    } else if (y.is_known() || y.min() > 1) {
      dims[i] = y;
    } else if (x.has_expression() && y.has_expression() && depth_of_wider(x) < kWidestOf &&
               depth_of_wider(y) < kWidestOf) {
      dims[i] = wider(x, y).bounded(std::min(x.min(), y.min()), std::max(x.max(), y.max()));
    } else {
      dims[i] = Dim::unknown(std::min(x.min(), y.min()), std::max(x.max(), y.max()));
    }
  }
  return Shape(std::move(dims));
}

Dims broadcast(const Dims& a, const Dims& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Dims dims(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t x = i + a.size() < rank ? 1 : a[i + a.size() - rank];
    const std::int64_t y = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    if (x != y && x != 1 && y != 1) {
      fail(ErrorCode::kInvalidArgument, "shapes {} and {} do not broadcast: {} against {} on axis {}", to_string(a),
           to_string(b), x, y, i);
    }
    dims[i] = x == 1 ? y : x;
  }
  return dims;
}

std::int64_t count_elements(const Dims& dims) {
  std::int64_t count = 1;
  bool zero = false;
  for (const std::int64_t d : dims) {
    ORIEL_REQUIRE(d >= 0, "negative dimension in shape {}", to_string(dims));
    if (d == 0) zero = true;
    ORIEL_REQUIRE(zero || !__builtin_mul_overflow(count, d, &count), "shape {} has too many elements", to_string(dims));
  }
  return zero ? 0 : count;
}

Dims row_major_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i > 1; --i)
    strides[i - 2] = strides[i - 1] * std::max<std::int64_t>(dims[i - 1], 1);
  return strides;
}

std::string to_string(const Dims& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) text += formatted("{}{}", i == 0 ? "" : ", ", dims[i]);
  return text + "]";
}

void bind_symbols(const Shape& shape, const Dims& dims, Bindings& symbols) {
  if (!shape.is_ranked() || shape.rank() != dims.size()) return;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const SymbolId id = shape[i].symbol();
    if (id < 0 || shape[i].table()->is_derived(id)) continue;
    if (symbols.size() <= static_cast<std::size_t>(id)) symbols.resize(shape[i].table()->size(), kUnbound);
    symbols[static_cast<std::size_t>(id)] = dims[i];
  }
}

std::int64_t normalize_axis(std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  ORIEL_REQUIRE(axis >= -r && axis < r, "axis {} out of range for rank {}", axis, rank);
  return axis < 0 ? axis + r : axis;
}

}  // namespace oriel
