// The guides' examples do what the guides say.
#include "examples.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "devices/reference/reference_device.h"
#include "kernels/test_support.h"
#include "passes/pass.h"
#include "runtime/compiled_graph.h"
#include "soft_cap_kernel.h"

namespace oriel::examples {
namespace {

constexpr float kCap = 2.5F;

const Attributes kAttributes{{"cap", kCap}};

std::vector<float> values_of(const Datum& datum) {
  const Tensor& t = datum.tensor();
  return std::vector<float>(t.data<float>(), t.data<float>() + t.size());
}

std::vector<float> soft_cap_of(const std::vector<float>& x) {
  std::vector<float> y;
  for (const float v : x) y.push_back(static_cast<float>(kCap * std::tanh(static_cast<double>(v) / kCap)));
  return y;
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6F * kCap) << i;
}

std::vector<float> run(CompiledGraph& compiled, const Tensor& x) {
  const Datum operand(x);
  const Datum* const operands[] = {&operand};
  std::vector<Datum> outputs(1);
  RunContext context;
  compiled.run(operands, outputs, context).throw_if_failed();
  return values_of(outputs[0]);
}

Candidate on(std::shared_ptr<Device> device) { return {"Example", std::move(device), {}}; }

// x / c, tanh, * c: the form that models spell out.
std::shared_ptr<Graph> spelled_out(float divisor, float factor, Shape shape) {
  auto graph = std::make_shared<Graph>(example_ops());
  Value* x = graph->add_input("x", ValueType(ElementType::kF32, std::move(shape)));
  Value* div = graph->call("Div", {x, graph->add_constant(Tensor::scalar(divisor))}, {}, "div");
  Value* tanh = graph->call("Tanh", {div}, {}, "tanh");
  Value* mul = graph->call("Mul", {graph->add_constant(Tensor::scalar(factor)), tanh}, {}, "mul");
  graph->add_output(mul, "y");
  return graph;
}

TEST(SoftCapOp, InfersAndRunsOnTheReferenceDevice) {
  auto graph = std::make_shared<Graph>(example_ops());
  Value* x = graph->add_input("x", ValueType(ElementType::kF32, Shape{Dim::unknown(), 2}));
  const Node* node = graph->add("example", "SoftCap", kAttributes, {x});
  EXPECT_EQ(node->output()->element(), ElementType::kF32);
  EXPECT_TRUE(node->output()->shape().same(x->shape()));
  graph->add_output(node->output(), "y");
  CompiledGraph compiled(graph, {on(make_reference_device())});
  const std::vector<float> in = {-10, -1, 0, 0.5F, 3, 100};
  expect_near(run(compiled, Tensor::of<float>(in, {3, 2})), soft_cap_of(in));
  EXPECT_TRUE(run(compiled, Tensor::of<float>({}, {0, 2})).empty());
}

TEST(SoftCapOp, RefusesWhatCannotBeRight) {
  Graph graph(example_ops());
  Value* x = graph.add_input("x", ValueType(ElementType::kF32, Shape{2}));
  const auto message = [&](Attributes attributes) {
    try {
      graph.add("example", "SoftCap", std::move(attributes), {x}, {""}, "capped");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidGraph);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message({{"cap", 0.0F}}), "example.SoftCap: cap is 0, expected a number above 0 (node \"capped\")");
  EXPECT_EQ(message({}), "example.SoftCap: required attribute cap is missing (node \"capped\")");
}

TEST(SoftCapPass, FusesAndKeepsOrigins) {
  const std::shared_ptr<Graph> graph = spelled_out(kCap, kCap, Shape{3});
  EXPECT_TRUE(fuse_soft_cap(*graph));
  remove_dead_nodes(*graph);
  graph->verify();
  ASSERT_EQ(graph->nodes().size(), 1U);
  EXPECT_EQ(graph->nodes()[0]->op().full_name(), "example.SoftCap");
  EXPECT_EQ(graph->nodes()[0]->origins(), (std::vector<std::string>{"div", "tanh", "mul"}));
  EXPECT_FALSE(fuse_soft_cap(*graph));
  CompiledGraph compiled(graph, {on(make_reference_device())});
  const std::vector<float> in = {-4, 1, 7};
  expect_near(run(compiled, Tensor::of<float>(in, {3})), soft_cap_of(in));
}

TEST(SoftCapPass, LeavesOthersAlone) {
  EXPECT_FALSE(fuse_soft_cap(*spelled_out(kCap, 2 * kCap, Shape{3})));
  EXPECT_FALSE(fuse_soft_cap(*spelled_out(-kCap, -kCap, Shape{3})));
  const std::shared_ptr<Graph> graph = spelled_out(kCap, kCap, Shape{3});
  graph->call("Neg", {graph->nodes()[1]->output()});
  EXPECT_FALSE(fuse_soft_cap(*graph));
}

class SoftCapKernel : public ::testing::TestWithParam<Isa> {};

TEST_P(SoftCapKernel, AgainstFormula) {
  std::mt19937 rng(7);
  for (const std::int64_t n : {0, 1, 7, 8, 15, 16, 17, 100}) {
    const std::vector<float> x = kernels::test::random_floats(n, rng, -12, 12);
    std::vector<float> y(x.size() + 1, -7.0F);
    kernels::soft_cap_f32(kCap, x.data(), y.data(), n, GetParam());
    EXPECT_EQ(y.back(), -7.0F);
    y.pop_back();
    expect_near(y, soft_cap_of(x));
    std::vector<float> in_place = x;
    kernels::soft_cap_f32(kCap, in_place.data(), in_place.data(), n, GetParam());
    EXPECT_EQ(in_place, y);
  }
}

TEST_P(SoftCapKernel, KeepsZeroAndNaN) {
  std::vector<float> x(33, 0.0F);
  x[32] = NAN;
  kernels::soft_cap_f32(kCap, x.data(), x.data(), 33, GetParam());
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(x[i], 0.0F);
  EXPECT_TRUE(std::isnan(x[32]));
}

INSTANTIATE_TEST_SUITE_P(Levels, SoftCapKernel,
                         ::testing::ValuesIn(kernels::test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         kernels::test::level_name);

TEST(SoftCapRule, DeclinesWithASentence) {
  Graph graph(example_ops());
  Value* x = graph.add_input("x", ValueType(ElementType::kF64, Shape{2}));
  const Node* node = graph.add("example", "SoftCap", kAttributes, {x});
  EXPECT_EQ(soft_cap_rule().decline(*node, {}), "no kernel for f64");
}

TEST(SoftCapRule, LowersToAStep) {
  Graph graph(example_ops());
  Value* x = graph.add_input("x", ValueType(ElementType::kF32, Shape{2, 3, 5}));
  const Node* node = graph.add("example", "SoftCap", kAttributes, {x});
  graph.add_output(node->output(), "y");
  Subgraph subgraph;
  subgraph.graph = &graph;
  subgraph.nodes = {node};
  subgraph.inputs = {x};
  subgraph.outputs = {node->output()};
  EXPECT_TRUE(soft_cap_rule().decline(*node, {}).empty());
  cpu::Lowering lowering(subgraph, {}, 1);
  for (const cpu::Unit& unit : cpu::fuse_units(subgraph, {})) soft_cap_rule().lower(lowering, unit);
  const std::unique_ptr<plan::Program> program = lowering.finish();
  const std::vector<StepInfo> steps = lowering.take_steps();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].kernel, "soft_cap_f32");

