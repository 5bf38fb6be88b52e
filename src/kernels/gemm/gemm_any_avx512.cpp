// Matrix products of f64 and integers, AVX-512.
#include "kernels/gemm/gemm_any_table.h"

namespace oriel::kernels {
namespace {
constexpr int kAnyBytes = 64;
constexpr int kAnyVectors = 3;
constexpr int kAnyRows = 8;
#include "kernels/gemm/gemm_any.inc"
}  // namespace

const GemmAnyFunction kGemmAnyAvx512 = any_rows;

}  // namespace oriel::kernels
