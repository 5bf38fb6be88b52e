// Operators that own bodies: If, Loop and Scan with their captures, and those that are expressed by them.
#include <algorithm>
#include <cmath>
#include <optional>

#include "frontends/onnx/data_types.h"
#include "frontends/onnx/model_reader.h"
#include "ops/control_flow.h"

namespace oriel::onnx {
namespace {

/// Widens `type` until it contains `made`; whether it had to change. Throws Error(kInvalidGraph) for other element
/// types.
bool generalise(ValueType& type, const ValueType& made) {
  using Kind = ValueType::Kind;
  if (type.kind == Kind::kOptional && made.kind == Kind::kOptional) {
    ValueType inner = *type.inner;
    const bool changed = generalise(inner, *made.inner);
    if (changed) type = ValueType::optional(std::move(inner));
    return changed;
  }
  if (type.kind == Kind::kOptional) {
    ValueType inner = *type.inner;
    const bool changed = generalise(inner, made);
    if (changed) type = ValueType::optional(std::move(inner));
    return changed;
  }
  if (type.kind != Kind::kTensor || made.kind != Kind::kTensor || type.element != made.element) {
    ValueType merged = ops::merge_types(type, made);
    const bool changed = merged.to_string() != type.to_string();
    type = std::move(merged);
    return changed;
  }
  Shape& shape = type.shape;
  if (!shape.is_ranked()) return false;
  if (!made.shape.is_ranked() || made.shape.rank() != shape.rank()) {
    shape = Shape::unranked();
    return true;
  }
  bool changed = false;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    if (!shape[i].has_expression() || shape[i].same(made.shape[i])) continue;
    shape[i] = Dim::unknown();
    changed = true;
  }
  return changed;
}

/// The type of a slice along an axis.
ValueType slice_type(ValueType type, std::int64_t axis) {
  if (!type.is_tensor()) fail(ErrorCode::kInvalidGraph, "a scanned input is {}, expected a tensor", type.to_string());
  if (type.shape.is_ranked()) {
    auto& dims = type.shape.dims();
    dims.erase(dims.begin() + normalize_axis(axis, dims.size()));
  }
  return type;
}

/// Removes everything that may keep a type from being stable.
void forget_shape(ValueType& type) {
  if (type.is_tensor()) type.shape = Shape::unranked();
}

/// The bytes of a graph attribute.
Bytes graph_attribute(const Call& call, std::string_view name) {
  for (const AttributeProto& a : call.attributes) {
    if (a.name == name && a.type == AttributeProto::kGraph) return a.message;
  }
  fail(ErrorCode::kInvalidGraph, "required attribute {} is missing", name);
}

void append_captures(std::vector<Value*>& operands, const std::vector<const Value*>& captured, const Scope& scope) {
  for (const Value* v : captured) operands.push_back(scope.level.graph.value(v->id()));
}

/// The names inside a body: those around it are visible.
Scope scope_inside(Scope& around, Level& level) {
  return {.level = level,
          .opsets = around.opsets,
          .around = &around,
          .frame = around.frame,
          .prefix = around.prefix,
          .depth = around.depth - 1};
}

}  // namespace

ModelReader::Body ModelReader::read_body(Bytes graph_proto, const std::vector<ValueType>& input_types,
                                         const std::vector<const Value*>& captures, Scope& around) {
  if (around.depth <= 1)
    fail(ErrorCode::kInvalidGraph, "bodies and functions lie more than {} deep inside each other", options_.max_depth);
  const GraphProto proto = GraphProto::parse(graph_proto);
  if (proto.inputs.size() != input_types.size()) {
    fail(ErrorCode::kInvalidGraph, "the body has {} inputs, expected {}", proto.inputs.size(), input_types.size());
  }
  Body body;
  body.graph = std::make_shared<Graph>(&around.level.graph);
  Level level(*body.graph);
  Scope scope = scope_inside(around, level);
  std::unordered_set<Bytes> names;
  for (std::size_t i = 0; i < input_types.size(); ++i) {
    const Bytes name = proto.inputs[i].name;
    bind(name, body.graph->add_input(scope.prefix + to_text(name), input_types[i]), scope);
    names.insert(name);
  }
  for (const Value* outer : captures) capture(*outer, level);
  add_initializers(proto, scope, names);
  read_nodes(proto.nodes, scope);
  for (const ValueInfoProto& output : proto.outputs) {
    Value* value = find(output.name, scope);
    if (value == nullptr) fail(ErrorCode::kInvalidGraph, "output \"{}\" of a body is never made", output.name);
    body.graph->add_output(value, to_text(output.name));
  }
  body.captured = std::move(level.captured);
  return body;
}

