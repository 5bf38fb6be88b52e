// Options of runs, and the way of messages to a callback.
#include "oriel/options.h"

#include <utility>

#include "boundary.h"

namespace oriel::v1 {

RunOptions::RunOptions() : state_(std::make_shared<State>()) {}

void RunOptions::terminate() noexcept { state_->cancel.cancelled.store(true); }
void RunOptions::resume() noexcept { state_->cancel.cancelled.store(false); }
bool RunOptions::terminated() const noexcept { return state_->cancel.cancelled.load(); }

RunOptions& RunOptions::set_timeout(std::chrono::nanoseconds limit) {
  if (limit.count() < 0) throw Error(ErrorCode::kInvalidArgument, "a timeout is negative");
  state_->timeout = limit;
  return *this;
}

RunOptions& RunOptions::set_tag(std::string tag) {
  state_->tag = std::move(tag);
  return *this;
}

const std::string& RunOptions::tag() const noexcept { return state_->tag; }

const RunOptions& RunOptions::defaults() {
  static const RunOptions* const options = new RunOptions();
  return *options;
}

void Logger::write(LogSeverity severity, const std::string& message, const std::string& tag) const noexcept {
  if (!wants(severity)) return;
  try {
    callback_(severity, tag.empty() ? id_ : id_ + ":" + tag, message);
  } catch (...) {
    // Nobody is left to tell.
    return;
  }
}

}  // namespace oriel::v1
