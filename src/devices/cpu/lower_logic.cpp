// Comparisons, selection, negation and casts.
#include <algorithm>
#include <map>

#include "devices/cpu/quantised.h"
#include "kernels/elementwise/binary.h"
#include "kernels/elementwise/cast.h"
#include "ops/qlinear.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::int64_t kGrain = 16384;

bool bool_like(const Value* v) { return v->element() == ElementType::kBool; }

// Dimensions padded with leading ones to a rank.
Dims padded(const Dims& dims, std::size_t rank) {
  Dims full(rank, 1);
  std::copy(dims.begin(), dims.end(), full.end() - static_cast<std::ptrdiff_t>(dims.size()));
  return full;
}

std::optional<CompareOp> compare_of(const Node& node) {
  static const std::map<std::string, CompareOp>* const ops =
      new std::map<std::string, CompareOp>{{"Equal", CompareOp::kEqual},
                                           {"Less", CompareOp::kLess},
                                           {"LessOrEqual", CompareOp::kLessEqual},
                                           {"Greater", CompareOp::kGreater},
                                           {"GreaterOrEqual", CompareOp::kGreaterEqual}};
  const auto found = ops->find(node.op().name);
  return found == ops->end() ? std::nullopt : std::optional(found->second);
}

std::string decline_compare(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  if (node.input(1)->element() != type) return "operands of different types";
  if (type != ElementType::kBool && !has_binary(BinaryOp::kAdd, type))
    return formatted("no kernel for {}", element_name(type));
  return {};
}