ModelReader::Body ModelReader::read_stable_body(Bytes graph_proto, std::vector<ValueType> input_types,
                                                std::size_t first, std::size_t count, std::size_t made, Scope& around) {
  constexpr int kAttempts = 4;
  for (int attempt = 0;; ++attempt) {
    Body body = read_body(graph_proto, input_types, {}, around);
    if (body.graph->outputs().size() < made + count) {
      fail(ErrorCode::kInvalidGraph, "the body has {} outputs, expected {} or more", body.graph->outputs().size(),
           made + count);
    }
    bool changed = false;
    for (std::size_t i = 0; i < count; ++i) {
      ValueType& type = input_types[first + i];
      if (!generalise(type, body.graph->outputs()[made + i]->type())) continue;
      changed = true;
      if (attempt + 1 >= kAttempts) forget_shape(type);
    }
    if (!changed) return body;
    if (attempt > 2 * kAttempts) fail(ErrorCode::kInvalidGraph, "the types of the carried values do not settle");
  }
}

void ModelReader::read_if(Call& call) {
  if (call.inputs.size() != 1 || call.inputs[0] == nullptr)
    fail(ErrorCode::kInvalidGraph, "{} inputs, expected 1", call.inputs.size());
  Scope& scope = call.scope;
  const Body then_body = read_body(graph_attribute(call, "then_branch"), {}, {}, scope);
  const Body else_body = read_body(graph_attribute(call, "else_branch"), {}, then_body.captured, scope);
  for (std::size_t i = then_body.captured.size(); i < else_body.captured.size(); ++i) {
    then_body.graph->add_capture(*else_body.captured[i]);
  }
  append_captures(call.inputs, else_body.captured, scope);
  Attributes attributes;
  attributes.set("then_branch", then_body.graph);
  attributes.set("else_branch", else_body.graph);
  const std::vector<std::string> outputs = output_names(call, then_body.graph->outputs().size());
  bind_outputs(
      call,
      scope.level.graph.add("", "If", std::move(attributes), std::move(call.inputs), outputs, call.name)->outputs());
}

void ModelReader::read_loop(Call& call) {
  std::vector<Value*>& inputs = call.inputs;
  if (inputs.size() < 2) inputs.resize(2, nullptr);
  const std::size_t carried = inputs.size() - 2;
  std::vector<ValueType> types{ValueType(ElementType::kI64, {}), ValueType(ElementType::kBool, {})};
  for (std::size_t i = 0; i < carried; ++i) {
    if (inputs[i + 2] == nullptr) fail(ErrorCode::kInvalidGraph, "carried value {} is missing", i);
    types.push_back(inputs[i + 2]->type());
  }
  const Body body = read_stable_body(graph_attribute(call, "body"), std::move(types), 2, carried, 1, call.scope);
  append_captures(inputs, body.captured, call.scope);
  Attributes attributes;
  attributes.set("body", body.graph);
  attributes.set("carried", static_cast<std::int64_t>(carried));
  const std::vector<std::string> outputs = output_names(call, body.graph->outputs().size() - 1);
  bind_outputs(
      call,
      call.scope.level.graph.add("", "Loop", std::move(attributes), std::move(inputs), outputs, call.name)->outputs());
}

