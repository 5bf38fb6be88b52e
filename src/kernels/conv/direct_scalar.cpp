// Direct convolution for the baseline: tiles of 2 pixels x 16 channels, or 4 x 8.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_scalar.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"
#include "kernels/conv/tile_body.inc"

constexpr TileRow<4> kTiles8 = make_tiles<2, false, 4>();
constexpr TileRow<2> kTiles16 = make_tiles<4, false, 2>();

TileSet tiles_for(std::int64_t width) {
  if (width <= 8) return {kTiles8.blocked, kTiles8.plain, 4};
  return {kTiles16.blocked, kTiles16.plain, 2};
}

TileSet woven_tiles(std::int64_t width) { return woven_tiles_up_to<2>(width); }

#include "kernels/conv/direct_body.inc"

}  // namespace

const DirectKernels kDirectScalar = {run, tiles_for, woven_tiles, 16, 2};

}  // namespace oriel::kernels
