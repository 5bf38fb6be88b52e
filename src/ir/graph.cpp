// Building, checking, editing and printing graphs.
#include "ir/graph.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/format.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "base/work_counters.h"

namespace oriel {
namespace {

constexpr std::int64_t kMaxContent = 64;

std::optional<std::vector<Dim>> content_of(const Tensor& t) {
  if (t.rank() > 1 || t.size() > kMaxContent) return std::nullopt;
  if (t.type() != ElementType::kI64 && t.type() != ElementType::kI32) return std::nullopt;
  std::vector<Dim> content;
  for (const std::int64_t v : t.to_i64()) content.emplace_back(v);
  return content;
}

void check_attributes(const OpDef& op, Attributes& attributes) {
  for (const auto& [name, value] : attributes.items()) {
    const auto def =
        std::find_if(op.attributes.begin(), op.attributes.end(), [&](const AttributeDef& d) { return d.name == name; });
    if (def == op.attributes.end()) fail(ErrorCode::kInvalidGraph, "unrecognized attribute {}", name);
    if (def->prototype.index() != value.index()) {
      fail(ErrorCode::kInvalidGraph, "attribute {} is of type {}, expected {}", name, attribute_kind_name(value),
           attribute_kind_name(def->prototype));
    }
  }
  for (const AttributeDef& def : op.attributes) {
    if (attributes.has(def.name)) continue;
    if (def.need == AttributeDef::Need::kRequired)
      fail(ErrorCode::kInvalidGraph, "required attribute {} is missing", def.name);
    if (def.need == AttributeDef::Need::kDefault) attributes.set(def.name, def.prototype);
  }
}

}  // namespace

std::string ValueType::to_string() const {
  switch (kind) {
    case Kind::kNone:
      return "none";
    case Kind::kTensor:
      return std::string(element_name(element)) + shape.to_string();
    case Kind::kSequence:
      return "seq(" + inner->to_string() + ")";
    case Kind::kOptional:
      return "optional(" + inner->to_string() + ")";
    case Kind::kMap:
      return formatted("map({}, {})", element_name(element), inner->to_string());
  }
  return "none";
}

void OpRegistry::add(OpDef definition) {
  std::string key = definition.domain + ":" + definition.name;
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), key,
                                   [](const auto& a, const std::string& b) { return a.first < b; });
  ORIEL_REQUIRE(at == by_name_.end() || at->first != key, "operator {} is defined twice", definition.full_name());
  auto owned = std::make_unique<OpDef>(std::move(definition));
  by_name_.insert(at, {std::move(key), std::move(owned)});
}

const OpDef* OpRegistry::find(std::string_view domain, std::string_view name) const {
  std::string key(domain);
  key += ':';
  key += name;
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), key,
                                   [](const auto& a, const std::string& b) { return a.first < b; });
  return at != by_name_.end() && at->first == key ? at->second.get() : nullptr;
}

std::vector<const OpDef*> OpRegistry::all() const {
  std::vector<const OpDef*> list;
  for (const auto& [key, op] : by_name_) list.push_back(op.get());
  return list;
}

const Attributes& InferContext::attributes() const { return node_.attributes_; }
std::size_t InferContext::num_inputs() const { return node_.inputs_.size(); }
std::size_t InferContext::num_outputs() const { return node_.outputs_.size(); }
bool InferContext::has_input(std::size_t i) const { return node_.input(i) != nullptr; }

