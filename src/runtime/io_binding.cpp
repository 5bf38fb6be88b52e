// Named bindings onto a session's slots.
#include "runtime/io_binding.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace oriel {
namespace {

// Before the run: what can be told from the model alone.
void check_output(const ValueInfo& info, const Tensor& into) {
  if (!info.type.is_tensor())
    fail(ErrorCode::kInvalidArgument, "output {} is {}, no tensor", info.name, onnx_type_name(info.type));
  if (into.type() != info.type.element) {
    fail(ErrorCode::kInvalidArgument,
         "Unexpected output data type for \"{}\". Actual: (tensor({})) , expected: (tensor({}))", info.name,
         onnx_element_name(into.type()), onnx_element_name(info.type.element));
  }
  const Shape& shape = info.type.shape;
  if (!shape.is_ranked()) return;
  if (shape.rank() != into.rank()) {
    fail(ErrorCode::kInvalidArgument,
         "Invalid rank for output: {} Got: {} Expected: {} Please fix either the inputs/outputs or the model.",
         info.name, into.rank(), shape.rank());
  }
  std::string wrong;
  for (std::size_t d = 0; d < into.rank(); ++d) {
    if (into.dim(d) >= shape[d].min() && into.dim(d) <= shape[d].max()) continue;
    wrong += formatted("\n index: {} Got: {} Expected: {}", d, into.dim(d), shape[d].to_string());
  }
  if (!wrong.empty()) {
    fail(ErrorCode::kInvalidArgument,
         "Got invalid dimensions for output: {} for the following indices{}\n Please fix either the inputs/outputs or "
         "the model.",
         info.name, wrong);
  }
}

}  // namespace

IoBinding::IoBinding(std::shared_ptr<Session> session) : session_(std::move(session)) {
  inputs_.resize(session_->inputs().size() + session_->overridable().size());
  given_.resize(inputs_.size(), false);
  operands_.resize(inputs_.size(), nullptr);
  slots_.resize(session_->outputs().size());
}

void IoBinding::bind_input(const std::string& name, Datum value) {
  const int index = session_->input_index(name);
  ORIEL_REQUIRE(index >= 0, "Invalid input name: {}", name);
  inputs_[static_cast<std::size_t>(index)] = std::move(value);
  given_[static_cast<std::size_t>(index)] = true;
}

IoBinding::Output& IoBinding::output(const std::string& name) {
  const int index = session_->output_index(name);
  ORIEL_REQUIRE(index >= 0, "Invalid output name: {}", name);
  const auto found = std::find_if(outputs_.begin(), outputs_.end(), [&](const Output& o) { return o.index == index; });
  if (found != outputs_.end()) return *found;
  outputs_.push_back({index, Datum(), Datum()});
  return outputs_.back();
}

void IoBinding::bind_output(const std::string& name) {
  Output& o = output(name);
  o.bound.reset();
  o.result.reset();
}

void IoBinding::bind_output(const std::string& name, Tensor into) {
  Output& o = output(name);
  o.bound = Datum(std::move(into));
  o.result = o.bound;
}

void IoBinding::clear_inputs() {
  std::fill(inputs_.begin(), inputs_.end(), Datum());
  std::fill(given_.begin(), given_.end(), false);
}

void IoBinding::clear_outputs() { outputs_.clear(); }

void IoBinding::run(const RunOptions& options) {
  ORIEL_REQUIRE(!outputs_.empty(), "At least one output should be requested.");
  for (std::size_t i = 0; i < inputs_.size(); ++i) operands_[i] = given_[i] ? &inputs_[i] : nullptr;
  for (Datum& slot : slots_) slot.reset();
  for (const Output& o : outputs_) {
    const auto i = static_cast<std::size_t>(o.index);
    if (o.bound.is_tensor()) check_output(session_->outputs()[i], o.bound.tensor());
    slots_[i] = o.bound;
  }
  session_->run(operands_, slots_, options).throw_if_failed();
  for (Output& o : outputs_) {
    const auto i = static_cast<std::size_t>(o.index);
    o.result = std::move(slots_[i]);
    slots_[i].reset();
    if (!o.bound.is_tensor()) continue;
    const Tensor& made = o.result.tensor();
    Tensor& into = o.bound.tensor();
    if (made.type() != into.type() || made.dims() != into.dims()) {
      fail(ErrorCode::kInvalidArgument, "output {} is {}, the bound tensor {}", session_->outputs()[i].name,
           made.description(), into.description());
    }
    if (made.size() > 0 && made.raw() != into.raw()) {
      if (into.type() == ElementType::kString) {
        std::copy_n(made.data<std::string>(), made.size(), into.data<std::string>());
      } else {
        std::memcpy(into.raw(), made.raw(), made.bytes());
      }
    }
    o.result = o.bound;
  }
}

std::vector<std::string> IoBinding::output_names() const {
  std::vector<std::string> names;
  for (const Output& o : outputs_) names.push_back(session_->outputs()[static_cast<std::size_t>(o.index)].name);
  return names;
}

std::vector<Datum> IoBinding::outputs() const {
  std::vector<Datum> list;
  for (const Output& o : outputs_) list.push_back(o.result);
  return list;
}

}  // namespace oriel
