// Session: load, describe, run.
#include "oriel/session.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <set>
#include <utility>

#include "background.h"
#include "boundary.h"
#include "runtime/config_entries.h"
#include "runtime/task_queue.h"
#include "session_state.h"

namespace oriel::v1 {
namespace {

TypeInfo info_of(const ValueType& type) {
  TypeInfo info;
  info.name = onnx_type_name(type);
  switch (type.kind) {
    case ValueType::Kind::kNone:
      break;
    case ValueType::Kind::kTensor:
      info.kind = TypeInfo::Kind::kTensor;
      break;
    case ValueType::Kind::kSequence:
      info.kind = TypeInfo::Kind::kSequence;
      break;
    case ValueType::Kind::kOptional:
      info.kind = TypeInfo::Kind::kOptional;
      break;
    case ValueType::Kind::kMap:
      info.kind = TypeInfo::Kind::kMap;
      break;
  }
  info.element_type = public_type(type.element);
  info.has_rank = type.is_tensor() && type.shape.is_ranked();
  if (info.has_rank) {
    for (const Dim& dim : type.shape.dims())
      info.shape.push_back({dim.is_known() ? dim.value() : -1, symbol_name(dim)});
  }
  if (type.inner) info.inner = std::make_shared<const TypeInfo>(info_of(*type.inner));
  return info;
}

std::vector<ValueInfo> infos_of(const std::vector<oriel::ValueInfo>& values) {
  std::vector<ValueInfo> list;
  for (const oriel::ValueInfo& value : values) list.push_back({value.name, info_of(value.type)});
  return list;
}

oriel::OptimizationLevel engine_level(OptimizationLevel level) {
  switch (level) {
    case OptimizationLevel::kDisabled:
      return oriel::OptimizationLevel::kDisabled;
    case OptimizationLevel::kBasic:
      return oriel::OptimizationLevel::kBasic;
    case OptimizationLevel::kExtended:
      return oriel::OptimizationLevel::kExtended;
    case OptimizationLevel::kLayout:
      return oriel::OptimizationLevel::kLayout;
    case OptimizationLevel::kAll:
      return oriel::OptimizationLevel::kAll;
  }
  fail(oriel::ErrorCode::kInvalidArgument, "optimization_level is {}, expected 0 to 3 or 99", static_cast<int>(level));
}

oriel::SessionOptions engine_options(const SessionOptions& options) {
  oriel::SessionOptions engine;
  engine.level = engine_level(options.optimization_level);
  ORIEL_REQUIRE(options.intra_op_threads >= 0, "intra_op_threads is {}, expected 0 or more", options.intra_op_threads);
  engine.intra_op_threads = options.intra_op_threads;
  engine.memory_limit = options.memory_limit;
  engine.dims_by_name.assign(options.free_dimensions_by_name.begin(), options.free_dimensions_by_name.end());
  engine.dims_by_denotation.assign(options.free_dimensions_by_denotation.begin(),
                                   options.free_dimensions_by_denotation.end());
  engine.config = options.config;
  std::set<std::string> seen;
  for (const Provider& provider : options.providers) {
    ORIEL_REQUIRE(seen.insert(provider.name).second, "provider {} is listed twice", provider.name);
    engine.providers.push_back({provider.name, provider.options});
  }
  for (const auto& [name, value] : options.initializers) {
    ORIEL_REQUIRE(value.is_tensor(), "the value for initializer {} is of type {}, expected a tensor", name,
                  value.type_name());
    engine.initializers.emplace_back(name, ValueAccess::datum(value).tensor());
  }
  engine.optimized_model_path = options.optimized_model_path.string();
  return engine;
}

// How many nodes each provider's devices run, and what was left to the slow one.
struct Assignment {
  std::map<std::string, int> steps;
  std::set<std::string> slow;

  void add(const std::vector<CompiledPartInfo>& parts) {
    for (const CompiledPartInfo& part : parts) {
      for (const StepInfo& step : part.executable.steps) {
        ++steps[part.provider + " (" + step.device + ")"];
        if (step.device == "REFERENCE") slow.insert(step.op);
      }
      for (const auto& body : part.bodies) add(body);
    }
  }
};

void log_assignment(const Logger& log, const oriel::Session& session) {
  if (log.wants(LogSeverity::kVerbose)) {
    const Graph& graph = session.graph();
    const auto& declines = session.compiled().partition().declines;
    for (std::size_t i = 0; i < declines.size() && i < graph.nodes().size(); ++i) {
      const Node& node = *graph.nodes()[i];
      for (const Decline& decline : declines[i]) {
        log.write(LogSeverity::kVerbose, formatted("{} \"{}\": declined by {}: {}", node.op().name, node.name(),
                                                   decline.provider, decline.reason));
      }
    }
  }
  if (!log.wants(LogSeverity::kWarning)) return;
  Assignment assignment;
  assignment.add(session.describe());
  for (const auto& [who, count] : assignment.steps)
    log.write(LogSeverity::kInfo, formatted("{} runs {} steps", who, count));
  if (assignment.slow.empty() || assignment.steps.size() < 2) return;
  std::string names;
  for (const std::string& op : assignment.slow) names += (names.empty() ? "" : ", ") + op;
  log.write(LogSeverity::kWarning, "operators without a fast kernel run on the reference device: " + names);
}

// The values of one run by name.
struct Call {
  std::vector<const Datum*> operands;
  std::vector<int> order;
  std::vector<Datum> results;

