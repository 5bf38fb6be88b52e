// Reading /proc and /sys; measuring products and copies.
#include "machine.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include "inputs.h"
#include "ops/registry.h"
#include "report.h"
#include "runtime/session.h"

namespace oriel::shell {
namespace {

constexpr std::int64_t kMeasureNs = 200'000'000;

// Calls body until the time is over; returns the shortest call in nanoseconds.
template <typename Body>
double best_ns(const Body& body) {
  double best = 0;
  const std::int64_t start = now_ns();
  do {
    const std::int64_t from = now_ns();
    body();
    const auto took = static_cast<double>(now_ns() - from);
    best = best == 0 ? took : std::min(best, took);
  } while (now_ns() - start < kMeasureNs);
  return best;
}

std::int64_t number_or(const std::string& text, std::int64_t fallback) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end != text.data() ? value : fallback;
}

}  // namespace

MachineSpeed measure_speed(int threads) {
  MachineSpeed speed;
  constexpr std::int64_t kSide = 1024;
  auto graph = std::make_shared<Graph>(builtin_ops());
  const ValueType square(ElementType::kF32, Shape({kSide, kSide}));
  Tensor weights = Tensor::allocate(ElementType::kF32, {kSide, kSide});
  for (std::int64_t i = 0; i < weights.size(); ++i) weights.data<float>()[i] = static_cast<float>(i % 7) * 0.125F;
  Value* x = graph->add_input("x", square);
  graph->add_output(graph->call("MatMul", {x, graph->add_constant(weights.clone(), "w")}), "y");
  SessionOptions options;
  options.intra_op_threads = threads;
  Session session(graph, options);
  const std::vector<Datum> inputs{Datum(weights)};
  std::vector<Datum> outputs(1);
  speed.flops = 2.0 * kSide * kSide * kSide / best_ns([&] { run_once(session, inputs, outputs); }) * 1e9;

  constexpr std::int64_t kBytes = std::int64_t{64} << 20;
  constexpr std::int64_t kChunk = std::int64_t{1} << 20;
  const std::shared_ptr<Memory> from = allocate_host(kBytes);
  const std::shared_ptr<Memory> to = allocate_host(kBytes);
  std::memset(from->map(), 1, kBytes);
  const ThreadLease lease(threads > 0 ? threads : usable_cpus());
  auto copy = [&](std::int64_t begin, std::int64_t end, int) {
    std::memcpy(static_cast<char*>(to->map()) + begin * kChunk, static_cast<const char*>(from->map()) + begin * kChunk,
                static_cast<std::size_t>((end - begin) * kChunk));
  };
  speed.bytes = 2.0 * kBytes / best_ns([&] { lease.parallel_for(kBytes / kChunk, 1, copy); }) * 1e9;
  return speed;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

Processor processor() {
  Processor result;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    if (result.name.empty() && line.rfind("model name", 0) == 0) result.name = line.substr(colon + 2);
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(colon + 2));
    for (std::string word; words >> word;) {
      const char* const families[] = {"sse4_2", "avx", "fma", "f16c", "bmi", "amx"};
      if (std::any_of(std::begin(families), std::end(families), [&](const char* f) { return word.rfind(f, 0) == 0; }))
        result.features.push_back(word);
    }
    break;
  }
  return result;
}

MemoryFacts memory_facts() {
  MemoryFacts facts;
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    std::istringstream words(line);
    std::string key;
    std::int64_t kib = 0;
    words >> key >> kib;
    if (key == "MemTotal:") facts.total = kib << 10;
    if (key == "MemAvailable:") facts.available = kib << 10;
  }
  const auto consider = [&](const std::string& text) {
    const std::int64_t limit = number_or(text, 0);
    // Version 1 writes "no limit" as a huge number.
    if (limit > 0 && limit < (std::int64_t{1} << 60) && (facts.limit == 0 || limit < facts.limit)) facts.limit = limit;
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && ("," + controllers + ",").find(",memory,") == std::string::npos) continue;
    const std::string mount = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const char* const name = unified ? "/memory.max" : "/memory.limit_in_bytes";
    // Limits of all enclosing groups hold.
    for (std::string group = line.substr(second + 1); !group.empty() && group != "/"; group.resize(group.rfind('/'))) {
      consider(first_line(mount + group + name));
      if (group.find('/') == std::string::npos) break;
    }
    consider(first_line(mount + name));
  }
  return facts;
}

}  // namespace oriel::shell
