// Forests against a recursive walk.
#include "kernels/trees/trees.h"

#include <cmath>
#include <limits>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

struct Forest {
  std::vector<TreeNode> nodes;
  std::vector<TreeVote> votes;
  std::vector<std::int32_t> roots;
};

std::int32_t grow(Forest& f, std::mt19937& rng, int depth, int features, int targets) {
  const auto at = static_cast<std::int32_t>(f.nodes.size());
  f.nodes.push_back({});
  TreeNode n{};
  if (depth == 0 || rng() % 5 == 0) {
    n.test = TreeTest::kLeaf;
    n.next[0] = static_cast<std::int32_t>(rng() % 3);
    n.next[1] = static_cast<std::int32_t>(f.votes.size());
    for (int i = 0; i < n.next[0]; ++i)
      f.votes.push_back({static_cast<double>(rng() % 100) - 50, static_cast<std::int32_t>(rng() % targets)});
  } else {
    n.test = static_cast<TreeTest>(rng() % 6);
    n.feature = static_cast<std::int32_t>(rng() % features);
    n.threshold = static_cast<double>(rng() % 7) - 3;
    n.missing_is_true = rng() % 2 == 0;
    n.next[0] = grow(f, rng, depth - 1, features, targets);
    n.next[1] = grow(f, rng, depth - 1, features, targets);
  }
  f.nodes[static_cast<std::size_t>(at)] = n;
  return at;
}

const TreeNode& leaf_of(const Forest& f, std::int32_t at, const float* row) {
  const TreeNode& n = f.nodes[static_cast<std::size_t>(at)];
  if (n.test == TreeTest::kLeaf) return n;
  const double x = row[n.feature];
  bool yes = false;
  switch (n.test) {
    case TreeTest::kLessEqual:
      yes = x <= n.threshold;
      break;
    case TreeTest::kLess:
      yes = x < n.threshold;
      break;
    case TreeTest::kGreaterEqual:
      yes = x >= n.threshold;
      break;
    case TreeTest::kGreater:
      yes = x > n.threshold;
      break;
    case TreeTest::kEqual:
      yes = x == n.threshold;
      break;
    default:
      yes = x != n.threshold;
      break;
  }
  if (std::isnan(x) && n.missing_is_true) yes = true;
  return leaf_of(f, n.next[yes ? 1 : 0], row);
}

TEST(Trees, AgreeWithARecursiveWalk) {
  std::mt19937 rng(8);
  for (int round = 0; round < 30; ++round) {
    const int features = 3;
    const int targets = 1 + round % 4;
    Forest f;
    for (int t = 0; t < 6; ++t) f.roots.push_back(grow(f, rng, 5, features, targets));
    const std::int64_t rows = 37;
    std::vector<float> x;
    for (std::int64_t i = 0; i < rows * features; ++i) x.push_back(static_cast<float>(static_cast<int>(rng() % 9) - 4));
    x[4] = std::numeric_limits<float>::quiet_NaN();
    Trees trees{f.nodes.data(), f.votes.data(), f.roots.data(), 6, targets, static_cast<TreeFold>(round % 3)};
    std::vector<double> score(static_cast<std::size_t>(rows * targets));
    std::vector<std::uint8_t> voted(score.size());
    tree_scores(trees, ElementType::kF32, x.data(), features, 0, 20, score.data(), voted.data());
    tree_scores(trees, ElementType::kF32, x.data(), features, 20, rows, score.data() + 20 * targets,
                voted.data() + 20 * targets);
    for (std::int64_t r = 0; r < rows; ++r) {
      std::vector<double> want(static_cast<std::size_t>(targets), 0.0);
      std::vector<int> seen(static_cast<std::size_t>(targets), 0);
      for (const std::int32_t root : f.roots) {
        const TreeNode& leaf = leaf_of(f, root, x.data() + r * features);
        for (int i = 0; i < leaf.next[0]; ++i) {
          const TreeVote& v = f.votes[static_cast<std::size_t>(leaf.next[1]) + static_cast<std::size_t>(i)];
          double& w = want[static_cast<std::size_t>(v.target)];
          if (seen[static_cast<std::size_t>(v.target)]++ == 0) {
            w = v.weight;
          } else {
            w = trees.fold == TreeFold::kSum   ? w + v.weight
                : trees.fold == TreeFold::kMin ? std::fmin(w, v.weight)
                                               : std::fmax(w, v.weight);
          }
        }
      }
      for (int t = 0; t < targets; ++t) {
        const auto at = static_cast<std::size_t>(r * targets + t);
        EXPECT_EQ(score[at], want[static_cast<std::size_t>(t)]);
        EXPECT_EQ(voted[at] != 0, seen[static_cast<std::size_t>(t)] > 0);
      }
    }
  }
}

TEST(Trees, IntegersCompareLikeFloats) {
  const TreeNode nodes[3] = {{2.5, 0, {1, 2}, TreeTest::kLessEqual, false},
                             {0, 0, {1, 0}, TreeTest::kLeaf, false},
                             {0, 0, {1, 1}, TreeTest::kLeaf, false}};
  const TreeVote votes[2] = {{10, 0}, {20, 0}};
  const std::int32_t root = 0;
  const Trees trees{nodes, votes, &root, 1, 1, TreeFold::kSum};
  const std::int64_t wide[2] = {2, 3};
  const std::int32_t slim[2] = {2, 3};
  const double real[2] = {2.5, 2.6};
  for (const auto& [type, x] : std::vector<std::pair<ElementType, const void*>>{
           {ElementType::kI64, wide}, {ElementType::kI32, slim}, {ElementType::kF64, real}}) {
    double score[2];
    std::uint8_t voted[2];
    tree_scores(trees, type, x, 1, 0, 2, score, voted);
    EXPECT_EQ(score[0], 20);
    EXPECT_EQ(score[1], 10);
  }
}

}  // namespace
}  // namespace oriel::kernels