Node* ModelReader::add_scan(Attributes attributes, Bytes body_proto, std::vector<Value*> inputs,
                            const std::string& name, std::vector<std::string> outputs, Scope& scope) {
  const std::int64_t scans = attributes.get_int("num_scan_inputs");
  if (scans < 1 || static_cast<std::uint64_t>(scans) > inputs.size()) {
    fail(ErrorCode::kInvalidGraph, "num_scan_inputs is {}, with {} inputs", scans, inputs.size());
  }
  const std::size_t states = inputs.size() - static_cast<std::size_t>(scans);
  const std::vector<std::int64_t> axes = attributes.get_ints("scan_input_axes", {});
  std::vector<ValueType> types;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
    types.push_back(i < states ? inputs[i]->type()
                               : slice_type(inputs[i]->type(), i - states < axes.size() ? axes[i - states] : 0));
  }
  const Body body = read_stable_body(body_proto, std::move(types), 0, states, 0, scope);
  append_captures(inputs, body.captured, scope);
  attributes.set("body", body.graph);
  attributes.set("num_states", static_cast<std::int64_t>(states));
  outputs.resize(std::max(outputs.size(), body.graph->outputs().size()));
  return scope.level.graph.add("", "Scan", std::move(attributes), std::move(inputs), outputs, name);
}

void ModelReader::read_scan(Call& call) {
  Scope& scope = call.scope;
  std::vector<Value*>& inputs = call.inputs;
  const Bytes body = graph_attribute(call, "body");
  Attributes attributes;
  for (const AttributeProto& a : call.attributes) {
    if (a.name != "body") attributes.set(a.name, convert_attribute(a, scope));
  }
  if (version_of("", scope) >= 9) {
    bind_outputs(
        call,
        add_scan(std::move(attributes), body, std::move(inputs), call.name, output_names(call), scope)->outputs());
    return;
  }
  // Operator set 8: operand 0 is optional lengths, axis 0 of everything else the batch. A scan along the batch, of
  // scans.
  if (inputs.empty() || inputs[0] != nullptr)
    fail(ErrorCode::kNotImplemented, "sequence lengths (operator set 8) are not supported");
  inputs.erase(inputs.begin());
  if (const Attribute* directions = attributes.find("directions"); directions != nullptr) {
    attributes.set("scan_input_directions", Attribute(*directions));
    attributes.erase("directions");
  }
  const auto batch = std::make_shared<Graph>(&scope.level.graph);
  Level level(*batch);
  Scope inside = scope_inside(scope, level);
  std::vector<Value*> slices;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i + 1);
    slices.push_back(batch->add_input(batch->unique_name(inputs[i]->name()), slice_type(inputs[i]->type(), 0)));
  }
  const Node* inner = add_scan(std::move(attributes), body, slices, call.name, {}, inside);
  for (Value* v : inner->outputs()) batch->add_output(v, v->name());
  Attributes outer;
  outer.set("body", batch);
  outer.set("num_scan_inputs", static_cast<std::int64_t>(inputs.size()));
  outer.set("num_states", std::int64_t{0});
  append_captures(inputs, level.captured, scope);
  const std::vector<std::string> outputs = output_names(call, inner->num_outputs());
  bind_outputs(call,
               scope.level.graph.add("", "Scan", std::move(outer), std::move(inputs), outputs, call.name)->outputs());
}

