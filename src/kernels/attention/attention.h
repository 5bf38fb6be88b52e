// Fused scaled dot-product attention that never holds the whole score matrix: in f32, or with products of bf16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// out = softmax(cap(scale * Q K^T) + mask) V for every batch entry and head; cap(s) = softcap * tanh(s / softcap).
///
/// Strides count elements; the innermost axes (dim of Q and K, value_dim of V and out, keys of the masks) are dense.
/// Any stride may be zero in inputs. heads is a multiple of kv_heads: head h reads key head h / (heads / kv_heads). out
/// must not overlap an input. Query i stands at position past + i among the keys. A row without any visible key gives
/// zeros. Numeric promise: f32 throughout, exp to 2 ulp, sums in lanes and over blocks of keys; independent of the
/// number of threads only for equal blocks of rows, that is for equal plans. With `bf16`, both products round their
/// operands to bf16 (Q, K, V, and the exponentials) and sum in f32, but for few rows of f32 operands; Q, K, V and out
/// may then lie in memory as bf16, each as it says.
struct Attention {
  std::int64_t batch = 0, heads = 0, kv_heads = 0;
  std::int64_t queries = 0, keys = 0;
  std::int64_t dim = 0, value_dim = 0;
  std::int64_t past = 0;    ///< for causal and window only
  bool causal = false;      ///< query i sees keys j <= past + i
  std::int64_t window = 0;  ///< where positive, query i sees keys j > past + i - window
  float scale = 1.0f;
  float softcap = 0.0f;  ///< none where zero

  bool bf16 = false;  ///< as f32 where the level has no products of bf16
  bool narrow_q = false, narrow_k = false, narrow_v = false, narrow_out = false;  ///< elements are bf16

  const void* q = nullptr;
  std::int64_t q_batch = 0, q_head = 0, q_row = 0;
  const void* k = nullptr;
  std::int64_t k_batch = 0, k_head = 0, k_row = 0;
  const void* v = nullptr;
  std::int64_t v_batch = 0, v_head = 0, v_row = 0;
  void* out = nullptr;
  std::int64_t out_batch = 0, out_head = 0, out_row = 0;

  const float* bias = nullptr;         ///< added to the scores, [batch][head][query][key] by the strides, or null
  const std::uint8_t* keep = nullptr;  ///< nonzero where a key is visible, by the same strides, or null
  std::int64_t mask_batch = 0, mask_head = 0, mask_row = 0;
  const std::int64_t* key_counts = nullptr;  ///< keys of each batch entry, at most `keys`, or null
};

/// Sizes of the pieces of work, from extents and threads alone: pointers and strides may change between runs.
struct AttentionPlan {
  std::int64_t units = 0;
  std::int64_t rows_per_unit = 0;  ///< rows are the queries of all heads that share a key head
  std::int64_t row_units = 0;
  std::int64_t keys_per_block = 0;
  std::size_t scratch_bytes = 0;  ///< per thread, 64-byte aligned
  Isa isa = Isa::kScalar;
  bool bf16 = false;
};

AttentionPlan attention_plan(const Attention& shape, int threads, Isa isa = max_isa());

/// Units [first, last), with scratch of this thread's own.
void attention_run(const AttentionPlan& plan, const Attention& x, std::int64_t first, std::int64_t last, void* scratch);

}  // namespace oriel::kernels
