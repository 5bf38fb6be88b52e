// What the runtime's tests share: small models as graphs, and sessions run over bound outputs.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ops/registry.h"
#include "runtime/session.h"

namespace oriel::testing {

/// Floats of a fixed sequence, in [-0.5, 0.5).
inline Tensor random_tensor(Dims dims, std::uint32_t seed) {
  Tensor t = Tensor::allocate(ElementType::kF32, std::move(dims));
  std::mt19937 generator(seed);
  for (std::int64_t i = 0; i < t.size(); ++i)
    t.data<float>()[i] = static_cast<float>(generator() >> 8) * 0x1p-24F - 0.5F;
  return t;
}

/// A graph under construction: operators with constants made on the way.
class Builder {
 public:
  Builder() : graph_(std::make_shared<Graph>(builtin_ops())) {}

  Value* input(const std::string& name, Shape shape, ElementType type = ElementType::kF32) {
    return graph_->add_input(name, ValueType(type, std::move(shape)));
  }
  /// A dimension of that name.
  Dim symbol(const char* name) { return Dim::of_symbol(*graph_->symbols(), graph_->symbols()->named(name, 1)); }
  Value* weights(Dims dims) { return graph_->add_constant(random_tensor(std::move(dims), seed_++)); }
  Value* constant(Tensor tensor) { return graph_->add_constant(std::move(tensor)); }
  Value* ints(const std::vector<std::int64_t>& values) { return constant(Tensor::of_i64(values)); }
  Value* scalar(float value) { return constant(Tensor::scalar(value)); }
  Value* call(const char* op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return graph_->call(op, std::move(inputs), std::move(attributes));
  }
  std::vector<Value*> split(Value* x, std::int64_t axis, std::size_t parts) {
    return graph_
        ->add("", "Split", Attributes{{"axis", axis}, {"num_outputs", static_cast<std::int64_t>(parts)}}, {x},
              std::vector<std::string>(parts))
        ->outputs();
  }
  void output(Value* value) { graph_->add_output(value, "y" + std::to_string(graph_->outputs().size())); }
  Graph& graph() { return *graph_; }
  std::shared_ptr<Graph> take() { return std::move(graph_); }

 private:
  std::shared_ptr<Graph> graph_;
  std::uint32_t seed_ = 1;
};

/// A session with one set of inputs; outputs stay bound to what the last run made.
class BoundSession {
 public:
  BoundSession(std::shared_ptr<Graph> graph, int threads) {
    SessionOptions options;
    options.intra_op_threads = threads;
    session_ = std::make_shared<Session>(std::move(graph), options);
    outputs_.resize(session_->outputs().size());
  }
  explicit BoundSession(std::shared_ptr<Session> session)
      : session_(std::move(session)), outputs_(session_->outputs().size()) {}

  void bind(std::vector<Datum> inputs) {
    inputs_ = std::move(inputs);
    operands_.clear();
    for (const Datum& d : inputs_) operands_.push_back(d.empty() ? nullptr : &d);
  }
  void run(StepObserver* observer = nullptr) {
    RunOptions options;
    options.observer = observer;
    session_->run(operands_, outputs_, options).throw_if_failed();
  }
  Session& session() { return *session_; }
  std::vector<Datum>& outputs() { return outputs_; }