const ValueType& InferContext::type(std::size_t i) const {
  const Value* v = node_.input(i);
  if (v == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
  return v->type();
}

ElementType InferContext::element(std::size_t i) const {
  const ValueType& t = type(i);
  if (!t.is_tensor()) fail(ErrorCode::kInvalidGraph, "input {} is {}, expected a tensor", i, t.to_string());
  return t.element;
}

const Shape& InferContext::shape(std::size_t i) const {
  element(i);
  return type(i).shape;
}

const Tensor* InferContext::constant(std::size_t i) const {
  const Value* v = node_.input(i);
  return v == nullptr ? nullptr : v->constant();
}

const std::vector<Dim>* InferContext::content(std::size_t i) const {
  const Value* v = node_.input(i);
  return v == nullptr ? nullptr : v->content();
}

bool InferContext::known_content(std::size_t i, std::vector<std::int64_t>& values) const {
  if (const Tensor* t = constant(i); t != nullptr && (is_integer(t->type()) || t->type() == ElementType::kBool)) {
    values = t->to_i64();
    return true;
  }
  const std::vector<Dim>* elements = content(i);
  if (elements == nullptr ||
      !std::all_of(elements->begin(), elements->end(), [](const Dim& d) { return d.is_known(); }))
    return false;
  values.clear();
  for (const Dim& d : *elements) values.push_back(d.value());
  return true;
}

void InferContext::set(std::size_t output, ElementType element, Shape shape) {
  set(output, ValueType(element, std::move(shape)));
}

void InferContext::set(std::size_t output, ValueType type) {
  if (output < node_.outputs_.size()) node_.outputs_[output]->type_ = std::move(type);
}

void InferContext::set_content(std::size_t output, std::vector<Dim> elements) {
  if (output >= node_.outputs_.size() || static_cast<std::int64_t>(elements.size()) > kMaxContent) return;
  if (std::any_of(elements.begin(), elements.end(), [](const Dim& d) { return !d.has_expression(); })) return;
  node_.outputs_[output]->content_ = std::move(elements);
}

std::string Node::describe(const std::string& fact) const {
  return formatted("{}: {} (node \"{}\")", op_->full_name(), fact, name_);
}

Graph::Graph(const OpRegistry& registry)
    : registry_(&registry), symbols_(std::make_shared<SymbolTable>()), info_(std::make_shared<ModelInfo>()) {}

Graph::Graph(const Graph* parent) : registry_(parent->registry_), symbols_(parent->symbols_), info_(parent->info_) {}

Graph::~Graph() = default;

std::string Graph::unique_name(std::string_view hint) { return formatted("{}__{}", hint, next_name_++); }

Value* Graph::new_value(const std::string& name) {
  auto value = std::make_unique<Value>();
  value->id_ = static_cast<int>(values_.size());
  value->name_ = name;
  values_.push_back(std::move(value));
  return values_.back().get();
}

void Graph::adopt_dims(ValueType& type, const std::string& hint) {
  if (!type.is_tensor() || !type.shape.is_ranked()) return;
  for (Dim& d : type.shape.dims()) {
    if (!d.has_expression()) {
      d = Dim::of_symbol(*symbols_, symbols_->fresh(hint, std::max<std::int64_t>(d.min(), 0), d.max()));
    }
  }
}

Value* Graph::add_input(const std::string& name, ValueType type) {
  Value* v = new_value(name);
  adopt_dims(type, name);
  v->type_ = std::move(type);
  inputs_.push_back(v);
  defaults_.emplace_back();
  return v;
}

Value* Graph::add_input(const std::string& name, ValueType type, Tensor default_value) {
  Value* v = add_input(name, std::move(type));
  defaults_.back() = std::move(default_value);
  return v;
}

Value* Graph::add_capture(const Value& outer) {
  Value* v = add_input(outer.name(), outer.type());
  v->content_ = outer.content_;
  return v;
}

Value* Graph::add_constant(Tensor tensor, const std::string& name) {
  Value* v = new_value(name.empty() ? unique_name("constant") : name);
  v->type_ = ValueType(tensor.type(), Shape(tensor.dims()));
  v->content_ = content_of(tensor);
  v->constant_ = std::move(tensor);
  return v;
}

Node* Graph::add(std::string_view domain, std::string_view op, Attributes attributes, std::vector<Value*> inputs,
                 const std::vector<std::string>& outputs, const std::string& name, std::vector<std::string> origins) {
  const OpDef* def = registry_->find(domain, op);
  const std::string shown = name.empty() ? unique_name(op) : name;
  if (def == nullptr) {
    fail(ErrorCode::kNotImplemented, "{}{}{}: no such operator is defined (node \"{}\")", domain,
         domain.empty() ? "" : ".", op, shown);
  }
  auto node = std::make_unique<Node>();
  node->op_ = def;
  node->name_ = shown;
  node->origins_ = origins.empty() ? std::vector<std::string>{shown} : std::move(origins);
  node->graph_ = this;
  node->id_ = static_cast<int>(owned_.size());
  while (!inputs.empty() && inputs.back() == nullptr) inputs.pop_back();
  try {
    const auto in = static_cast<int>(inputs.size());
    if (in < def->min_inputs || (def->max_inputs >= 0 && in > def->max_inputs)) {
      fail(ErrorCode::kInvalidGraph, "{} inputs, expected {}{}", in, def->min_inputs,
           def->max_inputs == def->min_inputs ? ""
           : def->max_inputs < 0              ? " or more"
                                              : formatted(" to {}", def->max_inputs));
    }
    for (int i = 0; i < def->min_inputs; ++i) {
      if (inputs[static_cast<std::size_t>(i)] == nullptr && def->max_inputs >= 0 && i < def->min_inputs) {
        fail(ErrorCode::kInvalidGraph, "required input {} is missing", i);
      }
    }
    const auto out = static_cast<int>(outputs.size());
    if (out < 1 || out < def->min_outputs || (def->max_outputs >= 0 && out > def->max_outputs)) {
      fail(ErrorCode::kInvalidGraph, "{} outputs, expected {} to {}", out, def->min_outputs, def->max_outputs);
    }
    check_attributes(*def, attributes);
    node->attributes_ = std::move(attributes);
    node->inputs_ = std::move(inputs);
    const std::size_t first_value = values_.size();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      Value* v = new_value(outputs[i].empty() ? unique_name(shown) : outputs[i]);
      v->producer_ = node.get();
      v->output_index_ = static_cast<int>(i);
      node->outputs_.push_back(v);
    }
    try {
      InferContext context(*node);
      count_inference();
      def->infer(context);
    } catch (...) {
      values_.resize(first_value);
      throw;
    }
  } catch (const Error& error) {
    throw Error(error.code(), node->describe(error.what()));
  }
  for (Value* v : node->outputs_) adopt_dims(v->type_, v->name());
  for (Value* v : node->inputs_) {
    if (v != nullptr) v->users_.push_back(node.get());
  }
  nodes_.push_back(node.get());
  owned_.push_back(std::move(node));
  return nodes_.back();
}

