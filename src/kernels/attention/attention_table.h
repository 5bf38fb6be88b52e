// What each level offers to attention beside the tiles of the matrix product.
#pragma once

#include <cstdint>

namespace oriel::kernels {

constexpr int kAttentionFewRows = 4;

/// One row of a block of scores, as AttentionTable::soften reads and leaves it.
struct AttentionRow {
  float* s = nullptr;                  ///< n scores in; exp(scores - top) out, 0 outside of [begin, end)
  const float* bias = nullptr;         ///< n values added to the scores, or null
  const std::uint8_t* keep = nullptr;  ///< n flags, zero where a score counts as -infinity, or null
  std::int64_t n = 0;
  std::int64_t begin = 0, end = 0;  ///< the scores that count
  float top = 0.0F;                 ///< a lower bound in; the maximum of it and of the scores out
  float sum = 0.0F;                 ///< of the exponentials; where top is -infinity they are taken of the scores
};

struct AttentionTable {
  /// s[r][j] = dot(q[r], k[j]) for few rows (1 to kAttentionFewRows) and all keys.
  void (*scores)(const float* q, std::int64_t q_row, int rows, const float* k, std::int64_t k_row, std::int64_t keys,
                 std::int64_t dim, float* s, std::int64_t s_row);
  /// o[r][d] += sum over j of p[r][j] v[j][d] for few rows.
  void (*mix)(const float* p, std::int64_t p_row, int rows, const float* v, std::int64_t v_row, std::int64_t keys,
              std::int64_t dim, float* o, std::int64_t o_row);
  /// s = softcap * tanh(s / softcap).
  void (*cap)(float* s, std::int64_t n, float softcap);
  /// A step of the softmax for 1 to kAttentionFewRows rows.
  void (*soften)(AttentionRow* rows, int count);
  /// e^x.
  float (*exponential)(float x);
  /// y = x * factor.
  void (*scale)(const float* x, float* y, std::int64_t n, float factor);
};

extern const AttentionTable kAttentionScalar;
extern const AttentionTable kAttentionAvx2;
extern const AttentionTable kAttentionAvx512;

}  // namespace oriel::kernels
