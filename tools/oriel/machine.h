// Facts about this machine, and how fast it computes and copies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace oriel::shell {

/// Measured on this machine; what a step can reach at best.
struct MachineSpeed {
  /// Multiplications and additions a second of a large f32 matrix product.
  double flops = 0;
  /// Bytes a second that a large copy reads and writes together.
  double bytes = 0;
};

/// Takes about half a second. 0 threads: all that the process may use. Throws Error.
MachineSpeed measure_speed(int threads);

/// The first line of a file without its line feed; empty where it cannot be read.
std::string first_line(const std::string& path);

/// What the kernel says of the processor.
struct Processor {
  std::string name;
  std::vector<std::string> features;
};
Processor processor();

struct MemoryFacts {
  std::int64_t total = 0;
  std::int64_t available = 0;
  /// The smallest limit of the control groups that the process is in; 0: none.
  std::int64_t limit = 0;
};
MemoryFacts memory_facts();

}  // namespace oriel::shell