Value* Graph::call(std::string_view op, std::vector<Value*> inputs, Attributes attributes, const std::string& name) {
  return add("", op, std::move(attributes), std::move(inputs), {""}, name)->output();
}

void Graph::add_output(Value* value, const std::string& name) {
  outputs_.push_back(value);
  output_names_.push_back(name);
}

bool Graph::refine_types() {
  bool changed = false;
  for (Node* node : nodes_) {
    std::vector<ValueType> before;
    std::vector<std::optional<std::vector<Dim>>> content;
    for (const Value* v : node->outputs_) {
      before.push_back(v->type_);
      content.push_back(v->content_);
    }
    const auto restore = [&](std::size_t i) {
      node->outputs_[i]->type_ = before[i];
      node->outputs_[i]->content_ = content[i];
    };
    try {
      InferContext context(*node);
      count_inference();
      node->op_->infer(context);
    } catch (const Error&) {
      // What cannot be right fails when it runs; an operand that is now a constant may stand in a branch never taken.
      for (std::size_t i = 0; i < before.size(); ++i) restore(i);
      continue;
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
      Value& v = *node->outputs_[i];
      if (!v.content_) v.content_ = content[i];
      if (!v.type_.is_tensor() || !before[i].is_tensor() || v.type_.element != before[i].element ||
          !v.type_.shape.is_ranked()) {
        v.type_ = before[i];
        continue;
      }
      if (!before[i].shape.is_ranked()) {
        adopt_dims(v.type_, v.name());
        changed = true;
        continue;
      }
      if (v.type_.shape.rank() != before[i].shape.rank()) {
        v.type_ = before[i];
        continue;
      }
      for (std::size_t d = 0; d < before[i].shape.rank(); ++d) {
        const Dim& old = before[i].shape[d];
        Dim& dim = v.type_.shape[d];
        if (!dim.has_expression() || old.is_known()) {
          dim = old;
        } else if (!dim.same(old)) {
          changed = true;
        }
      }
    }
  }
  return changed;
}

