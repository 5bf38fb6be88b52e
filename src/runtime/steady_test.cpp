// What a run costs beside its arithmetic: allocations, inference, packing, memory.
//
// As a program:  steady_test --model FILE THREADS [NAME=TYPE:DIMSxDIMS...:RAW_FILE ...]
// runs a model until it is warm, then prints the allocations of one more run by step; exit status 1 where there are
// any.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "base/recent_blocks.h"
#include "base/work_counters.h"
#include "runtime/allocation_counter.h"
#include "runtime/io_binding.h"
#include "runtime/testing.h"

namespace oriel {
namespace {

using testing::BoundSession;
using testing::Builder;
using testing::random_tensor;

constexpr int kWarmUp = 4;

// Allocations between the ends of steps, by step.
class StepAllocations final : public StepObserver {
 public:
  explicit StepAllocations(const std::vector<CompiledPartInfo>& parts) { describe(parts); }
  void on_step(const void* executable, int step, std::int64_t, std::int64_t) override {
    const long now = allocation_count();
    if (now != last_) {
      // Counting on is not part of the run.
      count_allocations(false);
      by_step_[{executable, step}] += now - last_;
      count_allocations(true);
    }
    last_ = now;
  }
  void start() { last_ = allocation_count(); }
  std::string text() const {
    std::string lines;
    for (const auto& [key, count] : by_step_) {
      const StepInfo& info = steps_.at(key.first)[static_cast<std::size_t>(key.second)];
      lines +=
          formatted("{:6} {} {} {} ({}) {}\n", count, info.device, info.op, info.kernel, info.algorithm, info.name);
    }
    return lines;
  }

