// Forests of decision trees over rows of features.
#pragma once

#include <cstdint>

#include "base/element_type.h"

namespace oriel::kernels {

enum class TreeTest : std::uint8_t { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kLeaf };

/// A test "feature op threshold" in f64 that leads to next[1] where it holds and to next[0] where not; NaN holds where
/// missing_is_true. A leaf has next[0] votes from votes[next[1]] on.
struct TreeNode {
  double threshold;
  std::int32_t feature;
  std::int32_t next[2];
  TreeTest test;
  bool missing_is_true;
};

struct TreeVote {
  double weight;
  std::int32_t target;
};

enum class TreeFold : std::uint8_t { kSum, kMin, kMax };

struct Trees {
  const TreeNode* nodes = nullptr;
  const TreeVote* votes = nullptr;
  const std::int32_t* roots = nullptr;
  std::int64_t root_count = 0;
  std::int64_t targets = 0;
  TreeFold fold = TreeFold::kSum;
};

/// The votes of all trees for rows [first, last) of x, [rows][features] of f32, f64, i32 or i64, folded in the order of
/// the roots: score and voted are [last - first][targets], 0 where nobody voted. Every feature of a test is below
/// `features`.
void tree_scores(const Trees& trees, ElementType type, const void* x, std::int64_t features, std::int64_t first,
                 std::int64_t last, double* score, std::uint8_t* voted);

}  // namespace oriel::kernels
