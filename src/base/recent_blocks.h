// Blocks that allocate_host keeps for requests of their size.
#pragma once

namespace oriel {

/// Returns to the system what waits for requests of its size, 32 MiB at most.
void release_recent_blocks() noexcept;

}  // namespace oriel