void ModelReader::read_sequence_map(Call& call) {
  // A Loop over the items of operand 0: items of sequences and whole tensors go into the body, its results are appended
  // to sequences that the loop carries.
  Graph& graph = call.scope.level.graph;
  const std::vector<Value*>& inputs = call.inputs;
  const Bytes proto_bytes = graph_attribute(call, "body");
  if (inputs.empty()) fail(ErrorCode::kInvalidGraph, "0 inputs, expected 1 or more");
  std::vector<ValueType> item_types;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
    const ValueType& type = inputs[i]->type();
    const bool is_sequence = type.kind == ValueType::Kind::kSequence;
    if (i == 0 && !is_sequence) fail(ErrorCode::kInvalidGraph, "input 0 is {}, expected a sequence", type.to_string());
    item_types.push_back(is_sequence ? *type.inner : type);
  }
  std::vector<ElementType> elements;
  const Body types = read_body(proto_bytes, item_types, {}, call.scope);
  for (const Value* v : types.graph->outputs()) {
    if (!v->type().is_tensor())
      fail(ErrorCode::kInvalidGraph, "the body gives {}, expected a tensor", v->type().to_string());
    elements.push_back(v->element());
  }
  const auto body = std::make_shared<Graph>(&graph);
  Level level(*body);
  Scope inside = scope_inside(call.scope, level);
  const GraphProto proto = GraphProto::parse(proto_bytes);
  Value* const index = body->add_input(body->unique_name("index"), ValueType(ElementType::kI64, {}));
  Value* const condition = body->add_input(body->unique_name("condition"), ValueType(ElementType::kBool, {}));
  std::vector<Value*> carried;
  for (const ElementType e : elements) {
    carried.push_back(
        body->add_input(body->unique_name("items"), ValueType::sequence(ValueType(e, Shape::unranked()))));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Value* value = capture(*inputs[i], level);
    if (inputs[i]->type().kind == ValueType::Kind::kSequence)
      value = body->call("SequenceAt", {value, index}, {}, call.name);
    bind(proto.inputs[i].name, value, inside);
  }
  add_initializers(proto, inside, {});
  read_nodes(proto.nodes, inside);
  body->add_output(condition, condition->name());
  std::vector<Value*> operands{graph.call("SequenceLength", {inputs[0]}, {}, call.name), nullptr};
  for (std::size_t i = 0; i < elements.size(); ++i) {
    Value* longer = body->call("SequenceInsert", {carried[i], find(proto.outputs[i].name, inside)}, {}, call.name);
    body->add_output(longer, longer->name());
    operands.push_back(graph.call("SequenceEmpty", {}, {{"dtype", elements[i]}}, call.name));
  }
  append_captures(operands, level.captured, call.scope);
  Attributes attributes;
  attributes.set("body", body);
  attributes.set("carried", static_cast<std::int64_t>(elements.size()));
  const std::vector<std::string> outputs = output_names(call, elements.size());
  bind_outputs(call, graph.add("", "Loop", std::move(attributes), std::move(operands), outputs, call.name)->outputs());
}

Value* ModelReader::inline_graph(Bytes graph_proto, Value* input, const std::string& prefix, Scope& scope) {
  const GraphProto proto = GraphProto::parse(graph_proto);
  if (proto.inputs.size() != 1 || proto.outputs.size() != 1) {
    fail(ErrorCode::kInvalidGraph, "a modifier has {} inputs and {} outputs, expected 1 and 1", proto.inputs.size(),
         proto.outputs.size());
  }
  Scope inside = scope_inside(scope, scope.level);
  inside.prefix = prefix;
  bind(proto.inputs[0].name, input, inside);
  add_initializers(proto, inside, {});
  read_nodes(proto.nodes, inside);
  Value* result = find(proto.outputs[0].name, inside);
  if (result == nullptr)
    fail(ErrorCode::kInvalidGraph, "output \"{}\" of a modifier is never made", proto.outputs[0].name);
  return result;
}

