// The list of devices: the only place that names concrete ones.
#include <algorithm>

#include "devices/cpu/cpu_device.h"
#include "devices/reference/reference_device.h"
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

std::shared_ptr<Device> find_device(const std::string& name) {
  const auto found =
      std::find_if(devices().begin(), devices().end(), [&](const auto& device) { return device->name() == name; });
  if (found == devices().end()) fail(ErrorCode::kProviderFail, "device {} is not available on this machine", name);
  return *found;
}

}  // namespace oriel
