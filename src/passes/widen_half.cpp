// f16 and bf16 as storage with f32 arithmetic: nodes that compute take f32 operands and give f32 results.
//
// A half value that a computing node reads gets an equal f32 form: of a constant an f32 constant, else a Cast. The
// results of such a node are f32; a Cast back serves whoever still wants the half value, which is where it is rounded.
// Nodes that only move elements follow their operands, so that an embedding table stays f16 and a transpose between two
// products does not round. A Cast of the model itself keeps its rounding. Shapes, symbols and contents stay those of
// the old values.
#include <algorithm>
#include <bit>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "passes/pass.h"

namespace oriel {
namespace {

bool is_half(ElementType type) { return type == ElementType::kF16 || type == ElementType::kBF16; }
bool is_half(const Value* v) { return v != nullptr && v->type().is_tensor() && is_half(v->element()); }

// Operators that place elements without computing with them; devices do so with elements of any type.
bool moves(const Node& node) {
  static const auto* const names = new std::unordered_set<std::string>{
      "Reshape",      "Squeeze",         "Unsqueeze",      "Flatten",         "Identity", "Dropout",
      "Transpose",    "Concat",          "Slice",          "Split",           "Expand",   "Tile",
      "Pad",          "Gather",          "GatherElements", "GatherND",        "Compress", "Where",
      "Trilu",        "ReverseSequence", "OneHot",         "SpaceToDepth",    "Shape",    "Size",
      "DepthToSpace", "CenterCropPad",   "TensorScatter",  "ScatterElements", "ScatterND"};
  if (!node.op().domain.empty() || names->count(node.op().name) == 0) return false;
  return node.attributes().get_string("reduction", "none") == "none";
}

// Operators whose result type does not follow from their operands, or whose operands are no numbers to compute with.
bool stays(const Node& node) {
  static const auto* const names = new std::unordered_set<std::string>{
      "Cast",      "CastLike",        "BitCast",          "ConstantOfShape", "EyeLike",
      "Range",     "RandomNormal",    "RandomNormalLike", "RandomUniform",   "RandomUniformLike",
      "Bernoulli", "MelWeightMatrix", "HannWindow",       "HammingWindow",   "BlackmanWindow"};
  const std::string& domain = node.op().domain;
  if (!domain.empty() && domain != "com.microsoft" && domain != "ai.onnx.ml") return true;
  return node.op().traits.control_flow || names->count(node.op().name) != 0;
}

class Widener {
 public:
  explicit Widener(Graph& graph) : graph_(graph), patch_(graph) {}

  bool run() {
    const std::vector<Node*> nodes = graph_.nodes();
    for (Node* node : nodes) {
      if (node->op().name == "Cast" && node->op().domain.empty()) {
        pass_cast(*node);
      } else if (wanted(*node)) {
        widen(*node);
      }
    }
    if (changed_) Patch::clean(graph_);
    return changed_;
  }

 private:
  bool wanted(const Node& node) const {
    const auto is_tensor = [](const Value* v) { return v == nullptr || v->type().is_tensor(); };
    if (stays(node) || !std::all_of(node.inputs().begin(), node.inputs().end(), is_tensor) ||
        !std::all_of(node.outputs().begin(), node.outputs().end(), is_tensor)) {
      return false;
    }
    const bool follows = moves(node);
    return std::any_of(node.inputs().begin(), node.inputs().end(),
                       [&](const Value* v) { return is_half(v) && (!follows || wide_.count(v) != 0); });
  }

  // A Cast to f32 of a value with an f32 form is that form.
  void pass_cast(Node& node) {
    const auto found = wide_.find(node.input(0));
    if (found == wide_.end() || node.output()->element() != ElementType::kF32) return;
    patch_.replace(node.output(), found->second);
    changed_ = true;
  }

  Value* wide_form(Value* v, const Node& reader) {
    const auto found = wide_.find(v);
    if (found != wide_.end()) return found->second;
    Value* form = nullptr;
    if (v->is_constant()) {
      const Tensor& half = *v->constant();
      Tensor full = Tensor::allocate(ElementType::kF32, half.dims());
      auto* to = full.data<float>();
      for (std::int64_t i = 0; i < half.size(); ++i) {
        to[i] = half.type() == ElementType::kF16 ? static_cast<float>(half.data<Half>()[i])
                                                 : static_cast<float>(half.data<BFloat16>()[i]);
      }
      form = graph_.add_constant(std::move(full), graph_.unique_name(v->name() + "_f32"));
    } else {
      form = patch_.call("Cast", {v}, {{"to", ElementType::kF32}}, {&reader});
    }
    wide_.emplace(v, form);
    return form;
  }

  // Bounds that a Clip leaves out are the finite limits of its type, not of f32.
  void bound(std::vector<Value*>& inputs, ElementType type) {
    const float greatest = type == ElementType::kF16 ? 65504.0F : std::bit_cast<float>(0x7F7F0000U);
    inputs.resize(3, nullptr);
    if (inputs[1] == nullptr) inputs[1] = patch_.constant(Tensor::scalar<float>(-greatest));
    if (inputs[2] == nullptr) inputs[2] = patch_.constant(Tensor::scalar<float>(greatest));
  }

  void widen(Node& node) {
    std::vector<Value*> inputs;
    for (Value* v : node.inputs()) inputs.push_back(is_half(v) ? wide_form(v, node) : v);
    if (node.op().name == "Clip" && node.op().domain.empty()) bound(inputs, node.input(0)->element());
    Node* full =
        patch_.add(node.op().domain, node.op().name, node.attributes(), std::move(inputs), node.num_outputs(), {&node});
    changed_ = true;
    InferContext context(*full);
    for (std::size_t i = 0; i < node.num_outputs(); ++i) {
      const Value* old = node.output(i);
      const ElementType expected = is_half(old) ? ElementType::kF32 : old->element();
      // An attribute that names a half type: the node stays as it is, and the new one has no reader.
      if (full->output(i)->element() != expected) return;
    }
    for (std::size_t i = 0; i < node.num_outputs(); ++i) {
      Value* old = node.output(i);
      Value* now = full->output(i);
      context.set(i, now->element(), old->shape());
      if (old->content() != nullptr) context.set_content(i, *old->content());
      if (is_half(old)) {
        Value* narrow = patch_.call("Cast", {now}, {{"to", old->element()}}, {&node});
        patch_.replace(old, narrow);
        wide_.emplace(narrow, now);
      } else {
        patch_.replace(old, now);
      }
    }
  }

  Graph& graph_;
  Patch patch_;
  std::unordered_map<const Value*, Value*> wide_;  // half value -> its f32 form
  bool changed_ = false;
};

}  // namespace

bool widen_half(Graph& graph) {
  bool changed = false;
  for (const Node* node : graph.nodes()) {
    for (const auto& [name, attribute] : node->attributes().items()) {
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute); body != nullptr && *body)
        changed = widen_half(**body) || changed;
    }
  }
  return Widener(graph).run() || changed;
}

}  // namespace oriel