void lower_compare(Lowering& lowering, const Unit& unit) {
  const CompareOp op = *compare_of(*unit.node);
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(unit.node->input(0)), lowering.plain(unit.node->input(1))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "compare";
  spec.algorithm = unit.node->op().name;
  spec.run = [op](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& y = inputs[1];
    const Dims dims = broadcast(x.dims(), y.dims());
    ORIEL_REQUIRE(dims.size() <= kMaxBroadcastRank, "rank {} above {}", dims.size(), kMaxBroadcastRank);
    const Dims a = padded(x.dims(), dims.size());
    const Dims b = padded(y.dims(), dims.size());
    const std::int64_t* operands[2] = {a.data(), b.data()};
    const Broadcast plan = plan_broadcast(2, static_cast<int>(dims.size()), dims.data(), operands);
    Tensor& out = outputs.allocate(0, ElementType::kBool, dims);
    auto* to = static_cast<std::uint8_t*>(out.raw());
    parallel(context, plan.elements, kGrain, [&](std::int64_t first, std::int64_t last, int) {
      compare(op, x.type(), plan, x.raw(), y.raw(), to, first, last);
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_where(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (type == ElementType::kString || is_sub_byte(type)) return formatted("no kernel for {}", element_name(type));
  return {};
}

void lower_where(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 3; ++i) spec.inputs.push_back(lowering.plain(unit.node->input(i)));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "select";
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Dims dims = broadcast(broadcast(inputs[0].dims(), inputs[1].dims()), inputs[2].dims());
    ORIEL_REQUIRE(dims.size() <= kMaxBroadcastRank, "rank {} above {}", dims.size(), kMaxBroadcastRank);
    Dims shapes[3];
    const std::int64_t* operands[3];
    for (std::size_t i = 0; i < 3; ++i) {
      shapes[i] = padded(inputs[i].dims(), dims.size());
      operands[i] = shapes[i].data();
    }
    const Broadcast plan = plan_broadcast(3, static_cast<int>(dims.size()), dims.data(), operands);
    Tensor& out = outputs.allocate(0, inputs[1].type(), dims);
    const auto* condition = static_cast<const std::uint8_t*>(inputs[0].raw());
    parallel(context, plan.elements, kGrain, [&](std::int64_t first, std::int64_t last, int) {
      select_elements(element_bits(inputs[1].type()) / 8, plan, condition, inputs[1].raw(), inputs[2].raw(), out.raw(),
                      first, last);
    });
  };
  lowering.step(unit, std::move(spec));
}

// QLinearWhere: both operands requantised by tables, then selected as bytes.
std::string decline_byte_where(const Node&, const CompileOptions&) { return {}; }

void lower_byte_where(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "select_" + std::string(element_name(unit.output->element()));
  spec.run = [type = unit.output->element()](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const ops::QLinearParameters to(inputs, 7);
    const ops::QuantRange range = ops::quant_range(type);
    const auto table = [&](std::size_t i) {
      const ops::QLinearParameters from(inputs, i);
      return byte_table(type, [&](std::int64_t q) { return to.quantize(from.dequantize(q), range); });
    };
    const ByteTable tables[2] = {table(2), table(5)};
    const Tensor* operands[3] = {&inputs[0], &inputs[1], &inputs[4]};
    Dims dims = broadcast(broadcast(operands[0]->dims(), operands[1]->dims()), operands[2]->dims());
    ORIEL_REQUIRE(dims.size() <= kMaxBroadcastRank, "rank {} above {}", dims.size(), kMaxBroadcastRank);
    Dims shapes[3];
    const std::int64_t* extents[3];
    for (std::size_t i = 0; i < 3; ++i) {
      shapes[i] = padded(operands[i]->dims(), dims.size());
      extents[i] = shapes[i].data();
    }
    const Broadcast plan = plan_broadcast(3, static_cast<int>(dims.size()), dims.data(), extents);
    Tensor& out = outputs.allocate(0, type, dims);
    auto* mapped = static_cast<std::uint8_t*>(context.scratch(operands[1]->bytes() + operands[2]->bytes()));
    std::uint8_t* parts[2] = {mapped, mapped + operands[1]->bytes()};
    for (std::size_t i = 0; i < 2; ++i) {
      const auto* from = static_cast<const std::uint8_t*>(operands[i + 1]->raw());
      parallel(context, operands[i + 1]->size(), kGrain, [&](std::int64_t first, std::int64_t last, int) {
        apply_table(tables[i], from + first, parts[i] + first, last - first);
      });
    }
    const auto* condition = static_cast<const std::uint8_t*>(operands[0]->raw());
    parallel(context, plan.elements, kGrain, [&](std::int64_t first, std::int64_t last, int) {
      select_elements(1, plan, condition, parts[0], parts[1], out.raw(), first, last);
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_not(const Node& node, const CompileOptions&) {
  return bool_like(node.input(0)) ? "" : "an operand that is no bool";
}

void lower_not(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(unit.node->input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "not";
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& y = outputs.allocate(0, ElementType::kBool, x.dims());
    const auto* from = static_cast<const std::uint8_t*>(x.raw());
    auto* to = static_cast<std::uint8_t*>(y.raw());
    parallel(context, x.size(), kGrain, [=](std::int64_t first, std::int64_t last, int) {
      // Out of the closure, which stores to bytes could change.
      const std::uint8_t* a = from;
      std::uint8_t* b = to;
      for (std::int64_t i = first; i < last; ++i) b[i] = a[i] == 0 ? 1 : 0;
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_cast(const Node& node, const CompileOptions&) {
  for (const ElementType type : {node.input(0)->element(), node.output()->element()}) {
    if (!has_cast(type)) return formatted("no kernel for {}", element_name(type));
  }
  return {};
}

void lower_cast(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(unit.node->input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "cast";
  const ElementType to_type = unit.output->element();
  spec.algorithm = formatted("{}_to_{}", element_name(unit.node->input(0)->element()), element_name(to_type));
  spec.run = [to_type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& y = outputs.allocate(0, to_type, x.dims());
    const auto* from = static_cast<const char*>(x.raw());
    auto* to = static_cast<char*>(y.raw());
    const std::int64_t a = element_bits(x.type()) / 8;
    const std::int64_t b = element_bits(to_type) / 8;
    parallel(context, x.size(), kGrain, [&](std::int64_t first, std::int64_t last, int) {
      cast(x.type(), to_type, from + first * a, to + first * b, last - first);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> logic_rules() {
  std::vector<Rule> rules;
  for (const char* op : {"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"})
    rules.push_back({op, decline_compare, lower_compare});
  rules.push_back({"Where", decline_where, lower_where});
  rules.push_back({"com.microsoft.QLinearWhere", decline_byte_where, lower_byte_where});
  rules.push_back({"Not", decline_not, lower_not});
  rules.push_back({"Cast", decline_cast, lower_cast});
  rules.push_back({"CastLike", decline_cast, lower_cast});
  return rules;
}

}  // namespace oriel::cpu
