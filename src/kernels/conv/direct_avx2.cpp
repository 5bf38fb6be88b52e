// Direct convolution for AVX2: tiles of 6 pixels x 16 channels, or 12 x 8.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_avx2.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"
#include "kernels/conv/tile_body.inc"

constexpr TileRow<12> kTiles8 = make_tiles<1, false, 12>();
constexpr TileRow<6> kTiles16 = make_tiles<2, false, 6>();

TileSet tiles_for(std::int64_t width) {
  if (width <= 8) return {kTiles8.blocked, kTiles8.plain, 12};
  return {kTiles16.blocked, kTiles16.plain, 6};
}

TileSet woven_tiles(std::int64_t width) { return woven_tiles_up_to<6>(width); }

#include "kernels/conv/direct_body.inc"

}  // namespace

const DirectKernels kDirectAvx2 = {run, tiles_for, woven_tiles, 16, 6};

}  // namespace oriel::kernels
