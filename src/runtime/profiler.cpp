// Events into trace JSON.
#include "runtime/profiler.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace oriel {

std::int64_t Profiler::now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Profiler::Profiler() : start_ns_(now_ns()) {}

void Profiler::describe(const std::vector<CompiledPartInfo>& parts) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<const std::vector<CompiledPartInfo>*> open{&parts};
  while (!open.empty()) {
    const std::vector<CompiledPartInfo>* list = open.back();
    open.pop_back();
    for (const CompiledPartInfo& part : *list) {
      for (const auto& body : part.bodies) open.push_back(&body);
      if (part.handle == nullptr) continue;
      std::vector<Step>& steps = steps_[part.handle];
      steps.clear();
      for (const StepInfo& info : part.executable.steps) steps.push_back({info, part.provider});
    }
  }
}

void Profiler::add(const Event& event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (events_.size() < kMaxEvents) {
    events_.push_back(event);
  } else {
    ++dropped_;
  }
}

void Profiler::on_step(const void* executable, int step, std::int64_t begin_ns, std::int64_t end_ns) {
  add({executable, nullptr, step, begin_ns, end_ns, ::syscall(SYS_gettid)});
}

void Profiler::on_session(const char* name, std::int64_t begin_ns, std::int64_t end_ns) {
  add({nullptr, name, 0, begin_ns, end_ns, ::syscall(SYS_gettid)});
}

std::string Profiler::to_json() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Event> events = events_;
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.begin_ns < b.begin_ns; });
  const auto pid = static_cast<std::int64_t>(::getpid());
  nlohmann::json list = nlohmann::json::array();
  for (const Event& event : events) {
    nlohmann::json item = {{"cat", event.executable == nullptr ? "Session" : "Node"},
                           {"ph", "X"},
                           {"pid", pid},
                           {"tid", event.thread},
                           {"ts", (event.begin_ns - start_ns_) / 1000},
                           {"dur", (event.end_ns - event.begin_ns) / 1000},
                           {"args", nlohmann::json::object()}};
    const auto found = steps_.find(event.executable);
    if (event.executable == nullptr) {
      item["name"] = event.name;
    } else if (found == steps_.end() || event.step < 0 ||
               static_cast<std::size_t>(event.step) >= found->second.size()) {
      item["name"] = formatted("step_{}_kernel_time", event.step);
    } else {
      const Step& step = found->second[static_cast<std::size_t>(event.step)];
      std::string name;
      for (const std::string& origin : step.info.origins) name += (name.empty() ? "" : "+") + origin;
      if (name.empty()) name = step.info.name;
      item["name"] = name + "_kernel_time";
      item["args"] = {{"op_name", step.info.op},
                      {"provider", step.provider},
                      {"node_index", std::to_string(event.step)},
                      {"origins", step.info.origins},
                      {"device", step.info.device},
                      {"kernel", step.info.kernel},
                      {"algorithm", step.info.algorithm},
                      {"precision", step.info.precision}};
    }
    list.push_back(std::move(item));
  }
  if (dropped_ > 0) {
    list.push_back({{"cat", "Session"},
                    {"ph", "i"},
                    {"s", "g"},
                    {"pid", pid},
                    {"tid", 0},
                    {"ts", (now_ns() - start_ns_) / 1000},
                    {"name", "events_dropped"},
                    {"args", {{"count", dropped_}}}});
  }
  std::string text = "[\n";
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += list[i].dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text += i + 1 < list.size() ? ",\n" : "\n";
  }
  return text + "]";
}

std::string Profiler::write(const std::string& prefix) const {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d_%H-%M-%S", &local);
  const std::string path = formatted("{}_{}_{:03}.json", prefix, text, milliseconds);
  std::ofstream out(path, std::ios::binary);
  out << to_json() << '\n';
  out.close();
  if (!out) fail(ErrorCode::kFail, "the profile cannot be written to {}", path);
  return path;
}

}  // namespace oriel
