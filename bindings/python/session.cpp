// Session: load, describe, run. Runs and loads release the interpreter lock.
#include "session.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "convert.h"
#include "runtime/session.h"

// After the headers above: nanobind's argument names.
namespace nb = nanobind;
using namespace nb::literals;

namespace oriel::python {
namespace {

nb::object shape_of(const ValueType& type) {
  if (!type.is_tensor() || !type.shape.is_ranked()) return type.is_tensor() ? nb::object(nb::none()) : nb::object(nb::list());
  nb::list dims;
  for (const Dim& d : type.shape.dims()) {
    const SymbolId id = d.symbol();
    if (d.is_known()) {
      dims.append(d.value());
    } else if (id >= 0 && d.table()->symbol(id).kind != SymbolTable::Kind::kFresh) {
      dims.append(d.table()->symbol(id).name);
    } else {
      dims.append(nb::none());
    }
  }
  return dims;
}

nb::list infos_of(const std::vector<ValueInfo>& values) {
  nb::list list;
  for (const ValueInfo& v : values) list.append(nb::make_tuple(v.name, onnx_type_name(v.type), shape_of(v.type)));
  return list;
}

class PySession {
 public:
  PySession(const std::string& path, nb::object bytes, const std::string& folder, int level, int threads,
            const std::vector<std::pair<std::string, ProviderOptions>>& providers,
            const std::vector<std::pair<std::string, std::int64_t>>& dims_by_name,
            const std::vector<std::pair<std::string, std::int64_t>>& dims_by_denotation, const std::map<std::string, std::string>& config) {
    ModelSource source;
    source.path = path;
    source.folder = folder;
    if (!bytes.is_none()) {
      char* data = nullptr;
      Py_ssize_t size = 0;
      if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) throw nb::python_error();
      bytes.inc_ref();
      source.bytes = borrow_host(data, static_cast<std::size_t>(size), std::shared_ptr<void>(bytes.ptr(), [](void* p) {
                                   const nb::gil_scoped_acquire gil;
                                   nb::handle(static_cast<PyObject*>(p)).dec_ref();
                                 }));
    }
    SessionOptions options;
    options.level = static_cast<OptimizationLevel>(level);
    options.intra_op_threads = threads;
    options.dims_by_name = dims_by_name;
    options.dims_by_denotation = dims_by_denotation;
    options.config = config;
    for (const auto& [name, settings] : providers) options.providers.push_back({name, settings});
    const nb::gil_scoped_release release;
    session_ = std::make_unique<Session>(source, options);
  }

  nb::list inputs() const { return infos_of(session_->inputs()); }
  nb::list outputs() const { return infos_of(session_->outputs()); }
  nb::list overridable() const { return infos_of(session_->overridable()); }

  nb::list run(const nb::object& wanted, const nb::dict& feeds) {
    const std::size_t total = session_->inputs().size() + session_->overridable().size();
    SmallVector<const Datum*, 16> operands(total, nullptr);
    std::vector<Datum> values(total);
    for (const auto& [key, object] : feeds) {
      const std::string name = nb::cast<std::string>(key);
      const int index = session_->input_index(name);
      ORIEL_REQUIRE(index >= 0, "Invalid input name: {}", name);
      const auto i = static_cast<std::size_t>(index);
      const ValueType& type = i < session_->inputs().size() ? session_->inputs()[i].type : session_->overridable()[i - session_->inputs().size()].type;
      values[i] = to_datum(object, &type);
      operands[i] = &values[i];
    }
    std::vector<int> order;
    if (!wanted.is_none()) {
      for (const nb::handle item : wanted) {
        const std::string name = nb::cast<std::string>(item);
        order.push_back(session_->output_index(name));
        ORIEL_REQUIRE(order.back() >= 0, "Invalid output name: {}", name);
      }
    }
    if (order.empty()) {
      for (std::size_t i = 0; i < session_->outputs().size(); ++i) order.push_back(static_cast<int>(i));
    }
    std::vector<Datum> results(session_->outputs().size());
    {
      const nb::gil_scoped_release release;
      session_->run({operands.data(), operands.size()}, results, RunOptions{}).throw_if_failed();
    }
    nb::list list;
    for (const int i : order) list.append(from_datum(results[static_cast<std::size_t>(i)]));
    return list;
  }

  nb::dict model_info() const {
    const ModelInfo& info = session_->info();
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

  std::vector<std::pair<std::string, ProviderOptions>> providers() const {
    std::vector<std::pair<std::string, ProviderOptions>> list;
    for (const ProviderRequest& r : session_->providers()) list.emplace_back(r.name, r.options);
    return list;
  }

  std::string dump() const { return session_->graph().to_string(); }

  nb::list steps() const { return steps_of(session_->describe()); }

 private:
  static nb::list steps_of(const std::vector<CompiledPartInfo>& parts) {
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

  std::unique_ptr<Session> session_;
};

}  // namespace

void bind_session(nb::module_& module) {
  module.def("available_providers", [] {
    std::vector<std::string> names;
    for (const Provider& p : builtin_providers()) names.push_back(p.name);
    return names;
  });
  nb::class_<PySession>(module, "Session")
      .def(nb::init<const std::string&, nb::object, const std::string&, int, int, const std::vector<std::pair<std::string, ProviderOptions>>&,
                    const std::vector<std::pair<std::string, std::int64_t>>&, const std::vector<std::pair<std::string, std::int64_t>>&,
                    const std::map<std::string, std::string>&>(),
           "path"_a, "bytes"_a.none(), "folder"_a, "level"_a, "threads"_a, "providers"_a, "dims_by_name"_a, "dims_by_denotation"_a, "config"_a)
      .def("inputs", &PySession::inputs)
      .def("outputs", &PySession::outputs)
      .def("overridable", &PySession::overridable)
      .def("run", &PySession::run, "wanted"_a.none(), "feeds"_a)
      .def("model_info", &PySession::model_info)
      .def("providers", &PySession::providers)
      .def("dump", &PySession::dump)
      .def("steps", &PySession::steps);
}

}  // namespace oriel::python
