// A tree at a time over a chunk of rows, so that its nodes stay in the cache.
#include "kernels/trees/trees.h"

#include <algorithm>

namespace oriel::kernels {
namespace {

bool holds(const TreeNode& n, double x) {
  if (x != x) return n.missing_is_true || n.test == TreeTest::kNotEqual;
  switch (n.test) {
    case TreeTest::kLessEqual:
      return x <= n.threshold;
    case TreeTest::kLess:
      return x < n.threshold;
    case TreeTest::kGreaterEqual:
      return x >= n.threshold;
    case TreeTest::kGreater:
      return x > n.threshold;
    case TreeTest::kEqual:
      return x == n.threshold;
    case TreeTest::kNotEqual:
      return x != n.threshold;
    case TreeTest::kLeaf:
      break;
  }
  return false;
}

template <typename T>
void fold_rows(const Trees& trees, const T* x, std::int64_t features, std::int64_t first, std::int64_t last,
               double* score, std::uint8_t* voted) {
  for (std::int64_t r = 0; r < trees.root_count; ++r) {
    for (std::int64_t row = first; row < last; ++row) {
      const T* values = x + row * features;
      const TreeNode* n = trees.nodes + trees.roots[r];
      while (n->test != TreeTest::kLeaf)
        n = trees.nodes + n->next[holds(*n, static_cast<double>(values[n->feature])) ? 1 : 0];
      double* own = score + (row - first) * trees.targets;
      std::uint8_t* seen = voted + (row - first) * trees.targets;
      for (std::int32_t i = 0; i < n->next[0]; ++i) {
        const TreeVote& v = trees.votes[n->next[1] + i];
        if (seen[v.target] == 0) {
          own[v.target] = v.weight;
        } else if (trees.fold == TreeFold::kSum) {
          own[v.target] += v.weight;
        } else {
          own[v.target] =
              trees.fold == TreeFold::kMin ? std::min(own[v.target], v.weight) : std::max(own[v.target], v.weight);
        }
        seen[v.target] = 1;
      }
    }
  }
}

}  // namespace

void tree_scores(const Trees& trees, ElementType type, const void* x, std::int64_t features, std::int64_t first,
                 std::int64_t last, double* score, std::uint8_t* voted) {
  std::fill_n(score, (last - first) * trees.targets, 0.0);
  std::fill_n(voted, (last - first) * trees.targets, std::uint8_t{0});
  switch (type) {
    case ElementType::kF32:
      return fold_rows(trees, static_cast<const float*>(x), features, first, last, score, voted);
    case ElementType::kF64:
      return fold_rows(trees, static_cast<const double*>(x), features, first, last, score, voted);
    case ElementType::kI32:
      return fold_rows(trees, static_cast<const std::int32_t*>(x), features, first, last, score, voted);
    case ElementType::kI64:
      return fold_rows(trees, static_cast<const std::int64_t*>(x), features, first, last, score, voted);
    default:
      return;
  }
}

}  // namespace oriel::kernels
