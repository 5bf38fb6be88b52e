// The model of TfIdfVectorizer, read once from its attributes.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ops/common.h"

namespace oriel::ops {

/// N-grams of a pool as nodes of a tree, node 0 the root: a path spells an n-gram.
template <typename Key>
class GramTree {
 public:
  /// `output[i]` is the place in the output of n-gram i of the pool. Throws Error(kInvalidArgument) for an n-gram that
  /// stands there twice, or for lists that contradict each other.
  GramTree(const std::vector<Key>& pool, const Attributes& attributes, const std::vector<std::int64_t>& outputs);
  /// Adds 1 to counts at the output of every n-gram of items 0 to `items` - 1, which item(i) gives.
  template <typename Item>
  void count(std::int64_t items, Item&& item, float* counts) const {
    for (std::int64_t step = 1; step <= skips_ + 1; ++step) {
      for (std::int64_t begin = 0; begin < items; ++begin) {
        const Node* node = &nodes_[0];
        std::int64_t at = begin;
        for (std::int64_t length = 1; length <= longest_ && at < items; ++length, at += step) {
          const auto found = node->next.find(item(at));
          if (found == node->next.end()) break;
          node = &nodes_[found->second];
          // Single items have no gaps: they count once.
          if (node->output >= 0 && (length > 1 || step == 1)) counts[node->output] += 1;
        }
      }
      if (step >= items) break;
    }
  }

 private:
  struct Node {
    std::int64_t output = -1;
    std::unordered_map<Key, std::size_t> next;
  };
  std::vector<Node> nodes_;
  std::int64_t longest_;
  std::int64_t skips_;
};

/// TF: the count; IDF: the weight where the n-gram appears; TFIDF: the count times the weight.
enum class GramMode : std::uint8_t { kTf, kIdf, kTfIdf };

class TfIdf {
 public:
  /// Throws Error(kInvalidArgument) for attributes that contradict each other. Pools that are not given stay empty.
  explicit TfIdf(const Attributes& attributes);
  /// Dimensions of the result for those of x; throws Error(kInvalidArgument) for other ranks than 1 and 2.
  Dims dims(const Tensor& x) const;
  /// Rows [first, last) of the result. Throws Error(kInvalidArgument) where x has no pool of its type.
  void rows(const Tensor& x, std::int64_t first, std::int64_t last, float* out) const;
  /// Throws Error(kInvalidArgument) where x has no pool of its type.
  void check(const Tensor& x) const;

 private:
  void weigh(float* counts) const;
  GramMode mode_;
  std::int64_t width_;
  std::vector<float> weight_;  // by output
  std::unique_ptr<GramTree<std::string>> strings_;
  std::unique_ptr<GramTree<std::int64_t>> integers_;
};

}  // namespace oriel::ops
