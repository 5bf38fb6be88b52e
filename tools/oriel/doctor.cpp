// oriel doctor: what Oriel can use on this machine, and why not the rest.
#include <dirent.h>
#include <dlfcn.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "commands.h"
#include "machine.h"
#include "runtime/session.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> device_files(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> files;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
  if (!open) return files;
  while (const dirent* entry = ::readdir(open.get())) {
    if (std::string(entry->d_name).rfind(prefix, 0) == 0) files.push_back(folder + "/" + entry->d_name);
  }
  return files;
}

std::string seen(const std::vector<std::string>& files, const char* nothing) {
  if (files.empty()) return nothing;
  std::string text = "the system has " + joined(files, ", ");
  for (const std::string& file : files) {
    if (::access(file.c_str(), R_OK | W_OK) != 0) text += formatted(" ({}: no permission)", file);
  }
  return text;
}

bool loads(const char* library) {
  void* handle = ::dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (handle != nullptr) ::dlclose(handle);
  return handle != nullptr;
}

Json processor_report(Report& report) {
  const Processor cpu = processor();
  const CacheSizes caches = cache_sizes();
  report.line(formatted("processor {}", cpu.name.empty() ? "unknown" : cpu.name));
  report.line("  features " + joined(cpu.features, " "));
  report.line(formatted("  caches L1 {}, L2 {}, L3 {}", bytes_text(static_cast<double>(caches.l1d)),
                        bytes_text(static_cast<double>(caches.l2)), bytes_text(static_cast<double>(caches.l3))));
  const char* const cap = std::getenv("ORIEL_MAX_ISA");
  Json levels = Json::array();
  bool known_cap = cap == nullptr;
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kVnni, Isa::kBf16}) {
    known_cap = known_cap || isa_name(isa) == cap;
    std::string reason;
    if (isa > hardware_isa()) {
      reason = "not in this processor, or not enabled by the operating system";
    } else if (isa > max_isa()) {
      reason = formatted("capped by ORIEL_MAX_ISA={}", cap == nullptr ? "" : cap);
    }
    levels.push_back({{"name", std::string(isa_name(isa))}, {"usable", reason.empty()}});
    if (!reason.empty()) levels.back()["reason"] = reason;
    report.line(formatted("  instruction set {}: {}", isa_name(isa), reason.empty() ? "usable" : reason));
  }
  if (!known_cap) report.line(formatted("  ORIEL_MAX_ISA={} names no instruction set and is ignored", cap));
  return {{"name", cpu.name},
          {"features", cpu.features},
          {"caches", {{"l1d", caches.l1d}, {"l2", caches.l2}, {"l3", caches.l3}}},
          {"isa", std::string(isa_name(max_isa()))},
          {"isa_cap", cap == nullptr ? Json(nullptr) : Json(cap)},
          {"isa_cap_known", known_cap},
          {"isa_levels", std::move(levels)}};
}

Json thread_report(Report& report) {
  const auto online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  cpu_set_t set;
  CPU_ZERO(&set);
  const int allowed = ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : online;
  const int usable = usable_cpus();
  const std::string reason = usable < allowed   ? "limited by the control group's quota"
                             : allowed < online ? "limited by the affinity mask"
                                                : "all that are online";
  report.line(
      formatted("threads {} ({}): {} processors online, {} in the affinity mask", usable, reason, online, allowed));
  return {{"usable", usable}, {"reason", reason}, {"online", online}, {"affinity", allowed}};
}

Json memory_report(Report& report) {
  const MemoryFacts memory = memory_facts();
  const std::string pages = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::size_t open = pages.find('[');
  const std::string mode = open == std::string::npos ? "" : pages.substr(open + 1, pages.find(']') - open - 1);
  const bool huge = mode == "always" || mode == "madvise";
  report.line(formatted("memory {}, {} available, {}", bytes_text(static_cast<double>(memory.total)),
                        bytes_text(static_cast<double>(memory.available)),
                        memory.limit > 0 ? "limit of the control group " + bytes_text(static_cast<double>(memory.limit))
                                         : std::string("no limit of a control group")));
  report.line(formatted("huge pages {}", huge           ? "usable (" + mode + ")"
                                         : mode.empty() ? "not usable: the kernel does not offer them"
                                                        : "not usable: switched off (" + mode + ")"));
  return {{"total", memory.total},
          {"available", memory.available},
          {"limit", memory.limit > 0 ? Json(memory.limit) : Json(nullptr)},
          {"huge_pages", {{"usable", huge}, {"mode", mode}}}};
}

}  // namespace

int doctor(const DoctorArguments& arguments, Report& report) {
  utsname system{};
  ::uname(&system);
  Json json = {{"command", "doctor"},
               {"version", ORIEL_VERSION},
               {"system", formatted("{} {} {}", system.sysname, system.release, system.machine)}};
  report.line(formatted("oriel {} on {} {} {}", ORIEL_VERSION, system.sysname, system.release, system.machine));
  json["processor"] = processor_report(report);
  json["threads"] = thread_report(report);
  json["memory"] = memory_report(report);

  json["devices"] = Json::array();
  const auto device = [&](const std::string& name, bool usable, const std::string& reason) {
    json["devices"].push_back({{"name", name}, {"usable", usable}, {"reason", reason}});
    report.line(formatted("device {}: {}{}{}", name, usable ? "usable" : "not usable",
                          reason.empty() ? ""
                          : usable       ? ", "
                                         : ": ",
                          reason));
  };
  for (const std::string& name : device_names())
    device(name, true,
           name == "REFERENCE" ? "plain loops, slow: for comparisons and for operators without a kernel" : "");
  const std::string loader =
      loads("libOpenCL.so.1") ? "an OpenCL loader is installed" : "no OpenCL loader (libOpenCL.so.1) is installed";
  device("GPU", false,
         formatted("not supported by this version; {}; {}", loader,
                   seen(device_files("/dev/dri", "renderD"), "the system shows no GPU")));
  device("NPU", false,
         formatted("not supported by this version; {}",
                   seen(device_files("/dev/accel", "accel"), "the system shows no NPU driver")));

  json["providers"] = Json::array();
  for (const Provider& provider : builtin_providers()) {
    std::vector<std::string> devices;
    std::string reason;
    try {
      devices = provider.choose({}, CompileOptions()).devices;
      for (const std::string& name : devices) find_device(name);
    } catch (const Error& error) {
      reason = error.what();
    }
    json["providers"].push_back(
        {{"name", provider.name}, {"usable", reason.empty()}, {"devices", devices}, {"reason", reason}});
    report.line(formatted("provider {}: {}", provider.name,
                          reason.empty() ? "usable on " + joined(devices, ", ") : "not usable: " + reason));
  }
  if (arguments.measure) {
    Progress progress("measuring");
    const MachineSpeed speed = measure_speed(arguments.threads);
    progress.show("");
    const int threads = arguments.threads > 0 ? arguments.threads : usable_cpus();
    json["measured"] = {{"threads", threads}, {"flops_per_second", speed.flops}, {"bytes_per_second", speed.bytes}};
    report.line(formatted("measured with {} threads: f32 product {}FLOP/s, copy {}B/s", threads,
                          count_text(speed.flops), count_text(speed.bytes)));
  }
  report.document(json);
  return 0;
}

}  // namespace oriel::shell
