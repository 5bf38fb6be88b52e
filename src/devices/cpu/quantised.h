// What the lowerings of quantised operators share: evaluation of constants, tables over bytes, units of the QDQ
// matcher.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "devices/cpu/lowering.h"
#include "kernels/elementwise/binary.h"

namespace oriel::cpu {

/// Results for every byte, indexed by its bits.
using ByteTable = std::array<std::uint8_t, 256>;

inline bool is_byte(ElementType type) { return type == ElementType::kU8 || type == ElementType::kI8; }

/// Whether the operand is absent or a constant.
inline bool fixed_operand(const Value* value) { return value == nullptr || value->is_constant(); }

/// The zero points of a constant operand; {0} where it is absent.
std::vector<std::int32_t> constant_zeros(const Value* value);

/// f of the 256 values of a byte type; f gives the result as an integer of a byte type.
template <typename F>
ByteTable byte_table(ElementType type, F&& f) {
  ByteTable table;
  for (int bits = 0; bits < 256; ++bits) {
    const std::int64_t x = type == ElementType::kI8 ? static_cast<std::int8_t>(bits) : bits;
    table[static_cast<std::size_t>(bits)] = static_cast<std::uint8_t>(f(x));
  }
  return table;
}

/// The 256 values of a byte type in the order of their bits.
Tensor all_bytes(ElementType type);

/// Output 0 of the node's reference, called with these operands (null: absent).
Tensor evaluate(const Node& node, const std::vector<const Tensor*>& operands);

/// y[i] = table[x[i]].
void apply_table(const ByteTable& table, const void* x, void* y, std::int64_t n);

/// One part of a concatenation of bytes.
struct ConcatPart {
  bool copy = true;
  ByteTable table{};
};

/// What a pattern of quantised operators around one node computes.
struct QuantisedUnit {
  enum class Kind : std::uint8_t {
    kTable,   ///< a function of one byte
    kBinary,  ///< an operator of two byte tensors
    kConcat,  ///< bytes side by side
    kConv,    ///< a convolution of bytes with constant weights; operands are x, weights, then a residual where there is
              ///< one
    kProduct,  ///< MatMul or Gemm of bytes a and b, with constant or run-time b
    kDynamic,  ///< MatMulInteger or ConvInteger and its scaling to f32: operands are a, b, the scale and zero point of
               ///< a
    kAverage,  ///< an average pool of bytes
    kSoftmax,  ///< Softmax of bytes
    kWeightOnly,  ///< MatMul or Gemm of f32 a (the operand) with constant weights of few bits
  };
  Kind kind = Kind::kTable;
  /// Bytes, unless the kind says otherwise; null for an absent one.
  std::vector<const Value*> operands;
  ByteTable table{};                               // kTable
  std::vector<ConcatPart> parts;                   // kConcat
  std::int64_t axis = 0;                           // kConcat, kSoftmax
  kernels::BinaryOp op = kernels::BinaryOp::kAdd;  // kBinary
  /// By operand of bytes whose parameters are constants, without weights; the last entry is the output's, 1 and 0 where
  /// that is f32.
  std::vector<float> scales;
  std::vector<std::int32_t> zeros;
  /// kConv, kProduct, kDynamic: of the weights; one, or one an output channel or column.
  std::vector<float> weight_scales;
  std::vector<std::int32_t> weight_zeros;
  std::vector<float> offset;      // the bias, one an output channel or column; empty: none
  bool transpose_b = false;       // kProduct, kWeightOnly
  const Node* weights = nullptr;  // kWeightOnly: the DequantizeLinear of constants; scales[0] is a factor of its own
  /// kConv with a residual: steps of the result before it joins, which is rounded to them; the residual's parameters.
  float middle_step = 0.0F;
  float residual_scale = 1.0F;
  std::int32_t residual_zero = 0;
};

/// Units of quantised patterns, and the nodes that they make superfluous.
struct QuantisedUnits {
  std::vector<Unit> units;
  std::unordered_set<const Node*> taken;
};
QuantisedUnits match_quantised(const Subgraph& subgraph, const CompileOptions& options);

/// Emits the step of a unit with `quantised` set.
void lower_quantised(Lowering& lowering, const Unit& unit);
void lower_quantised_conv(Lowering& lowering, const Unit& unit);
void lower_quantised_product(Lowering& lowering, const Unit& unit);
void lower_quantised_average(Lowering& lowering, const Unit& unit);
/// Whether a kernel averages bytes as the node does.
bool serves_byte_average(const Node& node);
/// Whether integer kernels serve a convolution of bytes x with these weights.
bool serves_integer_conv(const Value* weights, const Value* x);

/// Whether kernels multiply with the constant weights of this DequantizeLinear as they are.
bool serves_weight_only(const Node& dequantize, bool transpose_b);
void lower_weight_only(Lowering& lowering, const Unit& unit);

std::vector<Rule> quant_conv_rules();
std::vector<Rule> quant_matmul_rules();
std::vector<Rule> weight_only_rules();

}  // namespace oriel::cpu