  std::mt19937 rng(3);
  const std::vector<float> in = kernels::test::random_floats(30, rng, -9, 9);
  const Datum operand(Tensor::of<float>(in, {2, 3, 5}));
  const Datum* const operands[] = {&operand};
  std::vector<Datum> outputs(1);
  RunContext context;
  program->run(operands, outputs, context, nullptr).throw_if_failed();
  expect_near(values_of(outputs[0]), soft_cap_of(in));
}

TEST(UnaryDevice, SharesAGraphWithAnother) {
  auto graph = std::make_shared<Graph>(example_ops());
  Value* x = graph->add_input("x", ValueType(ElementType::kF32, Shape{Dim::unknown()}));
  Value* y = graph->call("Neg", {graph->call("Tanh", {graph->call("Relu", {x}, {}, "relu")}, {}, "tanh")}, {}, "neg");
  graph->add_output(y, "y");
  CompiledGraph compiled(graph, {on(make_unary_device()), on(make_reference_device())});
  std::vector<std::string> devices;
  for (const CompiledPartInfo& part : compiled.describe()) devices.push_back(part.device);
  EXPECT_EQ(devices, (std::vector<std::string>{"UNARY", "REFERENCE", "UNARY"}));
  ASSERT_EQ(compiled.partition().declines[1].size(), 1U);
  EXPECT_EQ(compiled.partition().declines[1][0].reason, "Tanh: UNARY runs Abs, Neg and Relu alone");
  for (const std::vector<float>& in : {std::vector<float>{-1, 0, 2}, {0.5F}, {}}) {
    const auto n = static_cast<std::int64_t>(in.size());
    std::vector<float> want;
    for (const float v : in) want.push_back(-std::tanh(v < 0 ? 0.0F : v));
    expect_near(run(compiled, Tensor::of<float>(in, {n})), want);
  }
}

TEST(UnaryDevice, DeclinesOtherTypes) {
  Graph graph(example_ops());
  Value* x = graph.add_input("x", ValueType(ElementType::kI64, Shape{2}));
  const Value* y = graph.call("Neg", {x});
  const Claim claim = make_unary_device()->claim(*y->producer(), {});
  EXPECT_FALSE(claim);
  EXPECT_EQ(claim.decline, "Neg: no kernel for i64");
}

}  // namespace
}  // namespace oriel::examples
