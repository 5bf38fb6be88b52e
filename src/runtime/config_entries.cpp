// The table of configuration entries.
#include "runtime/config_entries.h"

namespace oriel {

void apply_config_entries(SessionOptions& options, ModelSource& source) {
  for (const auto& [key, value] : options.config) {
    if (key == "session.disable_cpu_ep_fallback") {
      options.cpu_fallback = value != "1";
    } else if (key == "session.model_external_initializers_file_folder_path") {
      source.folder = value;
    }
  }
}

}  // namespace oriel
