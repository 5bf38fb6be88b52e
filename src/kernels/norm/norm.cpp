// Deals rows, groups and channels of normalisations to the level's kernels.
#include "kernels/norm/norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/norm/norm_table.h"

namespace oriel::kernels {
namespace {

const NormTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kNormScalar;
  return isa == Isa::kAvx2 ? kNormAvx2 : kNormAvx512;
}

}  // namespace

void layer_norm_f32(const LayerNorm& n, std::int64_t first, std::int64_t last, Isa isa) {
  if (n.columns <= 0) return;
  const NormTable& t = table_of(isa);
  for (std::int64_t r = first; r < last; ++r) t.layer(n, r);
}

void group_norm_f32(const GroupNorm& n, std::int64_t first, std::int64_t last, Isa isa) {
  if (n.channels <= 0 || n.groups <= 0 || n.inner <= 0) return;
  const NormTable& t = table_of(isa);
  const std::int64_t per_group = n.channels / n.groups;
  const std::int64_t count = per_group * n.inner;
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t channel = u % n.groups * per_group;
    const float* x = n.x + u * count;
    float* y = n.y + u * count;
    float sum = 0;
    float squares = 0;
    t.moments(x, count, &sum, &squares);
    const float mean = sum / static_cast<float>(count);
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(count) + n.epsilon);
    if (n.inner == 1 && n.scale == nullptr && n.bias == nullptr) {
      t.affine(x, inverse, -mean * inverse, y, count, n.activation);
      continue;
    }
    for (std::int64_t c = 0; c < per_group; ++c) {
      const float scale = inverse * (n.scale != nullptr ? n.scale[channel + c] : 1.0f);
      const float bias = n.bias != nullptr ? n.bias[channel + c] : 0.0f;
      t.affine(x + c * n.inner, scale, bias - mean * scale, y + c * n.inner, n.inner, n.activation);
    }
  }
}

void channel_affine_f32(const ChannelAffine& n, std::int64_t first, std::int64_t last, Isa isa) {
  if (n.channels <= 0 || n.inner <= 0) return;
  const NormTable& t = table_of(isa);
  for (std::int64_t u = first; u < last; ++u) {
    if (n.inner == 1) {
      t.affine_columns(n.x + u * n.channels, n.scale, n.bias, n.y + u * n.channels, n.channels, n.activation);
    } else {
      const std::int64_t c = u % n.channels;
      t.affine(n.x + u * n.inner, n.scale[c], n.bias[c], n.y + u * n.inner, n.inner, n.activation);
    }
  }
}

void blocked_instance_norm_f32(const BlockedInstanceNorm& n, std::int64_t first, std::int64_t last, Isa isa) {
  if (n.channels <= 0 || n.inner <= 0) return;
  const NormTable& t = table_of(isa);
  for (std::int64_t u = first; u < last; ++u) t.blocked_instance(n, u);
}

std::int64_t lrn_scratch_floats(const Lrn& n) {
  return n.blocked ? (n.channels + 15) / 16 * 16 + std::min(n.size, 2 * n.channels) + 16 : 0;
}

void lrn_f32(const Lrn& n, std::int64_t first, std::int64_t last, float* scratch, Isa isa) {
  if (n.channels <= 0 || n.inner <= 0) return;
  const NormTable& t = table_of(isa);
  const std::int64_t image = (n.blocked ? (n.channels + 15) / 16 * 16 : n.channels) * n.inner;
  while (first < last) {
    const std::int64_t outer = first / n.inner;
    const std::int64_t end = std::min(last, (outer + 1) * n.inner);
    t.lrn(n, n.x + outer * image, n.y + outer * image, first - outer * n.inner, end - outer * n.inner, scratch);
    first = end;
  }
}

}  // namespace oriel::kernels
