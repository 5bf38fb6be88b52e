// Physical pages behind memory.
#pragma once

#include <cstddef>

namespace oriel {

/// Makes the system back memory of ours with pages now rather than when it is first written. What lies there is kept.
/// Does nothing where the system cannot.
void back_with_pages(void* memory, std::size_t bytes);

}  // namespace oriel
