// Matrix products of f64 and integers, AVX2.
#include "kernels/gemm/gemm_any_table.h"

namespace oriel::kernels {
namespace {
constexpr int kAnyBytes = 32;
constexpr int kAnyVectors = 3;
constexpr int kAnyRows = 4;
#include "kernels/gemm/gemm_any.inc"
}  // namespace

const GemmAnyFunction kGemmAnyAvx2 = any_rows;

}  // namespace oriel::kernels