  Call(const oriel::Session& session, const NamedValues& feeds, const std::vector<std::string>& outputs) {
    operands.resize(session.inputs().size() + session.overridable().size(), nullptr);
    for (const auto& [name, value] : feeds) {
      const int index = session.input_index(name);
      ORIEL_REQUIRE(index >= 0, "Invalid input name: {}", name);
      operands[static_cast<std::size_t>(index)] = &ValueAccess::datum(value);
    }
    for (const std::string& name : outputs) {
      order.push_back(session.output_index(name));
      ORIEL_REQUIRE(order.back() >= 0, "Invalid output name: {}", name);
    }
    results.resize(session.outputs().size());
    if (!outputs.empty()) return;
    for (std::size_t i = 0; i < results.size(); ++i) order.push_back(static_cast<int>(i));
  }

  std::vector<Value> fetch() const {
    std::vector<Value> values;
    for (const int i : order) values.push_back(ValueAccess::make(results[static_cast<std::size_t>(i)]));
    return values;
  }
};

std::shared_ptr<Memory> memory_of(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner) {
  if (owner)
    return borrow_host(const_cast<std::byte*>(bytes.data()), bytes.size(), std::const_pointer_cast<void>(owner));
  std::shared_ptr<Memory> copy = allocate_host(bytes.size(), nullptr, "model");
  if (!bytes.empty()) std::memcpy(copy->map(), bytes.data(), bytes.size());
  return copy;
}

}  // namespace

template <typename F>
Status Session::State::measured(const RunOptions& options, F&& run) const {
  const RunOptions::State& state = RunOptionsAccess::state(options);
  std::shared_ptr<Profiler> profiler;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    profiler = profiler_;
  }
  oriel::RunOptions engine;
  engine.cancel = &state.cancel;
  engine.observer = profiler.get();
  if (state.timeout.count() > 0) engine.deadline = std::chrono::steady_clock::now() + state.timeout;
  const bool talks = log.wants(LogSeverity::kVerbose);
  const std::int64_t begin = profiler || talks ? Profiler::now_ns() : 0;
  Status status = run(engine);
  if (profiler) profiler->on_session("model_run", begin, Profiler::now_ns());
  if (talks) {
    const double ms = static_cast<double>(Profiler::now_ns() - begin) * 1e-6;
    log.write(LogSeverity::kVerbose,
              status.ok() ? formatted("run of {:.3f} ms", ms) : "run failed: " + status.message(), state.tag);
  }
  return status;
}

Status Session::State::run(std::span<const Datum* const> operands, std::span<Datum> results,
                           const RunOptions& options) const {
  return measured(options, [&](const oriel::RunOptions& engine) { return session->run(operands, results, engine); });
}

void Session::State::run(oriel::IoBinding& binding, const RunOptions& options) const {
  measured(options, [&](const oriel::RunOptions& engine) {
    try {
      binding.run(engine);
      return Status();
    } catch (const oriel::Error& error) {
      return Status(error);
    }
  }).throw_if_failed();
}

std::filesystem::path Session::State::end_profiling() {
  std::shared_ptr<Profiler> ended;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended = std::move(profiler_);
  }
  return ended ? ended->write(profile_prefix) : std::string();
}

void Session::State::end_profiling_quietly() noexcept {
  try {
    end_profiling();
  } catch (const std::exception& error) {
    log.write(LogSeverity::kError, error.what());
  }
}

