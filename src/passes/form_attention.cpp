// Scaled dot-product attention that is spelled out becomes one node.
#include <algorithm>
#include <map>

#include "passes/pass.h"
#include "passes/patterns.h"

namespace oriel {
namespace {

Value* scalar(Patch& patch, float x) {
  Tensor t = Tensor::allocate(ElementType::kF32, {});
  t.data<float>()[0] = x;
  return patch.constant(std::move(t));
}

bool covers_keys(const Value& mask, const Dim& keys) { return mask.shape()[mask.shape().rank() - 1].same(keys); }

Value* without_first_axis(Patch& patch, const Value& mask) {
  const Dims& dims = mask.constant()->dims();
  return patch.constant(mask.constant()->reshaped(Dims(dims.begin() + 1, dims.end())));
}

// Attention hides what lies beyond a mask's last axis, an addition repeats it: the mask with as many columns as there
// are values.
Value* stretch(Patch& patch, Value* mask, Value* value, const std::vector<const Node*>& from) {
  Attributes axis;
  axis.set("start", std::int64_t{2});
  axis.set("end", std::int64_t{3});
  return patch.call("Expand", {mask, patch.call("Shape", {value}, std::move(axis), from)}, {}, from);
}

}  // namespace

bool form_attention(Graph& graph) {
  bool changed = false;
  // Layers share masks: one node makes what all of them add.
  std::map<std::vector<const Value*>, Value*> sums;
  std::map<std::pair<const Value*, std::pair<bool, float>>, Value*> choices;
  // Values that masks were stretched for, one for each number of keys.
  std::vector<Value*> lengths;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    std::optional<AttentionComposite> found = match_attention(*node);
    if (!found) continue;
    Patch patch(graph);
    if (found->keep != nullptr) {
      Value*& choice = choices[{found->keep, {found->hides, found->hidden}}];
      if (choice == nullptr) {
        Value* low = scalar(patch, found->hidden);
        Value* none = scalar(patch, 0.0F);
        choice =
            patch.call("Where", {found->keep, found->hides ? low : none, found->hides ? none : low}, {}, found->nodes);
      }
      found->masks.push_back(choice);
    }
    Value* mask = nullptr;
    if (!found->masks.empty()) {
      const Dim& keys = found->value->shape()[2];
      std::vector<const Value*> parts(found->masks.begin(), found->masks.end());
      // A mask that is stretched is stretched for as many keys as these values have.
      Value* length = nullptr;
      if (std::any_of(parts.begin(), parts.end(), [&](const Value* m) { return !covers_keys(*m, keys); })) {
        const auto known =
            std::find_if(lengths.begin(), lengths.end(), [&](const Value* v) { return v->shape()[2].same(keys); });
        length = known != lengths.end() ? *known : lengths.emplace_back(found->value);
        parts.push_back(length);
      }
      Value*& sum = sums[parts];
      if (sum == nullptr) {
        for (Value* m : found->masks) {
          if (m->shape().rank() == 5) m = without_first_axis(patch, *m);
          sum = sum == nullptr ? m : patch.call("Add", {sum, m}, {}, found->nodes);
        }
        if (!covers_keys(*sum, keys)) sum = stretch(patch, sum, length, found->nodes);
      }
      mask = sum;
    }
    Value* key = found->key;
    if (found->key_perm != std::vector<std::int64_t>{0, 1, 2, 3}) {
      Attributes turn;
      turn.set("perm", found->key_perm);
      key = patch.call("Transpose", {key}, std::move(turn), found->nodes);
    }
    Attributes attributes;
    attributes.set("scale", found->scale);
    std::vector<Value*> inputs{found->x, key, found->value};
    if (mask != nullptr) inputs.push_back(mask);
    Value* y = patch.call("Attention", std::move(inputs), std::move(attributes), found->nodes);
    // What reads the output relies on its symbols; where they are not the same, the new nodes are left unread.
    if (!y->shape().same(found->output->shape())) continue;
    patch.replace(found->output, y);
    changed = true;
  }
  return Patch::clean(graph) > 0 || changed;
}

}  // namespace oriel
