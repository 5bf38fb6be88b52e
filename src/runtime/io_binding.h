// Inputs and outputs of a session bound ahead of its runs, so that results land in the caller's own memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/session.h"

namespace oriel {

/// Bindings by name. Outputs come in the order in which they were first bound. Not for two threads at once.
class IoBinding {
 public:
  explicit IoBinding(std::shared_ptr<Session> session);

  const std::shared_ptr<Session>& session() const { return session_; }

  /// Throws Error(kInvalidArgument) where the session has no input of that name.
  void bind_input(const std::string& name, Datum value);
  /// An output whose memory the session allocates anew in each run. Throws Error(kInvalidArgument) for an unknown name.
  void bind_output(const std::string& name);
  /// An output that is written into this tensor's memory.
  void bind_output(const std::string& name, Tensor into);
  void clear_inputs();
  void clear_outputs();

  /// Throws Error: kInvalidArgument for missing inputs, for no outputs at all and where a result does not have the
  /// bound tensor's type and dimensions; otherwise as Session::run.
  void run(const RunOptions& options);

  std::vector<std::string> output_names() const;
  /// What the last run made, or what is bound where there was none.
  std::vector<Datum> outputs() const;

 private:
  struct Output {
    int index = 0;
    Datum bound;  // empty: allocated by the run
    Datum result;
  };
  Output& output(const std::string& name);

  std::shared_ptr<Session> session_;
  std::vector<Datum> inputs_;  // by input_index()
  std::vector<bool> given_;
  std::vector<Output> outputs_;
  std::vector<const Datum*> operands_;
  std::vector<Datum> slots_;
};

}  // namespace oriel
