// Nodes whose operands are constants, and values whose elements inference knows, become constants.
#include <algorithm>

#include "ir/alignment.h"
#include "passes/pass.h"

namespace oriel {
namespace {

// Folding may grow a model; beyond this a node stays, unless its result is no larger than its operands.
constexpr std::size_t kMaxGrowth = std::size_t{1} << 20;

class FoldSink final : public OutputSink {
 public:
  explicit FoldSink(const Node& node) : results_(node.num_outputs()) {}
  std::size_t size() const override { return results_.size(); }
  bool wanted(std::size_t i) const override { return i < results_.size(); }
  Tensor& allocate(std::size_t i, ElementType type, const Dims& dims) override {
    if (i >= results_.size()) {
      spare_ = Tensor::allocate(type, dims);
      return spare_;
    }
    results_[i] = Tensor::allocate(type, dims);
    return results_[i].tensor();
  }
  void set(std::size_t i, Datum value) override {
    if (i < results_.size()) results_[i] = std::move(value);
  }
  const std::vector<Datum>& results() const { return results_; }

 private:
  std::vector<Datum> results_;
  Tensor spare_;
};

bool known(const Value& v) {
  return v.content() != nullptr &&
         std::all_of(v.content()->begin(), v.content()->end(), [](const Dim& d) { return d.is_known(); });
}

Tensor content_tensor(const Value& v) {
  Dims dims;
  if (v.shape().rank() == 1) dims.push_back(static_cast<std::int64_t>(v.content()->size()));
  Tensor t = Tensor::allocate(v.element(), dims);
  for (std::size_t i = 0; i < v.content()->size(); ++i) {
    const std::int64_t x = (*v.content())[i].value();
    if (v.element() == ElementType::kI64) {
      t.data<std::int64_t>()[i] = x;
    } else {
      t.data<std::int32_t>()[i] = static_cast<std::int32_t>(x);
    }
  }
  return t;
}

bool foldable(const Node& node) {
  const OpTraits& traits = node.op().traits;
  if (traits.nondeterministic || traits.control_flow || node.op().reference == nullptr) return false;
  // Weights stay quantised: devices compute with them as they are.
  if (node.op().name == "DequantizeLinear") return false;
  std::size_t operands = 0;
  for (const Value* v : node.inputs()) {
    if (v == nullptr) continue;
    if (!v->is_constant()) return false;
    operands += v->constant()->bytes();
  }
  for (const Value* v : node.outputs()) {
    if (!v->type().is_tensor()) return false;
    const Dim count = v->shape().elements();
    if (!count.is_known()) continue;
    if (element_bytes(v->element(), count.value()) > std::max(operands, kMaxGrowth)) return false;
  }
  return true;
}

}  // namespace

bool fold_constants(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (Node* node : nodes) {
    Patch patch(graph);
    if (!node->op().traits.nondeterministic) {
      for (Value* v : node->outputs()) {
        if (v->is_constant() || !known(*v) || v->users().empty()) continue;
        if (v->element() != ElementType::kI64 && v->element() != ElementType::kI32) continue;
        patch.replace(v, patch.constant(content_tensor(*v)));
        changed = true;
      }
    }
    if (!foldable(*node)) continue;
    std::vector<Datum> operands;
    for (const Value* v : node->inputs()) operands.push_back(v == nullptr ? Datum() : Datum(aligned(*v->constant())));
    std::vector<const Datum*> pointers;
    for (std::size_t i = 0; i < operands.size(); ++i)
      pointers.push_back(node->input(i) == nullptr ? nullptr : &operands[i]);
    FoldSink sink(*node);
    RunContext context;
    try {
      node->op().reference(Inputs(node->attributes(), pointers.data(), pointers.size()), sink, context);
    } catch (const Error&) {
      // The node fails whenever it runs; whether it runs is not decided here.
      continue;
    }
    for (std::size_t i = 0; i < node->num_outputs(); ++i) {
      if (!sink.results()[i].is_tensor()) continue;
      patch.replace(node->output(i), patch.constant(sink.results()[i].tensor()));
      changed = true;
    }
  }
  return changed;
}

}  // namespace oriel