 private:
  void describe(const std::vector<CompiledPartInfo>& parts) {
    for (const CompiledPartInfo& part : parts) {
      if (part.handle != nullptr) steps_[part.handle] = part.executable.steps;
      for (const auto& body : part.bodies) describe(body);
    }
  }
  std::map<const void*, std::vector<StepInfo>> steps_;
  std::map<std::pair<const void*, int>, long> by_step_;
  long last_ = 0;
};

// Allocations of one run after some.
long allocations_of(BoundSession& bound) {
  for (int i = 0; i < kWarmUp; ++i) bound.run();
  count_allocations(true);
  const long before = allocation_count();
  bound.run();
  count_allocations(false);
  return allocation_count() - before;
}

// The same by step, after allocations_of().
std::string allocating_steps(BoundSession& bound) {
  StepAllocations steps(bound.session().describe());
  count_allocations(true);
  steps.start();
  bound.run(&steps);
  count_allocations(false);
  return steps.text();
}

struct SteadyCase {
  const char* name;
  std::shared_ptr<Graph> (*graph)();
  std::vector<Datum> (*inputs)();
};

void PrintTo(const SteadyCase& c, std::ostream* out) { *out << c.name; }

Tensor image() { return random_tensor({1, 3, 32, 32}, 5); }

Tensor tokens(std::int64_t batch, std::int64_t length) {
  Tensor t = Tensor::allocate(ElementType::kI64, {batch, length});
  for (std::int64_t i = 0; i < t.size(); ++i) t.data<std::int64_t>()[i] = i * 7 % 50;
  return t;
}

std::shared_ptr<Graph> movement() {
  Builder b;
  Value* x = b.input("x", Shape{b.symbol("n"), 6, 10});
  Value* i = b.input("i", Shape{4}, ElementType::kI64);
  const std::vector<Value*> parts = b.split(x, 1, 3);
  Value* y = b.call("Concat", {parts[2], parts[0], b.call("Neg", {parts[1]})}, {{"axis", std::int64_t{1}}});
  y = b.call("Gather", {y, i}, {{"axis", std::int64_t{1}}});
  b.output(b.call("Transpose", {y}, {{"perm", std::vector<std::int64_t>{2, 0, 1}}}));
  b.output(b.call("Slice", {y, b.ints({1}), b.ints({9}), b.ints({2}), b.ints({3})}));
  b.output(b.call("Pad", {y, b.ints({0, 1, 2, 0, 1, 2}), b.scalar(1)}));
  b.output(b.call("Expand", {b.call("Unsqueeze", {y, b.ints({0})}), b.ints({2, 1, 1, 1})}));
  b.output(b.call("Tile", {y, b.ints({1, 2, 1})}));
  b.output(b.call("Where", {b.call("Greater", {y, b.scalar(0)}), y, b.call("Exp", {y})}));
  b.output(b.call("CumSum", {y, b.constant(Tensor::scalar<std::int64_t>(1))}));
  b.output(b.call("ReduceMax", {y, b.ints({1, 2})}, {{"keepdims", std::int64_t{0}}}));
  b.output(b.call("ArgMax", {y}, {{"axis", std::int64_t{2}}}));
  b.output(
      b.call("GatherElements", {y, b.call("ArgMax", {y}, {{"axis", std::int64_t{2}}})}, {{"axis", std::int64_t{2}}}));
  b.output(b.call("DepthToSpace", {b.call("Reshape", {y, b.ints({0, 4, 5, 2})})}, {{"blocksize", std::int64_t{2}}}));
  return b.take();
}

std::shared_ptr<Graph> integers() {
  Builder b;
  Value* x = b.input("x", Shape{8, 5}, ElementType::kI32);
  Value* y = b.input("y", Shape{5}, ElementType::kI32);
  Value* sum = b.call("Add", {x, y});
  Value* product = b.call("Mul", {sum, x});
  b.output(b.call("Max", {product, sum}));
  b.output(b.call("Cast", {b.call("Equal", {product, sum})}, {{"to", ElementType::kU8}}));
  b.output(b.call("Cast", {product}, {{"to", ElementType::kI64}}));
  b.output(b.call("ReduceSum", {b.call("Cast", {sum}, {{"to", ElementType::kI64}}), b.ints({1})}));
  b.output(b.call("Not", {b.call("Less", {x, y})}));
  return b.take();
}

Tensor ints32(Dims dims) {
  Tensor t = Tensor::allocate(ElementType::kI32, std::move(dims));
  for (std::int64_t i = 0; i < t.size(); ++i) t.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % 7 - 3);
  return t;
}

template <typename T>
Tensor filled(const Dims& dims, int step) {
  Tensor t = Tensor::allocate(kElementTypeOf<T>, dims);
  for (std::int64_t i = 0; i < t.size(); ++i) t.data<T>()[i] = static_cast<T>(i * step);
  return t;
}

std::shared_ptr<Graph> quantised() {
  Builder b;
  Value* x = b.input("x", Shape{1, 8, 12, 12});
  Value* scale = b.scalar(0.01F);
  Value* zero = b.constant(Tensor::scalar<std::uint8_t>(128));
  Value* s8_zero = b.constant(Tensor::scalar<std::int8_t>(0));
  const std::vector<std::int64_t> pads = {1, 1, 1, 1};
  Value* q = b.call("QuantizeLinear", {x, scale, zero});
  Value* conv =
      b.call("QLinearConv",
             {q, scale, zero, b.constant(filled<std::int8_t>({16, 8, 3, 3}, 3)), scale, s8_zero, b.scalar(0.1F), zero},
             {{"pads", pads}});
  Value* rows = b.call("Reshape", {conv, b.ints({16, 144})});
  Value* product = b.call("QLinearMatMul", {rows, scale, zero, b.constant(filled<std::int8_t>({144, 10}, 5)), scale,
                                            s8_zero, b.scalar(0.5F), zero});
  b.output(b.call("DequantizeLinear", {product, scale, zero}));
  b.output(b.call("DequantizeLinear", {conv, scale, zero}));
  const auto fake = [&](Value* v) {
    return b.call("DequantizeLinear", {b.call("QuantizeLinear", {v, scale, zero}), scale, zero});
  };
  Value* qdq = b.call(
      "Relu", {b.call("Conv", {fake(x), b.call("DequantizeLinear",
                                               {b.constant(filled<std::int8_t>({8, 8, 1, 1}, 7)), scale, s8_zero})})});
  b.output(fake(b.call("Add", {fake(qdq), fake(x)})));
  return b.take();
}

std::shared_ptr<Graph> recurrent() {
  Builder b;
  Value* x = b.input("x", Shape{7, 2, 6});
  for (const char* op : {"LSTM", "GRU"}) {
    const std::int64_t gates = op[0] == 'L' ? 4 : 3;
    b.output(b.call(op, {x, b.weights({1, gates * 5, 6}), b.weights({1, gates * 5, 5}), b.weights({1, gates * 10})},
                    {{"hidden_size", std::int64_t{5}}}));
  }
  return b.take();
}

std::shared_ptr<Graph> choice() {
  Builder b;
  Value* which = b.input("which", Shape{}, ElementType::kBool);
  Value* x = b.input("x", Shape{3, 4});
  Value* twice = b.call("Add", {x, x});
  const auto branch = [&](const char* op) {
    auto body = std::make_shared<Graph>(&b.graph());
    Value* in = body->add_capture(*twice);
    body->add_output(body->call(op, {in}), "r");
    return body;
  };
  Attributes bodies{{"then_branch", branch("Exp")}, {"else_branch", branch("Neg")}};
  b.output(b.call("Relu", {b.call("If", {which, twice}, std::move(bodies))}));
  return b.take();
}

// x * 2 + y, as often as `n` says; the rows' sums of all rounds too.
std::shared_ptr<Graph> repetition() {
  Builder b;
  Value* n = b.input("n", Shape{}, ElementType::kI64);
  Value* x = b.input("x", Shape{3, 4});
  Value* y = b.input("y", Shape{4});
  auto body = std::make_shared<Graph>(&b.graph());
  body->add_input("i", ValueType(ElementType::kI64, Shape{}));
  Value* condition = body->add_input("condition", ValueType(ElementType::kBool, Shape{}));
  Value* state = body->add_input("state", ValueType(ElementType::kF32, Shape{3, 4}));
  Value* step = body->add_capture(*y);
  body->add_output(body->call("Identity", {condition}), "go_on");
  Value* next = body->call("Add", {body->call("Add", {state, state}), step});
  body->add_output(next, "next");
  body->add_output(body->call("ReduceSum", {next, body->add_constant(Tensor::of_i64({1}))}), "sums");
  const Node* loop = b.graph().add("", "Loop", {{"body", std::move(body)}, {"carried", std::int64_t{1}}},
                                   {n, nullptr, x, y}, {"", ""});
  b.output(b.call("Relu", {loop->output(0)}));
  b.output(loop->output(1));
  return b.take();
}

const SteadyCase kCases[] = {
    {"ConvNet", [] { return testing::conv_net(false); }, [] { return std::vector<Datum>{image()}; }},
    {"DynamicConvNet", [] { return testing::conv_net(true); }, [] { return std::vector<Datum>{image()}; }},
    {"Transformer", [] { return testing::transformer(false); }, [] { return std::vector<Datum>{tokens(2, 12)}; }},
    {"DynamicTransformer", [] { return testing::transformer(true); }, [] { return std::vector<Datum>{tokens(3, 9)}; }},
    {"Movement", movement,
     [] {
       return std::vector<Datum>{random_tensor({3, 6, 10}, 1), Tensor::of_i64({5, 0, -1, 2})};
     }},
    {"Integers", integers,
     [] {
       return std::vector<Datum>{ints32({8, 5}), ints32({5})};
     }},
    {"Quantised", quantised,
     [] {
       return std::vector<Datum>{random_tensor({1, 8, 12, 12}, 2)};
     }},
    {"Recurrent", recurrent,
     [] {
       return std::vector<Datum>{random_tensor({7, 2, 6}, 3)};
     }},
    {"If", choice,
     [] {
       return std::vector<Datum>{Tensor::scalar(true), random_tensor({3, 4}, 4)};
     }},
    {"Loop", repetition,
     [] {
       return std::vector<Datum>{Tensor::scalar<std::int64_t>(3), random_tensor({3, 4}, 4), random_tensor({4}, 6)};
     }},
};

class SteadyRun : public ::testing::TestWithParam<std::tuple<SteadyCase, int>> {};

TEST_P(SteadyRun, AllocatesNothing) {
  if (!counts_allocations()) GTEST_SKIP() << "this build has an allocator of its own";
  const auto& [c, threads] = GetParam();
  BoundSession bound(c.graph(), threads);
  bound.bind(c.inputs());
  EXPECT_EQ(allocations_of(bound), 0) << allocating_steps(bound);
}

INSTANTIATE_TEST_SUITE_P(Graphs, SteadyRun, ::testing::Combine(::testing::ValuesIn(kCases), ::testing::Values(1, 2)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) + "On" +
                                  std::to_string(std::get<1>(info.param));
                         });