void Graph::release_constants() {
  std::unordered_set<const Memory*> files;
  for (const auto& v : values_) {
    if (!v->constant_) continue;
    // Executables that still read a file see it through pages that come back as they are touched.
    const Memory* memory = v->constant_->memory().get();
    if (files.insert(memory).second) release_pages(memory);
    v->constant_ = Tensor();
  }
  for (const auto& node : owned_) {
    for (const auto& [name, attribute] : node->attributes_.items()) {
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute); body != nullptr && *body)
        (*body)->release_constants();
    }
  }
}

void Graph::verify() const {
  std::unordered_set<const Value*> made(inputs_.begin(), inputs_.end());
  for (const auto& v : values_) {
    if (v && v->is_constant()) made.insert(v.get());
  }
  for (const Node* n : nodes_) {
    for (const Value* v : n->inputs_) {
      if (v == nullptr) continue;
      if (made.count(v) == 0)
        fail(ErrorCode::kInvalidGraph, "{}", n->describe(formatted("reads \"{}\" before it is made", v->name())));
      if (std::count(v->users_.begin(), v->users_.end(), n) != std::count(n->inputs_.begin(), n->inputs_.end(), v)) {
        fail(ErrorCode::kInvalidGraph, "{}", n->describe(formatted("uses of \"{}\" are not recorded", v->name())));
      }
    }
    for (const Value* v : n->outputs_) {
      if (v->producer_ != n || v->type_.kind == ValueType::Kind::kNone) {
        fail(ErrorCode::kInvalidGraph, "{}",
             n->describe(formatted("output \"{}\" has no type or another producer", v->name())));
      }
      made.insert(v);
    }
  }
  for (const Value* v : outputs_) {
    if (made.count(v) == 0) fail(ErrorCode::kInvalidGraph, "output \"{}\" is never made", v->name());
  }
}

namespace {

std::string attribute_text(const Attribute& attribute) {
  return std::visit(
      [](const auto& a) -> std::string {
        using T = std::decay_t<decltype(a)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return formatted("\"{}\"", a);
        } else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, float>) {
          return formatted("{}", a);
        } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>> || std::is_same_v<T, std::vector<float>> ||
                             std::is_same_v<T, std::vector<std::string>>) {
          std::string text = "[";
          for (std::size_t i = 0; i < a.size() && i < 16; ++i) text += formatted("{}{}", i == 0 ? "" : ", ", a[i]);
          return text + (a.size() > 16 ? ", ...]" : "]");
        } else if constexpr (std::is_same_v<T, Tensor>) {
          return a.description();
        } else if constexpr (std::is_same_v<T, ElementType>) {
          return std::string(element_name(a));
        } else if constexpr (std::is_same_v<T, ValueType>) {
          return a.to_string();
        } else if constexpr (std::is_same_v<T, std::shared_ptr<Graph>>) {
          return formatted("graph of {} nodes", a ? a->nodes().size() : 0);
        } else {
          return formatted("{} items", a.size());
        }
      },
      attribute);
}

}  // namespace

std::string Graph::to_string() const {
  std::string text;
  for (const Value* v : inputs_) text += formatted("input {}: {}\n", v->name(), v->type().to_string());
  for (const Node* n : nodes_) {
    std::string line;
    for (std::size_t i = 0; i < n->outputs_.size(); ++i) {
      line += formatted("{}{}: {}", i == 0 ? "" : ", ", n->outputs_[i]->name(), n->outputs_[i]->type().to_string());
    }
    line += formatted(" = {}(", n->op().full_name());
    for (std::size_t i = 0; i < n->inputs_.size(); ++i) {
      const Value* v = n->inputs_[i];
      line += (i == 0 ? "" : ", ") + (v == nullptr ? "-" : v->name());
      if (v != nullptr && v->is_constant()) line += ":" + v->type().to_string();
    }
    line += ")";
    std::string bodies;
    for (const auto& [name, value] : n->attributes().items()) {
      line += formatted(" {}={}", name, attribute_text(value));
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&value); body != nullptr && *body) {
        bodies += formatted("  {}:\n{}", name, indented((*body)->to_string(), 4));
      }
    }
    text += line + "\n" + bodies;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    text += formatted("output {}: {} = {}\n", output_names_[i], outputs_[i]->type().to_string(), outputs_[i]->name());
  }
  return text;
}

