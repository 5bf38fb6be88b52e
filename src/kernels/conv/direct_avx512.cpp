// Direct convolution for AVX-512: tiles of 14 pixels x 32 channels, narrower panels down to half a vector.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_avx512.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"
#include "kernels/conv/tile_body.inc"

constexpr int kMaxPixels = 14;
constexpr TileRow<kMaxPixels> kTiles8 = make_tiles<0, true, kMaxPixels>();
constexpr TileRow<2 * kMaxPixels> kTiles16 = make_tiles<1, false, 2 * kMaxPixels>();
constexpr TileRow<kMaxPixels> kTiles24 = make_tiles<1, true, kMaxPixels>();
constexpr TileRow<kMaxPixels> kTiles32 = make_tiles<2, false, kMaxPixels>();

TileSet tiles_for(std::int64_t width) {
  if (width <= 8) return {kTiles8.blocked, kTiles8.plain, kMaxPixels};
  if (width <= 16) return {kTiles16.blocked, kTiles16.plain, 2 * kMaxPixels};
  if (width <= 24) return {kTiles24.blocked, kTiles24.plain, kMaxPixels};
  return {kTiles32.blocked, kTiles32.plain, kMaxPixels};
}

TileSet woven_tiles(std::int64_t width) { return woven_tiles_up_to<kMaxPixels>(width); }

#include "kernels/conv/direct_body.inc"

}  // namespace

const DirectKernels kDirectAvx512 = {run, tiles_for, woven_tiles, 32, kMaxPixels};

}  // namespace oriel::kernels