void ModelReader::read_flex_attention(Call& call) {
  // softmax(score_mod(Q K^T * scale)), through prob_mod, times V. Heads that share keys become an axis of their own.
  Graph& graph = call.scope.level.graph;
  if (call.inputs.size() != 3) fail(ErrorCode::kInvalidGraph, "{} inputs, expected 3", call.inputs.size());
  for (std::size_t i = 0; i < 3; ++i) {
    const Value* v = call.inputs[i];
    if (v == nullptr || !v->type().is_tensor()) fail(ErrorCode::kInvalidGraph, "input {} is no tensor", i);
    if (v->shape().is_ranked() && v->shape().rank() != 4)
      fail(ErrorCode::kInvalidGraph, "input {} is of rank {}, expected 4", i, v->shape().rank());
  }
  Value* query = call.inputs[0];
  Value* key = call.inputs[1];
  Value* value = call.inputs[2];
  const ElementType element = query->element();
  const Shape of_query = query->shape();
  const Shape of_key = key->shape();
  const auto emit = [&](std::string_view op, std::vector<Value*> operands, Attributes attributes = {}) {
    return graph.call(op, std::move(operands), std::move(attributes), call.name);
  };
  const auto numbers = [&](std::vector<std::int64_t> list) { return graph.add_constant(Tensor::of_i64(list)); };
  const auto dims_of = [&](Value* v, std::int64_t begin, std::int64_t end) {
    return emit("Shape", {v}, {{"start", begin}, {"end", end}});
  };
  const auto cast = [&](Value* v, ElementType to) { return v->element() == to ? v : emit("Cast", {v}, {{"to", to}}); };
  const AttributeProto* scale_attribute = nullptr;
  ElementType softmax_element = element == ElementType::kF64 ? ElementType::kF64 : ElementType::kF32;
  Bytes score_mod;
  Bytes prob_mod;
  for (const AttributeProto& a : call.attributes) {
    if (a.name == "scale" && a.type == AttributeProto::kFloat) {
      scale_attribute = &a;
    } else if (a.name == "softmax_precision" && a.type == AttributeProto::kInt) {
      const std::optional<ElementType> wanted = element_from_onnx(a.i);
      if (!wanted || !is_float(*wanted))
        fail(ErrorCode::kInvalidGraph, "softmax_precision is {}, expected a float type", a.i);
      softmax_element = *wanted;
    } else if (a.name == "score_mod" && a.type == AttributeProto::kGraph) {
      score_mod = a.message;
    } else if (a.name == "prob_mod" && a.type == AttributeProto::kGraph) {
      prob_mod = a.message;
    } else {
      fail(ErrorCode::kInvalidGraph, "unrecognized attribute {}", a.name);
    }
  }
  Value* scale = nullptr;
  if (scale_attribute != nullptr) {
    scale = graph.add_constant(Tensor::scalar(scale_attribute->f));
  } else if (of_query.is_ranked() && of_query[3].is_known() && of_query[3].value() > 0) {
    scale =
        graph.add_constant(Tensor::scalar(static_cast<float>(1 / std::sqrt(static_cast<double>(of_query[3].value())))));
  } else {
    scale = emit("Reciprocal", {emit("Sqrt", {emit("Cast", {dims_of(query, 3, 4)}, {{"to", ElementType::kF32}})})});
  }
  query = emit("Mul", {query, cast(scale, element)});
  const bool grouped = !of_query.is_ranked() || !of_key.is_ranked() || !of_query[1].same(of_key[1]);
  Value* const batch_and_heads = grouped ? dims_of(query, 0, 2) : nullptr;
  if (grouped) {
    // [batch, key heads, heads of a group, length, size]
    const auto rest = dims_of(query, 2, 4);
    query = emit("Reshape",
                 {query, emit("Concat", {dims_of(key, 0, 2), numbers({-1}), rest}, {{"axis", std::int64_t{0}}})});
    key = emit("Unsqueeze", {key, numbers({2})});
    value = emit("Unsqueeze", {value, numbers({2})});
  }
  const std::vector<std::int64_t> swapped =
      grouped ? std::vector<std::int64_t>{0, 1, 2, 4, 3} : std::vector<std::int64_t>{0, 1, 3, 2};
  const auto ungroup = [&](Value* v) {
    return emit("Reshape", {v, emit("Concat", {batch_and_heads, dims_of(v, 3, 5)}, {{"axis", std::int64_t{0}}})});
  };
  Value* scores = emit("MatMul", {query, emit("Transpose", {key}, {{"perm", swapped}})});
  Value* const grouped_dims = grouped ? dims_of(scores, 0, 5) : nullptr;
  if (grouped) scores = ungroup(scores);
  scores = cast(scores, softmax_element);
  if (!score_mod.empty()) scores = inline_graph(score_mod, scores, call.name + "/score_mod/", call.scope);
  Value* weights = emit("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
  if (!prob_mod.empty()) weights = inline_graph(prob_mod, weights, call.name + "/prob_mod/", call.scope);
  if (grouped) weights = emit("Reshape", {weights, grouped_dims});
  Value* result = emit("MatMul", {weights, cast(value, weights->element())});
  if (grouped) result = ungroup(result);
  bind_outputs(call, {cast(result, element)});
}

}  // namespace oriel::onnx