Node* Patch::add(std::string_view domain, std::string_view op, Attributes attributes, std::vector<Value*> inputs,
                 std::size_t num_outputs, const std::vector<const Node*>& from) {
  std::vector<std::string> origins;
  for (const Node* n : from) {
    for (const std::string& o : n->origins()) {
      if (std::find(origins.begin(), origins.end(), o) == origins.end()) origins.push_back(o);
    }
  }
  const std::string name = from.empty() ? std::string() : from.back()->name();
  return graph_.add(domain, op, std::move(attributes), std::move(inputs), std::vector<std::string>(num_outputs), name,
                    std::move(origins));
}

Value* Patch::call(std::string_view op, std::vector<Value*> inputs, Attributes attributes,
                   const std::vector<const Node*>& from) {
  return add("", op, std::move(attributes), std::move(inputs), 1, from)->output();
}

void Patch::replace(Value* old_value, Value* new_value) {
  if (old_value == new_value) return;
  const std::vector<Node*> users = old_value->users_;
  for (Node* n : users) {
    for (Value*& v : n->inputs_) {
      if (v == old_value) {
        v = new_value;
        new_value->users_.push_back(n);
      }
    }
  }
  old_value->users_.clear();
  for (Value*& v : graph_.outputs_) {
    if (v == old_value) v = new_value;
  }
}

int Patch::clean(Graph& graph) {
  // Depth first from the outputs: what is reached stays, in topological order, otherwise as it stood.
  std::unordered_map<const Node*, int> state;  // 1: being visited, 2: done
  std::unordered_set<const Node*> live;
  std::vector<Node*> stack;
  for (const Value* v : graph.outputs_) {
    if (v->producer_ != nullptr) stack.push_back(v->producer_);
  }
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    if (!live.insert(n).second) continue;
    for (const Value* v : n->inputs_) {
      if (v != nullptr && v->producer_ != nullptr) stack.push_back(v->producer_);
    }
  }
  std::vector<Node*> order;
  order.reserve(live.size());
  for (Node* root : graph.nodes_) {
    if (live.count(root) == 0) continue;
    std::vector<std::pair<Node*, std::size_t>> path{{root, 0}};
    while (!path.empty()) {
      auto& [n, next] = path.back();
      int& s = state[n];
      if (s == 2) {
        path.pop_back();
        continue;
      }
      s = 1;
      bool descended = false;
      while (next < n->inputs_.size()) {
        const Value* v = n->inputs_[next++];
        if (v == nullptr || v->producer_ == nullptr) continue;
        const int at = state[v->producer_];
        if (at == 1) fail(ErrorCode::kInvalidGraph, "{}", n->describe("is part of a cycle"));
        if (at == 0) {
          path.emplace_back(v->producer_, 0);
          descended = true;
          break;
        }
      }
      if (descended) continue;
      state[path.back().first] = 2;
      order.push_back(path.back().first);
      path.pop_back();
    }
  }
  const int removed = static_cast<int>(graph.nodes_.size() - order.size());
  for (Node* n : graph.nodes_) {
    if (live.count(n) != 0) continue;
    for (Value* v : n->inputs_) {
      if (v == nullptr) continue;
      auto& users = v->users_;
      users.erase(std::remove(users.begin(), users.end(), n), users.end());
    }
    n->inputs_.clear();
  }
  graph.nodes_ = std::move(order);
  return removed;
}

}  // namespace oriel
