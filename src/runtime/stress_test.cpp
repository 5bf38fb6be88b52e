// One session under load: many threads, runs that are cancelled at any time, shapes that change.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "runtime/task_queue.h"
#include "runtime/testing.h"

namespace oriel {
namespace {

using testing::Builder;
using testing::random_tensor;

// A loop of `rounds` matrix products on [batch, 16], long enough to be cancelled inside.
std::shared_ptr<Graph> products(std::int64_t rounds) {
  Builder b;
  Value* x = b.input("x", Shape{b.symbol("batch"), 16});
  Value* w = b.weights({16, 16});
  auto body = std::make_shared<Graph>(&b.graph());
  body->add_input("i", ValueType(ElementType::kI64, Shape{}));
  Value* condition = body->add_input("condition", ValueType(ElementType::kBool, Shape{}));
  Value* state = body->add_input("state", x->type());
  Value* factor = body->add_capture(*w);
  body->add_output(body->call("Identity", {condition}), "go_on");
  body->add_output(body->call("Tanh", {body->call("MatMul", {state, factor})}), "next");
  Value* count = b.constant(Tensor::scalar(rounds));
  b.output(b.call("Relu",
                  {b.call("Loop", {count, nullptr, x, w}, {{"body", std::move(body)}, {"carried", std::int64_t{1}}})}));
  return b.take();
}

struct Expectation {
  Datum input;
  std::vector<Datum> outputs;
};

bool same(const std::vector<Datum>& got, const std::vector<Datum>& want) {
  for (std::size_t o = 0; o < want.size(); ++o) {
    const Tensor& a = got[o].tensor();
    const Tensor& b = want[o].tensor();
    if (!(a.dims() == b.dims()) || std::memcmp(a.raw(), b.raw(), a.bytes()) != 0) return false;
  }
  return true;
}

std::vector<Expectation> expectations(Session& session, const std::vector<Datum>& inputs) {
  std::vector<Expectation> list;
  for (const Datum& x : inputs) {
    Expectation e{x, std::vector<Datum>(session.outputs().size())};
    const Datum* const operands[] = {&e.input};
    session.run(operands, e.outputs, {}).throw_if_failed();
    list.push_back(std::move(e));
  }
  return list;
}

struct StressCase {
  const char* name;
  std::shared_ptr<Graph> (*graph)();
  Datum (*input)(int number);
};

void PrintTo(const StressCase& c, std::ostream* out) { *out << c.name; }

class Stress : public ::testing::TestWithParam<StressCase> {};

TEST_P(Stress, RunsEndRightOrCancelled) {
  constexpr int kThreads = 8;
  constexpr int kRuns = 60;
  SessionOptions options;
  options.intra_op_threads = 3;
  Session session(GetParam().graph(), options);
  std::vector<Datum> inputs;
  for (int i = 0; i < 5; ++i) inputs.push_back(GetParam().input(i));
  const std::vector<Expectation> known = expectations(session, inputs);

  std::atomic<int> wrong{0};
  std::atomic<int> right{0};
  std::atomic<int> cancelled{0};
  CancelToken tokens[kThreads];
  std::atomic<bool> over{false};
  std::thread canceller([&] {
    std::mt19937 generator(7);
    while (!over) {
      tokens[generator() % kThreads].cancelled = true;
      std::this_thread::sleep_for(std::chrono::microseconds(generator() % 300));
    }
  });
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([&, t] {
      std::mt19937 generator(static_cast<std::uint32_t>(t));
      std::vector<Datum> outputs(session.outputs().size());
      for (int r = 0; r < kRuns; ++r) {
        const Expectation& e = known[generator() % known.size()];
        const bool can_cancel = r % 2 == 0;
        tokens[t].cancelled = false;
        RunOptions run;
        if (can_cancel) run.cancel = &tokens[t];
        if (r % 5 == 0) outputs.assign(outputs.size(), Datum());
        const Datum* const operands[] = {&e.input};
        const Status status = session.run(operands, outputs, run);
        if (status.ok() && same(outputs, e.outputs)) {
          ++right;
        } else if (!status.ok() && can_cancel && status.code() == ErrorCode::kCancelled) {
          ++cancelled;
        } else {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& t : callers) t.join();
  over = true;
  canceller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(right, kThreads * kRuns / 2);
  EXPECT_EQ(right + cancelled, kThreads * kRuns);
  for (const Expectation& e : known) {
    std::vector<Datum> outputs(session.outputs().size());
    const Datum* const operands[] = {&e.input};
    ASSERT_TRUE(session.run(operands, outputs, {}).ok());
    EXPECT_TRUE(same(outputs, e.outputs));
  }
}

const StressCase kCases[] = {
    {"ConvNet", [] { return testing::conv_net(true); },
     [](int i) {
       return Datum(random_tensor({1 + i % 2, 3, 24 + 4 * i, 40 - 4 * i}, static_cast<std::uint32_t>(i)));
     }},
    {"Transformer", [] { return testing::transformer(true); },
     [](int i) {
       Tensor t = Tensor::allocate(ElementType::kI64, {1 + i % 3, 10 + 5 * i});
       for (std::int64_t k = 0; k < t.size(); ++k) t.data<std::int64_t>()[k] = k * 3 % 50;
       return Datum(t);
     }},
    {"Loop", [] { return products(50); },
     [](int i) {
       return Datum(random_tensor({4 + 8 * i, 16}, static_cast<std::uint32_t>(i)));
     }},
};

INSTANTIATE_TEST_SUITE_P(Models, Stress, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Cancelling, EndsALoopThatWouldNotEnd) {
  Session session(products(std::int64_t{1} << 60), {});
  CancelToken token;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    token.cancelled = true;
  });
  const Datum x(random_tensor({4, 16}, 1));
  const Datum* const operands[] = {&x};
  std::vector<Datum> outputs(1);
  RunOptions run;
  run.cancel = &token;
  EXPECT_EQ(session.run(operands, outputs, run).code(), ErrorCode::kCancelled);
  canceller.join();
}

TEST(TaskQueue, RunsEveryTaskOnceAndInOrderOnOneThread) {
  TaskQueue one(1);
  TaskQueue many(4);
  std::vector<int> order;
  std::atomic<int> done{0};
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 500; ++i) many.post([&] { ++done; });
    });
  }
  for (int i = 0; i < 500; ++i) one.post([&order, i] { order.push_back(i); });
  for (std::thread& t : posters) t.join();
  one.drain();
  many.drain();
  EXPECT_EQ(done, 2000);
  ASSERT_EQ(order.size(), 500U);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace oriel