TEST(SteadyBinding, AllocatesNothing) {
  if (!counts_allocations()) GTEST_SKIP() << "this build has an allocator of its own";
  SessionOptions options;
  options.intra_op_threads = 1;
  IoBinding binding(std::make_shared<Session>(testing::conv_net(true), options));
  binding.bind_input("x", image());
  binding.bind_output("y0", Tensor::allocate(ElementType::kF32, {1, 10}));
  binding.bind_output("y1", Tensor::allocate(ElementType::kF32, {1, 32, 32, 32}));
  for (int i = 0; i < kWarmUp; ++i) binding.run({});
  const RunOptions run;
  count_allocations(true);
  const long before = allocation_count();
  binding.run(run);
  count_allocations(false);
  EXPECT_EQ(allocation_count() - before, 0);
}

TEST(AllocationCounter, SeesEveryKind) {
  if (!counts_allocations()) GTEST_SKIP() << "this build has an allocator of its own";
  count_allocations(true);
  const long before = allocation_count();
  delete new std::string(100, 'x');
  std::free(std::malloc(10));
  const std::shared_ptr<Memory> block = allocate_host(100);
  count_allocations(false);
  EXPECT_GE(allocation_count() - before, 4);
}

// A dynamic model and inputs of many shapes for it.
struct ShapesCase {
  const char* name;
  std::shared_ptr<Graph> (*graph)();
  Datum (*input)(int number);
  Datum (*largest)();
};

