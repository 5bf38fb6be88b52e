// Matrix products of f64 and integers, portable C++.
#include "kernels/gemm/gemm_any_table.h"

namespace oriel::kernels {
namespace {
constexpr int kAnyBytes = 16;
constexpr int kAnyVectors = 2;
constexpr int kAnyRows = 4;
#include "kernels/gemm/gemm_any.inc"
}  // namespace

const GemmAnyFunction kGemmAnyScalar = any_rows;

}  // namespace oriel::kernels
