// Session: load, describe, run. Runs and loads release the interpreter lock.
#include "session.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <mutex>

#include "base/work_counters.h"
#include "convert.h"
#include "frontends/onnx/reader.h"
#include "frontends/onnx/writer.h"
#include "runtime/config_entries.h"
#include "runtime/task_queue.h"

// After the headers above: nanobind's argument names.
namespace nb = nanobind;
using namespace nb::literals;

namespace oriel::python {
namespace {

// A shape as a list: numbers that are known, else the model's own names, else None.
nb::object shape_of(const ValueType& type, const std::vector<onnx::DeclaredDim>* declared) {
  if (type.kind == ValueType::Kind::kOptional) return shape_of(*type.inner, declared);
  nb::list dims;
  if (!type.is_tensor()) return dims;
  const bool ranked = type.shape.is_ranked();
  if (declared != nullptr && ranked && declared->size() != type.shape.rank()) declared = nullptr;
  const std::size_t rank = ranked ? type.shape.rank() : declared != nullptr ? declared->size() : 0;
  for (std::size_t i = 0; i < rank; ++i) {
    const Dim dim = ranked ? type.shape[i] : Dim::unknown();
    const SymbolId id = dim.symbol();
    if (dim.is_known()) {
      dims.append(dim.value());
    } else if (declared != nullptr && (*declared)[i].value >= 0) {
      dims.append((*declared)[i].value);
    } else if (declared != nullptr && !(*declared)[i].name.empty()) {
      dims.append((*declared)[i].name);
    } else if (id >= 0 && dim.table()->symbol(id).kind == SymbolTable::Kind::kNamed) {
      dims.append(dim.table()->symbol(id).name);
    } else {
      dims.append(nb::none());
    }
  }
  return dims;
}

nb::list infos_of(const std::vector<ValueInfo>& values,
                  const std::map<std::string, std::vector<onnx::DeclaredDim>>& declared) {
  nb::list list;
  for (const ValueInfo& v : values) {
    const auto shape = declared.find(v.name);
    list.append(nb::make_tuple(v.name, onnx_type_name(v.type),
                               shape_of(v.type, shape == declared.end() ? nullptr : &shape->second)));
  }
  return list;
}

nb::list steps_of(const std::vector<CompiledPartInfo>& parts) {
  nb::list list;
  for (const CompiledPartInfo& part : parts) {
    for (const StepInfo& s : part.executable.steps) {
      nb::dict d;
      d["provider"] = part.provider;
      d["device"] = s.device;
      d["kernel"] = s.kernel;
      d["algorithm"] = s.algorithm;
      d["precision"] = s.precision;
      d["op"] = s.op;
      d["name"] = s.name;
      d["origins"] = s.origins;
      d["packed_bytes"] = s.packed_bytes;
      list.append(d);
    }
    if (part.op.empty()) continue;
    nb::dict d;
    d["provider"] = "";
    d["device"] = "EXECUTOR";
    d["op"] = part.op;
    d["name"] = part.name;
    nb::list bodies;
    for (const auto& body : part.bodies) bodies.append(steps_of(body));
    d["bodies"] = bodies;
    list.append(d);
  }
  return list;
}

// Holds Python objects of a run; the last owner may be a thread without the interpreter lock.
std::shared_ptr<nb::object> keep(nb::object object) {
  return {new nb::object(std::move(object)), [](nb::object* p) {
            const nb::gil_scoped_acquire gil;
            delete p;
          }};
}

std::string name_of(nb::handle object) {
  if (!nb::isinstance<nb::str>(object)) throw nb::type_error("names of inputs and outputs are strings");
  return nb::cast<std::string>(object);
}

// The memory of a bytes object, which stays alive with it.
std::shared_ptr<Memory> memory_of(nb::object bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) throw nb::python_error();
  return borrow_host(data, static_cast<std::size_t>(size), keep(std::move(bytes)));
}

nb::dict info_of(const ModelInfo& info) {
  nb::dict metadata;
  for (const auto& [key, value] : info.metadata) metadata[nb::str(key.c_str())] = value;
  nb::dict d;
  d["producer_name"] = info.producer_name;
  d["graph_name"] = info.graph_name;
  d["domain"] = info.domain;
  d["description"] = info.description;
  d["graph_description"] = info.graph_description;
  d["version"] = info.version;
  d["custom_metadata_map"] = metadata;
  return d;
}

nb::dict model_info_of(const std::string& path, nb::object bytes) {
  return info_of(bytes.is_none() ? onnx::read_onnx_info_of_file(path)
                                 : onnx::read_onnx_info(memory_of(std::move(bytes))));
}

// A file's path from the folder of a model where it lies there; else as it is.
std::string seen_from(const std::string& model, const std::string& path) {
  namespace fs = std::filesystem;
  if (model.empty() || !fs::path(path).is_absolute()) return path;
  const fs::path relative = fs::path(path).lexically_relative(fs::absolute(model).parent_path());
  return relative.empty() || *relative.begin() == ".." ? path : relative.string();
}

// Optimises a model and writes it: to a file, or as bytes where there is no path to write to. `locate(name, value,
// part)` is asked where a constant's bytes lie: parts are (path, offset, size) or None.
nb::object rewrite_model(const std::string& path, nb::object bytes, int level, const std::string& to,
                         const std::string& external_file, std::size_t external_threshold, nb::object locate) {
  ModelSource source;
  source.path = path;
  if (!bytes.is_none()) source.bytes = memory_of(bytes);
  SessionOptions options;
  options.level = static_cast<OptimizationLevel>(level);
  std::map<std::string, onnx::FilePart> parts;
  std::shared_ptr<Graph> graph;
  {
    const nb::gil_scoped_release release;
    graph = load_graph(source, options, GraphStage::kOptimise);
    for (const onnx::ExternalData& e :
         source.bytes ? onnx::external_initializers(source.bytes) : onnx::external_initializers_of_file(path)) {
      parts[e.name] = {e.location, e.offset, e.bytes};
    }
  }
  onnx::WriteOptions write;
  write.external_file = external_file;
  write.external_threshold = external_file.empty() ? 0 : std::max<std::size_t>(external_threshold, 1);
  if (!locate.is_none()) {
    write.locate = [&](const std::string& name, const Tensor& tensor) -> std::optional<onnx::FilePart> {
      const auto part = parts.find(name);
      const nb::object old =
          part == parts.end() ? nb::none()
                              : nb::object(nb::make_tuple(part->second.path, part->second.offset, part->second.bytes));
      const nb::object answer = locate(name, nb::cast(PyOrtValue{Datum(tensor), nullptr}), old);
      if (answer.is_none()) return std::nullopt;
      return onnx::FilePart{seen_from(to, nb::cast<std::string>(answer[0])), nb::cast<std::uint64_t>(answer[1]),
                            nb::cast<std::uint64_t>(answer[2])};
    };
  }
  if (to.empty()) {
    const std::string text = onnx::write_onnx(*graph, write);
    return nb::bytes(text.data(), text.size());
  }
  onnx::write_onnx_file(*graph, to, write);
  return nb::none();
}

}  // namespace