void PrintTo(const ShapesCase& c, std::ostream* out) { *out << c.name; }

const ShapesCase kShapes[] = {
    {"ConvNet", [] { return testing::conv_net(true); },
     [](int i) {
       return Datum(random_tensor({1 + i % 2, 3, 16 + i * 7 % 37, 16 + i * 11 % 41}, 2));
     },
     [] {
       return Datum(random_tensor({2, 3, 56, 56}, 2));
     }},
    {"Transformer", [] { return testing::transformer(true); },
     [](int i) { return Datum(tokens(1 + i % 3, 4 + i * 5 % 61)); }, [] { return Datum(tokens(3, 64)); }},
};

class NewShapes : public ::testing::TestWithParam<ShapesCase> {
 protected:
  // A run with outputs of its own; its seconds.
  static double run(BoundSession& bound, Datum input) {
    bound.outputs().assign(bound.outputs().size(), Datum());
    bound.bind({std::move(input)});
    const auto begin = std::chrono::steady_clock::now();
    bound.run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
};

TEST_P(NewShapes, NeitherInferNorPack) {
  const WorkCounts at_first = work_counts();
  BoundSession bound(GetParam().graph(), 2);
  const WorkCounts before = work_counts();
  EXPECT_GT(before.inferences, at_first.inferences);
  EXPECT_GT(before.packings, at_first.packings);
  for (int i = 0; i < 50; ++i) run(bound, GetParam().input(i));
  EXPECT_EQ(work_counts().inferences, before.inferences);
  EXPECT_EQ(work_counts().packings, before.packings);
}

TEST_P(NewShapes, GiveWhatASessionOfThatShapeGives) {
  BoundSession bound(GetParam().graph(), 1);
  for (int i = 0; i < 12; ++i) {
    run(bound, GetParam().input(i));
    BoundSession fresh(GetParam().graph(), 1);
    run(fresh, GetParam().input(i));
    for (std::size_t o = 0; o < bound.outputs().size(); ++o) {
      const Tensor& got = bound.outputs()[o].tensor();
      const Tensor& want = fresh.outputs()[o].tensor();
      ASSERT_EQ(got.description(), want.description());
      EXPECT_EQ(std::memcmp(got.raw(), want.raw(), want.bytes()), 0) << "output " << o << " of shape " << i;
    }
  }
}

TEST_P(NewShapes, LeaveMemoryOnAPlateau) {
  if (!counts_allocations()) GTEST_SKIP() << "this build has an allocator of its own";
  BoundSession bound(GetParam().graph(), 1);
  const auto in_use = [&] {
    run(bound, GetParam().largest());
    release_recent_blocks();
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  // Plans of the most recent shapes are kept, so some shapes come first.
  for (int i = 0; i < 50; ++i) run(bound, GetParam().input(i));
  const std::size_t before = in_use();
  for (int i = 50; i < 1000; ++i) run(bound, GetParam().input(i));
  EXPECT_LE(in_use(), before + (std::size_t{32} << 10));
}

TEST_P(NewShapes, CostLittleMoreThanRepeatedOnes) {
  BoundSession bound(GetParam().graph(), 1);
  run(bound, GetParam().largest());
  std::vector<double> first;
  std::vector<double> again;
  for (int i = 0; i < 101; ++i) {
    first.push_back(run(bound, GetParam().input(i)));
    again.push_back(run(bound, GetParam().input(i)));
  }
  std::sort(first.begin(), first.end());
  std::sort(again.begin(), again.end());
  // Medians, and loosely: the machine may be busy. Inference or packing would cost several runs.
  EXPECT_LE(first[50], 2 * again[50] + 50e-6);
}

INSTANTIATE_TEST_SUITE_P(Models, NewShapes, ::testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

// One input of the command line: NAME=TYPE:DIMxDIM:FILE.
std::pair<std::string, Datum> read_input(const std::string& text) {
  const std::size_t equals = text.find('=');
  std::istringstream fields(text.substr(equals + 1));
  std::string type_name;
  std::string dims_text;
  std::string path;
  std::getline(fields, type_name, ':');
  std::getline(fields, dims_text, ':');
  std::getline(fields, path);
  Dims dims;
  std::istringstream extents(dims_text);
  for (std::string d; std::getline(extents, d, 'x');) dims.push_back(std::stoll(d));
  for (int type = 1; type < 64; ++type) {
    if (element_name(static_cast<ElementType>(type)) != type_name) continue;
    Tensor t = Tensor::allocate(static_cast<ElementType>(type), dims);
    std::ifstream file(path, std::ios::binary);
    if (!file.read(static_cast<char*>(t.raw()), static_cast<std::streamsize>(t.bytes()))) break;
    return {text.substr(0, equals), t};
  }
  fail(ErrorCode::kInvalidArgument, "{} is no input", text);
}

int report(int argc, char** argv) {
  ModelSource source;
  source.path = argv[2];
  SessionOptions options;
  options.intra_op_threads = std::stoi(argv[3]);
  BoundSession bound(std::make_shared<Session>(source, options));
  std::vector<Datum> inputs(bound.session().inputs().size() + bound.session().overridable().size());
  for (int i = 4; i < argc; ++i) {
    const auto [name, value] = read_input(argv[i]);
    inputs.at(static_cast<std::size_t>(bound.session().input_index(name))) = value;
  }
  bound.bind(std::move(inputs));
  const long count = allocations_of(bound);
  std::printf("%s%ld allocations in a run\n", allocating_steps(bound).c_str(), count);
  return count == 0 ? 0 : 1;
}

}  // namespace
}  // namespace oriel

int main(int argc, char** argv) {
  if (argc >= 4 && std::strcmp(argv[1], "--model") == 0) {
    try {
      return oriel::report(argc, argv);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 2;
    }
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
