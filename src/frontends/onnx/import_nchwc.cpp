// Importers of com.microsoft.nchwc, the operators on blocked layouts that ONNX Runtime's own optimisation writes into
// the models it saves. A tensor in that layout is one whose channels are padded with zeros to a multiple of the block;
// here it is kept in the plain order, and filters are put back into it.
#include <algorithm>
#include <cstring>

#include "frontends/onnx/import_activation.h"
#include "frontends/onnx/import_table.h"
#include "ir/alignment.h"

namespace oriel::onnx {
namespace {

constexpr const char* kNchwc = "com.microsoft.nchwc";

std::int64_t round_up(std::int64_t value, std::int64_t block) { return (value + block - 1) / block * block; }

/// The block size, which the reader has put there.
std::int64_t take_block(ImportContext& c) {
  const std::int64_t block = c.attributes().get_int("block");
  c.attributes().erase("block");
  return block;
}

Value* operand(ImportContext& c, std::size_t i) {
  if (c.input(i) == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
  return c.input(i);
}

const Dim& dim_of(const Value* v, std::size_t axis) {
  if (!v->shape().is_ranked() || v->shape().rank() != 4) {
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected rank 4", v->shape().to_string());
  }
  return v->shape()[axis];
}

/// The first `kept` channels.
Value* first_channels(ImportContext& c, Value* x, std::int64_t kept) {
  if (dim_of(x, 1).is_known() && dim_of(x, 1).value() == kept) return x;
  const auto list = [&](std::int64_t i) { return c.constant(Tensor::of_i64({i})); };
  return c.call("Slice", {x, list(0), list(kept), list(1)});
}

// ReorderInput: zeros behind the last channel; the channels may stand in the last axis before.
void import_reorder_input(ImportContext& c) {
  const std::int64_t block = take_block(c);
  Value* x = operand(c, 0);
  if (c.attributes().get_int("channels_last", 0) != 0)
    x = c.call("Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}});
  const Dim& channels = dim_of(x, 1);
  if (!channels.is_known()) fail(ErrorCode::kNotImplemented, "the number of channels is not known");
  const std::int64_t missing = round_up(channels.value(), block) - channels.value();
  if (missing != 0) x = c.call("Pad", {x, c.constant(Tensor::of_i64({0, 0, 0, 0, 0, missing, 0, 0}))});
  c.finish({x});
}

// ReorderOutput: only the channels that count; they may go into the last axis.
void import_reorder_output(ImportContext& c) {
  const std::int64_t channels = c.attributes().get_int("channels");
  if (channels < 1) fail(ErrorCode::kInvalidGraph, "attribute channels is {}", channels);
  Value* y = first_channels(c, operand(c, 0), channels);
  if (c.attributes().get_int("channels_last", 0) != 0)
    y = c.call("Transpose", {y}, {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}});
  c.finish({y});
}

/// A filter [O, I, h, w] whose elements lie as [O / b, I / bi, h, w, bi, b], in the order of its dimensions.
Tensor plain_filter(const Tensor& filter, std::int64_t block, std::int64_t input_block) {
  const Dims& dims = filter.dims();
  const std::int64_t taps = dims[2] * dims[3];
  Tensor plain = Tensor::allocate(filter.type(), dims);
  const Tensor source = aligned(filter);
  const auto* from = source.data<float>();
  auto* to = plain.data<float>();
  for (std::int64_t o = 0; o < dims[0]; o += block) {
    for (std::int64_t i = 0; i < dims[1]; i += input_block) {
      for (std::int64_t t = 0; t < taps; ++t) {
        for (std::int64_t bi = 0; bi < input_block; ++bi) {
          for (std::int64_t bo = 0; bo < block; ++bo) to[((o + bo) * dims[1] + i + bi) * taps + t] = *from++;
        }
      }
    }
  }
  return plain;
}

// Conv(X, W, B, Sum): activation(Conv(X, W, B) + Sum). Filters over fewer channels than a block read X as it is; those,
// and filters of one channel in each group, are blocked over the outputs alone.
void import_conv(ImportContext& c) {
  const std::int64_t block = take_block(c);
  const Activation activation = Activation::take(c.attributes());
  const Tensor* filter = operand(c, 1)->constant();
  if (filter == nullptr) fail(ErrorCode::kNotImplemented, "filters that are no constant are not supported");
  const Dims& dims = filter->dims();
  if (filter->type() != ElementType::kF32 || dims.size() != 4)
    fail(ErrorCode::kInvalidGraph, "filter of {}, expected f32 of rank 4", filter->description());
  const std::int64_t group = c.attributes().get_int("group", 1);
  const bool outputs_alone = group > 1 ? dims[1] == 1 : dims[1] < block;
  if (dims[0] % block != 0 || (!outputs_alone && dims[1] % block != 0)) {
    fail(ErrorCode::kInvalidGraph, "filter of shape {} in blocks of {}", to_string(dims), block);
  }
  Value* x = operand(c, 0);
  if (group == 1) x = first_channels(c, x, dims[1]);
  std::vector<Value*> operands{x, c.constant(plain_filter(*filter, block, outputs_alone ? 1 : block))};
  if (c.input(2) != nullptr) operands.push_back(c.input(2));
  Value* y = c.call("Conv", operands, c.attributes());
  if (c.input(3) != nullptr) y = c.call("Add", {y, c.input(3)});
  c.finish({activation.apply(c, y)});
}

void import_pool(ImportContext& c) {
  take_block(c);
  c.emit_as(c.op_type(), "");
}

// Upsample: whole factors in `scales`, one an axis.
void import_upsample(ImportContext& c) {
  const Attributes& a = c.attributes();
  std::vector<float> scales;
  for (const std::int64_t s : a.get_ints("scales", {})) scales.push_back(static_cast<float>(s));
  if (scales.size() != 4) fail(ErrorCode::kInvalidGraph, "attribute scales has {} values, expected 4", scales.size());
  c.finish({c.call("Resize", {operand(c, 0), nullptr, c.constant(Tensor::of<float>(scales, {4}))},
                   {{"mode", a.get_string("mode", "nearest")},
                    {"coordinate_transformation_mode", a.get_string("coordinate_transformation_mode", "asymmetric")},
                    {"nearest_mode", std::string("floor")}})});
}

}  // namespace

void add_nchwc_rows(ImportTable& table) {
  const auto row = [&table](std::string_view op, ImportFunction function) {
    table.add(op, 1, ImportTable::kNewest, function, kNchwc);
  };
  row("ReorderInput", import_reorder_input);
  row("ReorderOutput", import_reorder_output);
  row("Conv", import_conv);
  for (const char* op : {"MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"}) row(op, import_pool);
  row("Upsample", import_upsample);
}

}  // namespace oriel::onnx