std::shared_ptr<Session::State> Session::State::load(ModelSource& source, const SessionOptions& options) {
  auto state = std::make_shared<State>(options);
  guarded([&] {
    oriel::SessionOptions engine = engine_options(options);
    apply_config_entries(engine, source);
    const std::int64_t begin = Profiler::now_ns();
    if (options.enable_profiling) {
      state->profiler_ = std::make_shared<Profiler>();
      state->profile_prefix = options.profile_prefix.string();
      state->profile_start_ns = state->profiler_->start_ns();
    }
    try {
      state->session = std::make_shared<oriel::Session>(source, engine);
    } catch (...) {
      state->profiler_ = nullptr;
      throw;
    }
    const oriel::Session& session = *state->session;
    const std::int64_t end = Profiler::now_ns();
    if (state->profiler_) {
      state->profiler_->describe(session.describe());
      state->profiler_->on_session("session_initialization", begin, end);
    }
    state->inputs = infos_of(session.inputs());
    state->outputs = infos_of(session.outputs());
    state->overridable = infos_of(session.overridable());
    const ModelInfo& info = session.info();
    state->metadata = {info.producer_name,     info.graph_name, info.domain, info.description,
                       info.graph_description, info.version,    {}};
    for (const auto& [key, value] : info.metadata) state->metadata.custom[key] = value;
    for (const ProviderRequest& request : session.providers())
      state->providers.push_back({request.name, request.options});
    const auto is_cpu = [](const Provider& p) { return p.name == "CPUExecutionProvider"; };
    if (engine.cpu_fallback && std::none_of(state->providers.begin(), state->providers.end(), is_cpu)) {
      state->providers.push_back({"CPUExecutionProvider", {}});
    }
    state->log.write(LogSeverity::kInfo,
                     formatted("{} loaded in {:.1f} ms", source.path.empty() ? "model" : source.path,
                               static_cast<double>(end - begin) * 1e-6));
    log_assignment(state->log, session);
  });
  return state;
}

Session::Session(const std::filesystem::path& model, const SessionOptions& options) {
  ModelSource source;
  source.path = model.string();
  state_ = State::load(source, options);
}

Session::Session(std::span<const std::byte> model, const SessionOptions& options, std::shared_ptr<const void> owner) {
  ModelSource source;
  source.bytes = guarded([&] { return memory_of(model, owner); });
  state_ = State::load(source, options);
}

Session::Session(Session&&) noexcept = default;

Session& Session::operator=(Session&& other) noexcept {
  if (this == &other) return *this;
  const Session old(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

Session::~Session() {
  if (state_) state_->end_profiling_quietly();
}

const std::vector<ValueInfo>& Session::inputs() const noexcept { return state_->inputs; }
const std::vector<ValueInfo>& Session::outputs() const noexcept { return state_->outputs; }
const std::vector<ValueInfo>& Session::overridable_initializers() const noexcept { return state_->overridable; }
const ModelMetadata& Session::metadata() const noexcept { return state_->metadata; }
const std::vector<Provider>& Session::providers() const noexcept { return state_->providers; }
std::int64_t Session::profiling_start_ns() const noexcept { return state_->profile_start_ns; }

std::filesystem::path Session::end_profiling() {
  return guarded([&] { return state_->end_profiling(); });
}

std::vector<Value> Session::run(const NamedValues& feeds, const std::vector<std::string>& outputs,
                                const RunOptions& options) {
  return guarded([&] {
    Call call(*state_->session, feeds, outputs);
    state_->run(call.operands, call.results, options).throw_if_failed();
    return call.fetch();
  });
}

void Session::run_into(const NamedValues& feeds, NamedValues& outputs, const RunOptions& options) {
  guarded([&] {
    IoBinding binding(*this);
    for (const auto& [name, value] : feeds) binding.bind_input(name, value);
    for (const auto& [name, value] : outputs)
      value.has_value() ? binding.bind_output(name, value) : binding.bind_output(name);
    run(binding, options);
    const std::vector<Value> results = binding.outputs();
    std::size_t i = 0;
    for (auto& [name, value] : outputs) {
      if (!value.has_value()) value = results[i];
      ++i;
    }
  });
}

void Session::run(IoBinding& binding, const RunOptions& options) {
  guarded([&] {
    ORIEL_REQUIRE(binding.state_->session == state_, "the binding belongs to another session");
    state_->run(binding.state_->binding, options);
  });
}

void Session::run_async(const NamedValues& feeds, RunCallback done, const std::vector<std::string>& outputs,
                        const RunOptions& options) {
  guarded([&] {
    ORIEL_REQUIRE(static_cast<bool>(done), "the callback is empty");
    // The values stay alive with the task, and the call points into them.
    auto values = std::make_shared<const NamedValues>(feeds);
    auto call = std::make_shared<Call>(*state_->session, *values, outputs);
    run_in_background(
        [state = state_, values, call, options] { return state->run(call->operands, call->results, options); },
        [state = state_, call, done = std::move(done), tag = options.tag()](const Status& status) {
          try {
            if (status.ok()) {
              done(call->fetch(), nullptr);
            } else {
              const Error error = public_error(status.code(), status.message());
              done({}, &error);
            }
          } catch (const std::exception& problem) {
            state->log.write(LogSeverity::kError,
                             formatted("an exception left the callback of a run: {}", problem.what()), tag);
          } catch (...) {
            state->log.write(LogSeverity::kError, "an exception left the callback of a run", tag);
          }
        });
  });
}

}  // namespace oriel::v1
