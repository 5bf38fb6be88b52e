// What each level offers to attention beside the tiles of the matrix product.
#pragma once

#include <cstdint>

namespace oriel::kernels {

constexpr int kAttentionFewRows = 4;

struct AttentionTable {
  /// s[r][j] = dot(q[r], k[j]) for few rows (1 to kAttentionFewRows) and all keys.
  void (*scores)(const float* q, std::int64_t q_row, int rows, const float* k, std::int64_t k_row, std::int64_t keys,
                 std::int64_t dim, float* s, std::int64_t s_row);
  /// o[r][d] += sum over j of p[r][j] v[j][d] for few rows.
  void (*mix)(const float* p, std::int64_t p_row, int rows, const float* v, std::int64_t v_row, std::int64_t keys,
              std::int64_t dim, float* o, std::int64_t o_row);
  /// s = softcap * tanh(s / softcap).
  void (*cap)(float* s, std::int64_t n, float softcap);
  /// s += bias; -infinity where keep is zero; either may be null.
  void (*mask)(float* s, const float* bias, const std::uint8_t* keep, std::int64_t n);
  float (*highest)(const float* s, std::int64_t n);
  /// s = exp(s - shift), returning the sum.
  float (*exponentials)(float* s, std::int64_t n, float shift);
  /// y = x * factor.
  void (*scale)(const float* x, float* y, std::int64_t n, float factor);
};

extern const AttentionTable kAttentionScalar;
extern const AttentionTable kAttentionAvx2;
extern const AttentionTable kAttentionAvx512;

}  // namespace oriel::kernels
