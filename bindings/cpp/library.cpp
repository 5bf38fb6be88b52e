// Functions of the library as a whole.
#include "oriel/library.h"

#include "background.h"
#include "boundary.h"
#include "providers/provider.h"
#include "runtime/session.h"

namespace oriel::v1 {

const char* version() noexcept { return ORIEL_VERSION; }

std::vector<std::string> available_providers() {
  std::vector<std::string> names;
  for (const oriel::Provider& provider : builtin_providers()) names.push_back(provider.name);
  return names;
}

void set_random_seed(std::uint32_t seed) noexcept { oriel::set_random_seed(seed); }

void wait_for_background_runs() { finish_background(); }

}  // namespace oriel::v1