 private:
  std::shared_ptr<Session> session_;
  std::vector<Datum> inputs_;
  std::vector<const Datum*> operands_;
  std::vector<Datum> outputs_;
};

/// Convolutions with batch normalisation, a residual, pools, a resize and a classifier, on [batch, 3, height, width].
inline std::shared_ptr<Graph> conv_net(bool dynamic) {
  Builder b;
  Value* x =
      b.input("x", dynamic ? Shape{b.symbol("batch"), 3, b.symbol("height"), b.symbol("width")} : Shape{1, 3, 32, 32});
  const std::vector<std::int64_t> pads = {1, 1, 1, 1};
  Value* stem = b.call("Relu", {b.call("Conv", {x, b.weights({16, 3, 3, 3}), b.weights({16})}, {{"pads", pads}})});
  Value* deep = b.call("Conv", {stem, b.weights({16, 1, 3, 3})}, {{"pads", pads}, {"group", std::int64_t{16}}});
  deep = b.call("Clip", {b.call("Conv", {deep, b.weights({16, 16, 1, 1}), b.weights({16})}), b.scalar(0), b.scalar(6)});
  Value* sum = b.call("Add", {stem, deep});
  Value* half =
      b.call("MaxPool", {sum},
             {{"kernel_shape", std::vector<std::int64_t>{2, 2}}, {"strides", std::vector<std::int64_t>{2, 2}}});
  Value* scales = b.constant(Tensor::of<float>({1, 1, 2, 2}, {4}));
  Value* smooth = b.call("Resize", {half, nullptr, scales}, {{"mode", std::string("linear")}});
  Value* sharp = b.call("Resize", {half, nullptr, scales}, {{"mode", std::string("nearest")}});
  Value* wide = b.call("Concat", {smooth, sharp}, {{"axis", std::int64_t{1}}});
  Value* pooled = b.call("Flatten", {b.call("GlobalAveragePool", {wide})});
  Value* logits = b.call("Gemm", {pooled, b.weights({32, 10}), b.weights({10})});
  b.output(b.call("Softmax", {logits}));
  b.output(wide);
  return b.take();
}

/// Two layers of self-attention over embeddings, on token numbers [batch, length].
inline std::shared_ptr<Graph> transformer(bool dynamic) {
  constexpr std::int64_t kWidth = 32;
  constexpr std::int64_t kHeads = 4;
  Builder b;
  Value* ids = b.input("ids", dynamic ? Shape{b.symbol("batch"), b.symbol("length")} : Shape{2, 12}, ElementType::kI64);
  Value* x = b.call("Gather", {b.weights({50, kWidth}), ids});
  Value* heads = b.ints({0, 0, kHeads, kWidth / kHeads});
  const auto norm = [&](Value* v) {
    return b.call("LayerNormalization", {v, b.weights({kWidth}), b.weights({kWidth})}, {{"axis", std::int64_t{-1}}});
  };
  const auto dense = [&](Value* v, std::int64_t from, std::int64_t to) {
    return b.call("Add", {b.call("MatMul", {v, b.weights({from, to})}), b.weights({to})});
  };
  for (int layer = 0; layer < 2; ++layer) {
    const std::vector<Value*> qkv = b.split(dense(x, kWidth, 3 * kWidth), 2, 3);
    std::vector<Value*> parts;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::vector<std::int64_t> perm =
          i == 1 ? std::vector<std::int64_t>{0, 2, 3, 1} : std::vector<std::int64_t>{0, 2, 1, 3};
      parts.push_back(b.call("Transpose", {b.call("Reshape", {qkv[i], heads})}, {{"perm", perm}}));
    }
    Value* scores = b.call("Softmax", {b.call("Mul", {b.call("MatMul", {parts[0], parts[1]}), b.scalar(0.35F)})});
    Value* mixed =
        b.call("Transpose", {b.call("MatMul", {scores, parts[2]})}, {{"perm", std::vector<std::int64_t>{0, 2, 1, 3}}});
    Value* joined = b.call("Reshape", {mixed, b.ints({0, 0, kWidth})});
    x = norm(b.call("Add", {x, dense(joined, kWidth, kWidth)}));
    x = norm(b.call("Add", {x, dense(b.call("Gelu", {dense(x, kWidth, 64)}), 64, kWidth)}));
  }
  b.output(x);
  b.output(b.call("ReduceMean", {x, b.ints({1})}, {{"keepdims", std::int64_t{0}}}));
  return b.take();
}

}  // namespace oriel::testing