const ValueType& input_type(const Session& session, int index) {
  const auto i = static_cast<std::size_t>(index);
  return i < session.inputs().size() ? session.inputs()[i].type
                                     : session.overridable()[i - session.inputs().size()].type;
}

// The values of one run.
struct PySession::Call {
  std::vector<Datum> values;
  std::vector<const Datum*> operands;
  std::vector<int> order;
  std::vector<Datum> results;

  nb::list fetch(bool as_values) const {
    nb::list list;
    for (const int i : order) {
      const Datum& value = results[static_cast<std::size_t>(i)];
      list.append(as_values ? nb::cast(PyOrtValue{value, nullptr}) : from_datum(value));
    }
    return list;
  }
};

PySession::PySession(const std::string& path, nb::object bytes, const std::string& folder, int level, int threads,
                     const std::vector<std::pair<std::string, ProviderOptions>>& providers,
                     const std::vector<std::pair<std::string, std::int64_t>>& dims_by_name,
                     const std::vector<std::pair<std::string, std::int64_t>>& dims_by_denotation,
                     const std::map<std::string, std::string>& config, const nb::dict& initializers,
                     const nb::dict& external_files, const std::string& optimized_model_path,
                     const std::string& profile_prefix, nb::object cancel)
    : profile_prefix_(profile_prefix) {
  ModelSource source;
  source.path = path;
  source.folder = folder;
  if (!bytes.is_none()) source.bytes = memory_of(bytes);
  SessionOptions options;
  options.level = static_cast<OptimizationLevel>(level);
  options.intra_op_threads = threads;
  options.dims_by_name = dims_by_name;
  options.dims_by_denotation = dims_by_denotation;
  options.config = config;
  apply_config_entries(options, source);
  options.optimized_model_path = optimized_model_path;
  for (const auto& [name, settings] : providers) options.providers.push_back({name, settings});
  for (const auto& [name, value] : initializers)
    options.initializers.emplace_back(nb::cast<std::string>(name), to_datum(value).tensor());
  for (const auto& [name, contents] : external_files)
    options.external_files.emplace_back(nb::cast<std::string>(name), memory_of(nb::borrow(contents)));
  if (!cancel.is_none()) options.cancel = &nb::cast<const PyRunOptions&>(cancel).cancel;
  if (!profile_prefix.empty()) {
    profiler_ = std::make_shared<Profiler>();
    profile_start_ns_ = profiler_->start_ns();
  }
  const nb::gil_scoped_release release;
  session_ = std::make_shared<Session>(source, options);
  declared_ = source.bytes ? onnx::declared_shapes(source.bytes) : onnx::declared_shapes_of_file(source.path);
  for (auto& [value, dims] : declared_) {
    for (onnx::DeclaredDim& dim : dims) {
      for (const auto& [name, extent] : dims_by_name)
        dim.value = dim.value < 0 && dim.name == name ? extent : dim.value;
    }
  }
  if (profiler_) {
    profiler_->describe(session_->describe());
    profiler_->on_session("session_initialization", profile_start_ns_, Profiler::now_ns());
  }
}

