// com.microsoft.MatMulNBits: Y = A * W^T + bias, where W [N, K] is (B - zero_points) * scales in blocks of block_size
// along K. B is [N, blocks, bytes] with elements of 2, 4 or 8 bits, the first in the low bits. Zero points are packed a
// row like B, or of the type of A; absent they are half of the range. g_idx gives the block of every k where blocks are
// not in order.
#include "ops/common.h"

namespace oriel::ops {
namespace {

struct Sizes {
  std::int64_t k;
  std::int64_t n;
  std::int64_t bits;
  std::int64_t block;
  std::int64_t blocks;
  std::int64_t block_bytes;

  explicit Sizes(const Attributes& a)
      : k(a.get_int("K")), n(a.get_int("N")), bits(a.get_int("bits")), block(a.get_int("block_size")) {
    if (a.get_bool("weight_prepacked")) fail(ErrorCode::kNotImplemented, "prepacked weights are not supported");
    constexpr std::int64_t kLimit = std::int64_t{1} << 30;
    if (k < 0 || n < 0 || k > kLimit || n > kLimit)
      fail(ErrorCode::kInvalidGraph, "attributes K and N are {} and {}", k, n);
    if (bits != 2 && bits != 4 && bits != 8)
      fail(ErrorCode::kInvalidGraph, "attribute bits is {}, expected 2, 4 or 8", bits);
    if (block < 16 || block > kLimit || (block & (block - 1)) != 0) {
      fail(ErrorCode::kInvalidGraph, "attribute block_size is {}, expected a power of two of 16 or more", block);
    }
    blocks = (k + block - 1) / block;
    block_bytes = block * bits / 8;
  }
  std::int64_t zero_point_row_bytes() const { return (blocks * bits + 7) / 8; }
};

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF16, ElementType::kBF16});
  require_element(c, 1, {ElementType::kU8, ElementType::kI32});
  require_same_element(c, 0, 2);
  if (c.has_input(3)) require_element(c, 3, {ElementType::kU8, c.element(0)});
  if (c.has_input(4)) require_element(c, 4, {ElementType::kI32});
  if (c.has_input(5)) require_same_element(c, 0, 5);
  const Sizes s(c.attributes());
  Shape out = c.shape(0);
  if (out.is_ranked()) {
    if (out.rank() == 0 || !out[out.rank() - 1].may_equal(Dim(s.k))) {
      fail(ErrorCode::kInvalidGraph, "input of shape {}, expected {} columns", out.to_string(), s.k);
    }
    out[out.rank() - 1] = s.n;
  }
  c.set(0, c.element(0), std::move(out));
}

std::int64_t packed(const std::uint8_t* bytes, std::int64_t index, std::int64_t bits) {
  const std::int64_t bit = index * bits;
  return (bytes[bit / 8] >> (bit % 8)) & ((1 << bits) - 1);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  const Tensor& scales = inputs[2];
  const Tensor* zeros = inputs.has(3) ? &inputs[3] : nullptr;
  const Sizes s(inputs.attributes());
  ORIEL_REQUIRE(a.rank() > 0 && a.dim(a.rank() - 1) == s.k, "input of shape {}, expected {} columns",
                to_string(a.dims()), s.k);
  ORIEL_REQUIRE(static_cast<std::int64_t>(b.bytes()) == s.n * s.blocks * s.block_bytes,
                "weights of {} bytes, expected {}", b.bytes(), s.n * s.blocks * s.block_bytes);
  ORIEL_REQUIRE(scales.size() == s.n * s.blocks, "{} scales, expected {}", scales.size(), s.n * s.blocks);
  const bool packed_zeros = zeros != nullptr && zeros->type() == ElementType::kU8;
  ORIEL_REQUIRE(zeros == nullptr || zeros->size() == s.n * (packed_zeros ? s.zero_point_row_bytes() : s.blocks),
                "{} zero points", zeros->size());
  ORIEL_REQUIRE(!inputs.has(4) || inputs[4].size() >= s.k, "{} elements of g_idx, expected {}", inputs[4].size(), s.k);
  ORIEL_REQUIRE(!inputs.has(5) || inputs[5].size() == s.n, "a bias of {} elements, expected {}", inputs[5].size(), s.n);
  const auto* codes = static_cast<const std::uint8_t*>(b.raw());
  const std::int64_t rows = s.k == 0 ? count_elements(Dims(a.dims().begin(), a.dims().end() - 1)) : a.size() / s.k;
  Dims dims = a.dims();
  dims[dims.size() - 1] = s.n;
  Tensor& y = outputs.allocate(0, a.type(), dims);
  if (y.size() == 0) return;
  std::vector<double> column(static_cast<std::size_t>(s.k));
  for (std::int64_t n = 0; n < s.n; ++n) {
    context.check();
    for (std::int64_t k = 0; k < s.k; ++k) {
      const std::int64_t g = inputs.has(4) ? inputs[4].data<std::int32_t>()[k] : k / s.block;
      ORIEL_REQUIRE(g >= 0 && g < s.blocks, "g_idx has the block {}, there are {}", g, s.blocks);
      double zero = static_cast<double>(std::int64_t{1} << (s.bits - 1));
      if (packed_zeros) {
        zero = static_cast<double>(packed(zeros->data<std::uint8_t>() + n * s.zero_point_row_bytes(), g, s.bits));
      } else if (zeros != nullptr) {
        zero = element_as_f64(*zeros, n * s.blocks + g);
      }
      const std::int64_t code = packed(codes + (n * s.blocks + k / s.block) * s.block_bytes, k % s.block, s.bits);
      column[static_cast<std::size_t>(k)] =
          (static_cast<double>(code) - zero) * element_as_f64(scales, n * s.blocks + g);
    }
    for (std::int64_t m = 0; m < rows; ++m) {
      double sum = inputs.has(5) ? element_as_f64(inputs[5], n) : 0.0;
      for (std::int64_t k = 0; k < s.k; ++k)
        sum += element_as_f64(a, m * s.k + k) * column[static_cast<std::size_t>(k)];
      store_element(y, m * s.n + n, sum);
    }
  }
}

}  // namespace

OpDef op_microsoft_matmul_nbits() {
  return {.name = "MatMulNBits",
          .domain = "com.microsoft",
          .min_inputs = 3,
          .max_inputs = 6,
          .attributes = {{"K", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"N", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"accuracy_level", std::int64_t{0}},
                         {"bits", std::int64_t{4}},
                         {"block_size", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"weight_prepacked", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
