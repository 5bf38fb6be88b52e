// Normalisations: layer, RMS, instance and group norm, and the affine form of batch norm.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "kernels/activation.h"

namespace oriel::kernels {

/// Rows of `columns` elements, each normalised by itself: y = (x - mean) / sqrt(variance + epsilon) * scale + bias.
/// The variance is that of the population, from a second pass over the row. With `rms` the mean is taken as zero:
/// y = x / sqrt(mean(x^2) + epsilon) * scale + bias. Nothing needs alignment. Sums run in f32 in lanes.
struct LayerNorm {
  const float* x = nullptr;
  float* y = nullptr;  ///< may be x
  std::int64_t columns = 0;
  const float* scale = nullptr;     ///< one a column, or null for 1
  const float* bias = nullptr;      ///< one a column, or null for 0
  const float* residual = nullptr;  ///< added to x first (and residual_bias, one a column, where not null)
  const float* residual_bias = nullptr;
  float* sum = nullptr;                ///< receives x + residual + residual_bias where not null; may be x or residual
  float* mean = nullptr;               ///< receives one value a row where not null
  float* inverse_deviation = nullptr;  ///< receives 1 / sqrt(variance + epsilon), one a row, where not null
  float epsilon = 1e-5f;
  bool rms = false;
};

/// Rows [first, last).
void layer_norm_f32(const LayerNorm& n, std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// x[outer][channels][inner] normalised over groups of channels / groups channels and their inner elements
/// (groups = channels: instance norm; 1: layer norm over all but outer), then scaled by channel.
/// channels is a multiple of groups.
struct GroupNorm {
  const float* x = nullptr;
  float* y = nullptr;  ///< may be x
  std::int64_t channels = 0;
  std::int64_t groups = 1;
  std::int64_t inner = 0;
  const float* scale = nullptr;  ///< one a channel, or null
  const float* bias = nullptr;   ///< one a channel, or null
  float epsilon = 1e-5f;
  Activation activation;
};

/// Units [first, last) of outer * groups.
void group_norm_f32(const GroupNorm& n, std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// Instance norm of the blocked layout [outer][ceil(channels / 16)][inner][16], whose zeros behind the last channel
/// stay.
struct BlockedInstanceNorm {
  const float* x = nullptr;
  float* y = nullptr;  ///< may be x
  std::int64_t channels = 0;
  std::int64_t inner = 0;
  const float* scale = nullptr;  ///< one a channel
  const float* bias = nullptr;   ///< one a channel
  float epsilon = 1e-5f;
};

/// Units [first, last) of outer * ceil(channels / 16).
void blocked_instance_norm_f32(const BlockedInstanceNorm& n, std::int64_t first, std::int64_t last,
                               Isa isa = max_isa());

/// y[o][c][i] = f(x[o][c][i] * scale[c] + bias[c]). Batch norm is this with scale = gamma / sqrt(variance + epsilon)
/// and bias = beta - mean * scale. inner = 1 serves channels-last arrays.
struct ChannelAffine {
  const float* x = nullptr;
  float* y = nullptr;  ///< may be x
  std::int64_t channels = 0;
  std::int64_t inner = 1;
  const float* scale = nullptr;
  const float* bias = nullptr;
  Activation activation;
};

/// Units [first, last): outer indices where inner is 1, else outer * channels.
void channel_affine_f32(const ChannelAffine& n, std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// Local response normalisation: y = x / (bias + alpha / size * s)^beta, where s sums the squares over channels
/// c - (size - 1) / 2 ... c + size / 2 at the same point. Arrays are [outer][channels][inner], or with `blocked`
/// [outer][ceil(channels / 16)][inner][16] with zeros behind the last channel.
struct Lrn {
  const float* x = nullptr;
  float* y = nullptr;  ///< not x
  std::int64_t channels = 0;
  std::int64_t inner = 0;
  std::int64_t size = 1;
  float alpha = 1e-4f;
  float beta = 0.75f;
  float bias = 1.0f;
  bool blocked = false;
};

/// Floats that lrn_f32 needs of its own.
std::int64_t lrn_scratch_floats(const Lrn& n);
/// Points [first, last) of outer * inner.
void lrn_f32(const Lrn& n, std::int64_t first, std::int64_t last, float* scratch, Isa isa = max_isa());

}  // namespace oriel::kernels