PySession::~PySession() {
  try {
    end_profiling();
  } catch (const std::exception&) {
    // Nobody is left to tell.
  }
}

nb::list PySession::inputs() const { return infos_of(session_->inputs(), declared_); }
nb::list PySession::outputs() const { return infos_of(session_->outputs(), declared_); }
nb::list PySession::overridable() const { return infos_of(session_->overridable(), declared_); }
nb::list PySession::steps() const { return steps_of(session_->describe()); }

std::shared_ptr<Profiler> PySession::profiler() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return profiler_;
}

std::string PySession::end_profiling() {
  std::shared_ptr<Profiler> ended;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended = std::move(profiler_);
  }
  return ended ? ended->write(profile_prefix_) : std::string();
}

RunOptions PySession::options_of(PyRunOptions* options, const std::shared_ptr<Profiler>& profiler) const {
  RunOptions run;
  if (options != nullptr) run.cancel = &options->cancel;
  run.observer = profiler.get();
  return run;
}

std::shared_ptr<PySession::Call> PySession::prepare(const nb::object& wanted, const nb::dict& feeds,
                                                    const PyRunOptions* options) const {
  auto call = std::make_shared<Call>();
  const std::size_t total = session_->inputs().size() + session_->overridable().size();
  call->operands.resize(total, nullptr);
  call->values.resize(total);
  for (const auto& [key, object] : feeds) {
    const std::string name = name_of(key);
    const int index = session_->input_index(name);
    ORIEL_REQUIRE(index >= 0, "Invalid input name: {}", name);
    const auto i = static_cast<std::size_t>(index);
    call->values[i] = to_datum(object, &input_type(*session_, index));
    call->operands[i] = &call->values[i];
  }
  if (options != nullptr) {
    for (const std::shared_ptr<const onnx::Adapter>& adapter : options->adapters) {
      for (const auto& [name, tensor] : adapter->parameters) {
        const int index = session_->input_index(name);
        ORIEL_REQUIRE(index >= 0, "Invalid input name: {}", name);
        const auto i = static_cast<std::size_t>(index);
        call->values[i] = Datum(tensor);
        call->operands[i] = &call->values[i];
      }
    }
  }
  if (!wanted.is_none()) {
    for (const nb::handle item : wanted) {
      const std::string name = name_of(item);
      call->order.push_back(session_->output_index(name));
      ORIEL_REQUIRE(call->order.back() >= 0, "Invalid output name:{}", name);
    }
  }
  if (call->order.empty()) {
    for (std::size_t i = 0; i < session_->outputs().size(); ++i) call->order.push_back(static_cast<int>(i));
  }
  call->results.resize(session_->outputs().size());
  return call;
}

nb::list PySession::run(const nb::object& wanted, const nb::dict& feeds, PyRunOptions* options, bool as_values) {
  const std::shared_ptr<Call> call = prepare(wanted, feeds, options);
  {
    const nb::gil_scoped_release release;
    const std::shared_ptr<Profiler> profile = profiler();
    const std::int64_t begin = profile ? Profiler::now_ns() : 0;
    session_->run(call->operands, call->results, options_of(options, profile)).throw_if_failed();
    if (profile) profile->on_session("model_run", begin, Profiler::now_ns());
  }
  return call->fetch(as_values);
}

