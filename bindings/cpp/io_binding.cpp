// IoBinding: values by name onto a session's slots.
#include "runtime/io_binding.h"

#include "boundary.h"
#include "session_state.h"

namespace oriel::v1 {

IoBinding::IoBinding(const Session& session)
    : state_(guarded([&] { return std::make_unique<State>(session.state_); })) {}
IoBinding::IoBinding(IoBinding&&) noexcept = default;
IoBinding& IoBinding::operator=(IoBinding&&) noexcept = default;
IoBinding::~IoBinding() = default;

void IoBinding::bind_input(const std::string& name, const Value& value) {
  guarded([&] { state_->binding.bind_input(name, ValueAccess::datum(value)); });
}

void IoBinding::bind_output(const std::string& name) {
  guarded([&] { state_->binding.bind_output(name); });
}

void IoBinding::bind_output(const std::string& name, const Value& into) {
  guarded([&] {
    ORIEL_REQUIRE(into.is_writable(), "output {} cannot be written into read-only memory", name);
    state_->binding.bind_output(name, ValueAccess::datum(into).tensor());
  });
}

void IoBinding::clear_inputs() { state_->binding.clear_inputs(); }
void IoBinding::clear_outputs() { state_->binding.clear_outputs(); }

std::vector<std::string> IoBinding::output_names() const {
  return guarded([&] { return state_->binding.output_names(); });
}

std::vector<Value> IoBinding::outputs() const {
  return guarded([&] {
    std::vector<Value> values;
    for (Datum& result : state_->binding.outputs()) values.push_back(ValueAccess::make(std::move(result)));
    return values;
  });
}

}  // namespace oriel::v1
