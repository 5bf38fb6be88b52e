// Shapes: an unknown rank, or a Dim for each axis; and the arithmetic that many operators share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "base/dim.h"

namespace oriel {

/// The shape of a tensor as far as it is known before running.
class Shape {
 public:
  /// A scalar.
  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
  explicit Shape(std::vector<Dim> dims) : dims_(std::move(dims)) {}
  explicit Shape(const Dims& dims) : dims_(dims.begin(), dims.end()) {}
  /// Unknown rank.
  static Shape unranked() {
    Shape s;
    s.ranked_ = false;
    return s;
  }
  /// Known rank, unknown dimensions.
  static Shape of_rank(std::size_t rank) { return Shape(std::vector<Dim>(rank, Dim::unknown())); }

  bool is_ranked() const { return ranked_; }
  /// Number of axes; only for is_ranked().
  std::size_t rank() const { return dims_.size(); }
  const Dim& operator[](std::size_t i) const { return dims_[i]; }
  Dim& operator[](std::size_t i) { return dims_[i]; }
  const std::vector<Dim>& dims() const { return dims_; }
  std::vector<Dim>& dims() { return dims_; }
  bool is_static() const;
  /// The numbers; only for is_static().
  Dims to_dims() const;
  /// Product of all dimensions.
  Dim elements() const;
  /// True only where both are certain to be equal.
  bool same(const Shape& other) const;
  /// Whether concrete dimensions lie inside (rank and every interval).
  bool contains(const Dims& dims) const;
  /// "[2, N, 3]" or "[...]" for an unknown rank.
  std::string to_string() const;

 private:
  std::vector<Dim> dims_;
  bool ranked_ = true;
};

/// numpy broadcasting of two or more shapes (ONNX "multidirectional"); Error(kInvalidArgument) where certain to fail.
Shape broadcast(const Shape& a, const Shape& b);
Dims broadcast(const Dims& a, const Dims& b);

/// Number of elements; Error(kInvalidArgument) on overflow or a negative dimension.
std::int64_t count_elements(const Dims& dims);
/// Row-major strides in elements.
Dims row_major_strides(const Dims& dims);
/// "[2, 3]".
std::string to_string(const Dims& dims);

/// Notes the values of the symbols that stand alone as a dimension, from the dimensions seen at run time.
void bind_symbols(const Shape& shape, const Dims& dims, Bindings& symbols);

/// The axis in [0, rank), counting from the end where negative; Error(kInvalidArgument) where out of range.
std::int64_t normalize_axis(std::int64_t axis, std::size_t rank);

}  // namespace oriel