void PySession::run_async(const nb::object& wanted, const nb::dict& feeds, nb::object callback, nb::object user_data,
                          nb::object options) {
  PyRunOptions* settings = options.is_none() ? nullptr : nb::cast<PyRunOptions*>(options);
  std::shared_ptr<Call> call;
  Status wrong;
  try {
    call = prepare(wanted, feeds, settings);
  } catch (const Error& error) {
    wrong = Status(error);
  }
  const auto keeper = keep(nb::make_tuple(callback, user_data, options));
  const std::shared_ptr<Session> session = session_;
  const std::shared_ptr<Profiler> profile = profiler();
  const RunOptions run = options_of(settings, profile);
  const nb::gil_scoped_release release;
  background_runs().post([=] {
    const std::int64_t begin = profile ? Profiler::now_ns() : 0;
    const Status status = wrong.ok() ? session->run(call->operands, call->results, run) : wrong;
    if (profile) profile->on_session("model_run", begin, Profiler::now_ns());
    dispatcher().post([=] {
      const nb::gil_scoped_acquire gil;
      nb::list results;
      std::string error = status.message();
      try {
        if (status.ok()) results = call->fetch(false);
      } catch (const std::exception& problem) {
        error = problem.what();
      }
      const nb::object function = (*keeper)[0];
      try {
        function(results, nb::object((*keeper)[1]), error);
      } catch (nb::python_error& problem) {
        // An exception that leaves a callback has no caller: the interpreter's hook reports it.
        problem.discard_as_unraisable(function);
      }
    });
  });
}

void PySession::run_with_iobinding(IoBinding& binding, PyRunOptions* options) {
  if (binding.session() != session_) fail(ErrorCode::kInvalidArgument, "the binding belongs to another session");
  const nb::gil_scoped_release release;
  const std::shared_ptr<Profiler> profile = profiler();
  const std::int64_t begin = profile ? Profiler::now_ns() : 0;
  binding.run(options_of(options, profile));
  if (profile) profile->on_session("model_run", begin, Profiler::now_ns());
}

nb::dict PySession::model_info() const { return info_of(session_->info()); }

std::vector<std::pair<std::string, ProviderOptions>> PySession::providers() const {
  std::vector<std::pair<std::string, ProviderOptions>> list;
  for (const ProviderRequest& r : session_->providers()) list.emplace_back(r.name, r.options);
  return list;
}

void bind_session(nb::module_& module) {
  module.def("available_providers", [] {
    std::vector<std::string> names;
    for (const Provider& p : builtin_providers()) names.push_back(p.name);
    return names;
  });
  module.def(
      "_work_counts",
      [] {
        const WorkCounts counts = work_counts();
        nb::dict d;
        d["inferences"] = counts.inferences;
        d["packings"] = counts.packings;
        return d;
      },
      "Calls of inference and of weight packing in this process so far, for tests.");
  module.def("set_seed", [](std::int64_t seed) { set_random_seed(static_cast<std::uint32_t>(seed)); });
  module.def(
      "finish_background_work",
      [] {
        background_runs().drain();
        dispatcher().drain();
      },
      nb::call_guard<nb::gil_scoped_release>(), "Waits for the runs and callbacks of run_async.");
  module.def("model_info", &model_info_of, "path"_a, "bytes"_a.none() = nb::none(),
             "What a model's author wrote about it.");
  module.def("rewrite_model", &rewrite_model, "path"_a, "bytes"_a.none(), "level"_a, "to"_a, "external_file"_a,
             "external_threshold"_a, "locate"_a.none());
  nb::class_<PySession>(module, "Session")
      .def(nb::init<const std::string&, nb::object, const std::string&, int, int,
                    const std::vector<std::pair<std::string, ProviderOptions>>&,
                    const std::vector<std::pair<std::string, std::int64_t>>&,
                    const std::vector<std::pair<std::string, std::int64_t>>&, const std::map<std::string, std::string>&,
                    const nb::dict&, const nb::dict&, const std::string&, const std::string&, nb::object>(),
           "path"_a, "bytes"_a.none(), "folder"_a, "level"_a, "threads"_a, "providers"_a, "dims_by_name"_a,
           "dims_by_denotation"_a, "config"_a, "initializers"_a, "external_files"_a, "optimized_model_path"_a,
           "profile_prefix"_a, "cancel"_a.none())
      .def("inputs", &PySession::inputs)
      .def("outputs", &PySession::outputs)
      .def("overridable", &PySession::overridable)
      .def("run", &PySession::run, "wanted"_a.none(), "feeds"_a, "options"_a.none() = nb::none(), "as_values"_a = false)
      .def("run_async", &PySession::run_async, "wanted"_a.none(), "feeds"_a, "callback"_a, "user_data"_a.none(),
           "options"_a.none() = nb::none())
      .def("run_with_iobinding", &PySession::run_with_iobinding, "binding"_a, "options"_a.none() = nb::none())
      .def("end_profiling", &PySession::end_profiling)
      .def("profiling_start_ns", &PySession::profiling_start_ns)
      .def("model_info", &PySession::model_info)
      .def("providers", &PySession::providers)
      .def("original_operators", [](const PySession& s) { return s.shared()->original_operators(); })
      .def("dump", &PySession::dump)
      .def("steps", &PySession::steps);
}

}  // namespace oriel::python
