// Sessions for Python.
#pragma once

#include <nanobind/nanobind.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "frontends/onnx/reader.h"
#include "ort_value.h"
#include "run_options.h"
#include "runtime/io_binding.h"
#include "runtime/profiler.h"
#include "runtime/session.h"

namespace oriel::python {

/// A session, its profiler if any, and runs with Python's values. Loads and runs release the interpreter lock.
class PySession {
 public:
  PySession(const std::string& path, nanobind::object bytes, const std::string& folder, int level, int threads,
            const std::vector<std::pair<std::string, ProviderOptions>>& providers,
            const std::vector<std::pair<std::string, std::int64_t>>& dims_by_name,
            const std::vector<std::pair<std::string, std::int64_t>>& dims_by_denotation,
            const std::map<std::string, std::string>& config, const nanobind::dict& initializers,
            const nanobind::dict& external_files, const std::string& optimized_model_path,
            const std::string& profile_prefix, nanobind::object cancel);
  ~PySession();
  PySession(const PySession&) = delete;
  PySession& operator=(const PySession&) = delete;

  const std::shared_ptr<Session>& shared() const { return session_; }

  nanobind::list inputs() const;
  nanobind::list outputs() const;
  nanobind::list overridable() const;
  /// Outputs by the wanted names as numpy (None: all in order), or as OrtValue where `as_values`.
  nanobind::list run(const nanobind::object& wanted, const nanobind::dict& feeds, PyRunOptions* options,
                     bool as_values);
  /// Runs in the background; `callback(results, user_data, error)` is called on the dispatcher thread, `error` empty
  /// where all went well.
  void run_async(const nanobind::object& wanted, const nanobind::dict& feeds, nanobind::object callback,
                 nanobind::object user_data, nanobind::object options);
  void run_with_iobinding(IoBinding& binding, PyRunOptions* options);

  nanobind::dict model_info() const;
  std::vector<std::pair<std::string, ProviderOptions>> providers() const;
  std::string dump() const { return session_->graph().to_string(); }
  nanobind::list steps() const;
  /// Writes the profile and ends it; "" where there is none.
  std::string end_profiling();
  std::int64_t profiling_start_ns() const { return profile_start_ns_; }

 private:
  struct Call;
  std::shared_ptr<Call> prepare(const nanobind::object& wanted, const nanobind::dict& feeds,
                                const PyRunOptions* options) const;
  RunOptions options_of(PyRunOptions* options, const std::shared_ptr<Profiler>& profiler) const;
  std::shared_ptr<Profiler> profiler() const;

  std::shared_ptr<Session> session_;
  std::map<std::string, std::vector<onnx::DeclaredDim>> declared_;
  mutable std::mutex mutex_;
  std::shared_ptr<Profiler> profiler_;
  std::string profile_prefix_;
  std::int64_t profile_start_ns_ = 0;
};

/// The type of an input by Session::input_index().
const ValueType& input_type(const Session& session, int index);

void bind_session(nanobind::module_& module);

}  // namespace oriel::python
