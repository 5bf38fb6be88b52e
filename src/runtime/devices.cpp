// The list of devices: the only place that names concrete ones.
#include <algorithm>

#include "devices/cpu/cpu_device.h"
#include "devices/reference/reference_device.h"
#include "runtime/operators.h"
#include "runtime/session.h"

namespace oriel {
namespace {

using DeviceList = std::vector<std::shared_ptr<Device>>;

const DeviceList& devices() {
  static const DeviceList* const list = new DeviceList{make_cpu_device(), make_reference_device()};
  return *list;
}

}  // namespace

const std::vector<std::string>& device_names() {
  static const auto* const names = [] {
    auto* list = new std::vector<std::string>;
    for (const auto& device : devices()) list->push_back(device->name());
    return list;
  }();
  return *names;
}

std::vector<std::string> devices_of(const OpDef& op) {
  static const auto* const on_cpu = new std::vector<std::string_view>(cpu_operators());
  std::vector<std::string> names;
  if (std::binary_search(on_cpu->begin(), on_cpu->end(), op.full_name())) names.push_back(make_cpu_device()->name());
  if (op.reference != nullptr) names.push_back(make_reference_device()->name());
  return names;
}

std::shared_ptr<Device> find_device(const std::string& name) {
  const auto found =
      std::find_if(devices().begin(), devices().end(), [&](const auto& device) { return device->name() == name; });
  if (found == devices().end()) fail(ErrorCode::kProviderFail, "device {} is not available on this machine", name);
  return *found;
}

}  // namespace oriel
