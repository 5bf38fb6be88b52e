// From a model's bytes to a session, and from named values to a run.
#include "runtime/session.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "frontends/onnx/reader.h"
#include "frontends/onnx/writer.h"

namespace oriel {
namespace {

// Entries of this name and more are the engine's own options.
constexpr std::string_view kEngineEntries = "session.oriel.";

// The process's seed; negative: none.
std::atomic<std::int64_t> process_seed{-1};

// Of the provider with the highest priority.
bool optimises_always(const std::string& provider) {
  const std::vector<Provider>& known = builtin_providers();
  return std::any_of(known.begin(), known.end(),
                     [&](const Provider& p) { return p.name == provider && p.optimises_always; });
}

// No device computes in f16 or bf16; what the wider graph allows is optimised once more, and so is whatever a provider
// takes that optimises at every level.
void widen(Graph& graph, const SessionOptions& options) {
  const bool widened = widen_half(graph);
  if (options.level < OptimizationLevel::kAll && !options.providers.empty() &&
      optimises_always(options.providers.front().name)) {
    optimise(graph, OptimizationLevel::kAll);
  } else if (widened) {
    optimise(graph, options.level);
  }
}

std::shared_ptr<Graph> read_model(const ModelSource& source, const SessionOptions& options) {
  onnx::ReadOptions read;
  read.dim_params = options.dims_by_name;
  read.dim_denotations = options.dims_by_denotation;
  read.external_data_folder = source.folder;
  read.external_files = options.external_files;
  read.initializers = options.initializers;
  for (const auto& [name, dims] : options.input_shapes) read.input_shapes.emplace_back(name, Shape(dims));
  return source.bytes ? std::shared_ptr<Graph>(onnx::read_onnx_bytes(source.bytes, read, source.path))
                      : std::shared_ptr<Graph>(onnx::read_onnx_file(source.path, read));
}

void check_cancelled(const SessionOptions& options) {
  if (options.cancel != nullptr && options.cancel->cancelled.load(std::memory_order_relaxed)) {
    fail(ErrorCode::kCancelled, "Session initialization is canceled due to user request.");
  }
}

void record_operators(const Graph& graph, std::map<std::string, std::string>& into) {
  for (const Node* node : graph.nodes()) {
    for (const std::string& origin : node->origins()) into.emplace(origin, node->op().full_name());
    for (const auto& [name, attribute] : node->attributes().items()) {
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute); body != nullptr && *body)
        record_operators(**body, into);
    }
  }
}

// Whether a value is of the type that an input declares, dimensions aside.
bool matches(const Datum& value, const ValueType& type) {
  switch (type.kind) {
    case ValueType::Kind::kTensor:
      return value.is_tensor() && value.tensor().type() == type.element;
    case ValueType::Kind::kOptional:
      return value.empty() || matches(value, *type.inner);
    case ValueType::Kind::kMap:
      return value.is_map() && value.map().keys.type() == type.element &&
             (!type.inner->is_tensor() || value.map().values.type() == type.inner->element);
    case ValueType::Kind::kSequence: {
      if (!value.is_sequence()) return false;
      const std::vector<Datum>& items = value.sequence().items;
      return std::all_of(items.begin(), items.end(), [&](const Datum& item) { return matches(item, *type.inner); });
    }
    case ValueType::Kind::kNone:
      break;
  }
  return true;
}

}  // namespace

void set_random_seed(std::uint32_t seed) { process_seed.store(seed, std::memory_order_relaxed); }

std::string onnx_element_name(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return "float";
    case ElementType::kF64:
      return "double";
    case ElementType::kF16:
      return "float16";
    case ElementType::kBF16:
      return "bfloat16";
    case ElementType::kI8:
      return "int8";
    case ElementType::kI16:
      return "int16";
    case ElementType::kI32:
      return "int32";
    case ElementType::kI64:
      return "int64";
    case ElementType::kU8:
      return "uint8";
    case ElementType::kU16:
      return "uint16";
    case ElementType::kU32:
      return "uint32";
    case ElementType::kU64:
      return "uint64";
    case ElementType::kComplex64:
      return "complex64";
    case ElementType::kComplex128:
      return "complex128";
    case ElementType::kF8E4M3FN:
      return "float8e4m3fn";
    case ElementType::kF8E4M3FNUZ:
      return "float8e4m3fnuz";
    case ElementType::kF8E5M2:
      return "float8e5m2";
    case ElementType::kF8E5M2FNUZ:
      return "float8e5m2fnuz";
    case ElementType::kF8E8M0:
      return "float8e8m0";
    case ElementType::kI4:
      return "int4";
    case ElementType::kU4:
      return "uint4";
    case ElementType::kI2:
      return "int2";
    case ElementType::kU2:
      return "uint2";
    case ElementType::kF4E2M1:
      return "float4e2m1";
    default:
      return std::string(element_name(type));
  }
}

std::string onnx_type_name(const ValueType& type) {
  switch (type.kind) {
    case ValueType::Kind::kTensor:
      return "tensor(" + onnx_element_name(type.element) + ")";
    case ValueType::Kind::kSequence:
      return "seq(" + onnx_type_name(*type.inner) + ")";
    case ValueType::Kind::kOptional:
      return "optional(" + onnx_type_name(*type.inner) + ")";
    case ValueType::Kind::kMap:
      return "map(" + onnx_element_name(type.element) + "," + onnx_type_name(*type.inner) + ")";
    case ValueType::Kind::kNone:
      break;
  }
  return "none";
}

std::string onnx_type_name(const Datum& value) {
  if (value.is_tensor()) return "tensor(" + onnx_element_name(value.tensor().type()) + ")";
  if (value.is_sequence()) {
    const Sequence& s = value.sequence();
    return "seq(" +
           (s.items.empty() ? "tensor(" + onnx_element_name(s.element) + ")" : onnx_type_name(s.items.front())) + ")";
  }
  if (!value.is_map()) return "none";
  return "map(" + onnx_element_name(value.map().keys.type()) + ",tensor(" +
         onnx_element_name(value.map().values.type()) + "))";
}

std::string symbol_name(const Dim& dim) {
  const SymbolId id = dim.is_known() ? -1 : dim.symbol();
  if (id < 0 || dim.table()->symbol(id).kind == SymbolTable::Kind::kFresh) return {};
  return dim.table()->symbol(id).name;
}

std::vector<Candidate> choose_candidates(const SessionOptions& options, const std::shared_ptr<Budget>& budget) {
  CompileOptions base;
  base.threads = options.intra_op_threads;
  base.one_step_per_node = options.level == OptimizationLevel::kDisabled;
  base.budget = budget;
  base.weights_spent = std::make_shared<std::atomic<std::int64_t>>(0);
  for (const auto& [key, value] : options.config) {
    if (!key.starts_with(kEngineEntries)) continue;
    if (!read_engine_option(base, key.substr(kEngineEntries.size()), value, key)) {
      fail(ErrorCode::kInvalidArgument, "session configuration entry \"{}\" is not known", key);
    }
  }
  std::vector<ProviderRequest> requests = options.providers;
  const auto named = [&](const char* name) {
    return std::any_of(requests.begin(), requests.end(), [&](const ProviderRequest& r) { return r.name == name; });
  };
  if (requests.empty() || (options.cpu_fallback && !named("CPUExecutionProvider")))
    requests.push_back({"CPUExecutionProvider", {}});
  std::vector<Candidate> candidates;
  for (const ProviderRequest& request : requests) {
    const std::vector<Provider>& known = builtin_providers();
    const auto provider =
        std::find_if(known.begin(), known.end(), [&](const Provider& p) { return p.name == request.name; });
    if (provider == known.end()) fail(ErrorCode::kInvalidArgument, "provider {} is not known", request.name);
    const ProviderChoice choice = provider->choose(request.options, base);
    for (const std::string& device : choice.devices)
      candidates.push_back({request.name, find_device(device), choice.options});
  }
  return candidates;
}

std::shared_ptr<Graph> load_graph(const ModelSource& source, const SessionOptions& options, GraphStage stage) {
  std::shared_ptr<Graph> graph = read_model(source, options);
  if (stage >= GraphStage::kLegalise) legalise(*graph);
  if (stage >= GraphStage::kOptimise) optimise(*graph, options.level);
  if (stage >= GraphStage::kWiden) widen(*graph, options);
  return graph;
}

Session::Session(const ModelSource& source, const SessionOptions& options) {
  check_cancelled(options);
  graph_ = read_model(source, options);
  prepare(options);
}

Session::Session(std::shared_ptr<Graph> graph, const SessionOptions& options) : graph_(std::move(graph)) {
  prepare(options);
}

void Session::prepare(const SessionOptions& options) {
  options_ = options;
  if (const std::int64_t seed = process_seed.load(std::memory_order_relaxed); seed >= 0)
    seed_ = static_cast<std::uint32_t>(seed);
  if (options_.providers.empty()) options_.providers.push_back({"CPUExecutionProvider", {}});
  budget_ = std::make_shared<Budget>(options.memory_limit);
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < graph_->inputs().size(); ++i) {
      const Tensor* fallback = graph_->input_default(i);
      if ((fallback != nullptr) != (pass == 1)) continue;
      (pass == 0 ? inputs_ : overridable_).push_back({graph_->inputs()[i]->name(), graph_->inputs()[i]->type()});
      graph_input_of_.push_back(static_cast<int>(i));
    }
  }
  for (std::size_t i = 0; i < graph_->inputs().size(); ++i) {
    const Tensor* fallback = graph_->input_default(i);
    defaults_.push_back(fallback == nullptr ? Datum() : Datum(*fallback));
  }
  for (std::size_t i = 0; i < graph_->outputs().size(); ++i)
    outputs_.push_back({graph_->output_names()[i], graph_->outputs()[i]->type()});
  try {
    check_cancelled(options);
    const auto record = options_.config.find("session.record_ep_graph_assignment_info");
    if (record != options_.config.end() && record->second == "1") record_operators(*graph_, original_operators_);
    legalise(*graph_);
    optimise(*graph_, options_.level);
    check_cancelled(options);
    if (!options_.optimized_model_path.empty()) save_optimised();
    widen(*graph_, options_);
    threads_ = options_.intra_op_threads > 0 ? options_.intra_op_threads : usable_cpus();
    const std::vector<Candidate> candidates = choose_candidates(options_, budget_);
    compiled_ = std::make_unique<CompiledGraph>(graph_, candidates);
    for (const Candidate& c : candidates) {
      if (c.options.threads > 0) {
        threads_ = c.options.threads;
        break;
      }
    }
    check_cancelled(options);
    options_.cancel = nullptr;
    // Packed weights have taken the place of the model's; the pages of both need not stay.
    graph_->release_constants();
    malloc_trim(0);
  } catch (const Error& error) {
    if (graph_->info().file.empty() || error.code() == ErrorCode::kProviderFail) throw;
    throw error.at(graph_->info().file);
  }
}

void Session::save_optimised() const {
  onnx::WriteOptions write;
  const auto file = options_.config.find("session.optimized_model_external_initializers_file_name");
  if (file != options_.config.end() && !file->second.empty()) {
    write.external_file = file->second;
    write.external_threshold = 1024;
    const auto size = options_.config.find("session.optimized_model_external_initializers_min_size_in_bytes");
    if (size != options_.config.end()) {
      const std::string& text = size->second;
      const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), write.external_threshold);
      ORIEL_REQUIRE(problem == std::errc() && end == text.data() + text.size(),
                    "session configuration {} is \"{}\", expected a number of bytes", size->first, text);
      write.external_threshold = std::max<std::size_t>(write.external_threshold, 1);
    }
  }
  onnx::write_onnx_file(*graph_, options_.optimized_model_path, write);
}

int Session::input_index(const std::string& name) const {
  const auto find = [&](const std::vector<ValueInfo>& list) {
    const auto at = std::find_if(list.begin(), list.end(), [&](const ValueInfo& v) { return v.name == name; });
    return at == list.end() ? -1 : static_cast<int>(at - list.begin());
  };
  const int required = find(inputs_);
  if (required >= 0) return required;
  const int optional = find(overridable_);
  return optional < 0 ? -1 : optional + static_cast<int>(inputs_.size());
}

int Session::output_index(const std::string& name) const {
  const auto at = std::find_if(outputs_.begin(), outputs_.end(), [&](const ValueInfo& v) { return v.name == name; });
  return at == outputs_.end() ? -1 : static_cast<int>(at - outputs_.begin());
}

Status Session::check_inputs(std::span<const Datum* const> inputs, RunContext& context) const {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& wanted = *graph_->inputs()[static_cast<std::size_t>(graph_input_of_[i])];
    if (inputs[i] == nullptr) {
      if (wanted.type().kind != ValueType::Kind::kOptional &&
          defaults_[static_cast<std::size_t>(graph_input_of_[i])].empty()) {
        return Status(ErrorCode::kInvalidArgument, formatted("Required input \"{}\" is missing", wanted.name()));
      }
      continue;
    }
    const ValueType& type = wanted.type();
    if (!type.is_tensor()) {
      if (!matches(*inputs[i], type)) {
        return Status(ErrorCode::kInvalidArgument,
                      formatted("Unexpected value for input \"{}\", expected {}", wanted.name(), onnx_type_name(type)));
      }
      continue;
    }
    if (!inputs[i]->is_tensor()) {
      return Status(ErrorCode::kInvalidArgument,
                    formatted("Unexpected value for input \"{}\", expected {}", wanted.name(), onnx_type_name(type)));
    }
    const Tensor& t = inputs[i]->tensor();
    if (t.type() != type.element) {
      return Status(ErrorCode::kInvalidArgument,
                    formatted("Unexpected input data type for \"{}\". Actual: (tensor({})) , expected: (tensor({}))",
                              wanted.name(), onnx_element_name(t.type()), onnx_element_name(type.element)));
    }
    if (!type.shape.is_ranked()) continue;
    if (t.rank() != type.shape.rank()) {
      return Status(
          ErrorCode::kInvalidArgument,
          formatted(
              "Invalid rank for input: {} Got: {} Expected: {} Please fix either the inputs/outputs or the model.",
              wanted.name(), t.rank(), type.shape.rank()));
    }
    std::string wrong;
    for (std::size_t d = 0; d < t.rank(); ++d) {
      const Dim& dim = type.shape[d];
      if (t.dim(d) < dim.min() || t.dim(d) > dim.max()) {
        wrong += formatted("\n index: {} Got: {} Expected: {}", d, t.dim(d),
                           dim.is_known() ? dim.to_string() : formatted("{} to {}", dim.min(), dim.max()));
        continue;
      }
      const SymbolId id = dim.symbol();
      if (id < 0) continue;
      if (context.symbols.size() <= static_cast<std::size_t>(id))
        context.symbols.resize(graph_->symbols()->size(), kUnbound);
      std::int64_t& bound = context.symbols[static_cast<std::size_t>(id)];
      if (bound != kUnbound && bound != t.dim(d)) {
        wrong += formatted("\n index: {} Got: {} Expected: {} ({} is {} in another input)", d, t.dim(d), bound,
                           dim.to_string(), bound);
      }
      bound = t.dim(d);
    }
    if (!wrong.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    formatted("Got invalid dimensions for input: {} for the following indices{}\n Please fix either "
                              "the inputs/outputs or the model.",
                              wanted.name(), wrong));
    }
  }
  return {};
}

Status Session::run(std::span<const Datum* const> inputs, std::span<Datum> outputs, const RunOptions& options) {
  std::unique_ptr<Context> context;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!contexts_.empty()) {
      context = std::move(contexts_.back());
      contexts_.pop_back();
    }
  }
  if (!context) {
    context = std::make_unique<Context>();
    if (seed_) context->random = &context->generator.emplace(*seed_);
    context->threads = ThreadLease(threads_);
    context->budget = budget_;
  }
  std::fill(context->symbols.begin(), context->symbols.end(), kUnbound);
  context->cancel = options.cancel;
  context->observer = options.observer;
  context->deadline = options.deadline;
  Status status = check_inputs(inputs, *context);
  if (status.ok() && context->stop_requested()) {
    status = Status(ErrorCode::kCancelled, "Exiting due to terminate flag being set to true.");
  }
  if (status.ok()) {
    std::vector<const Datum*>& operands = context->operands;
    operands.assign(graph_->inputs().size(), nullptr);
    for (std::size_t i = 0; i < defaults_.size(); ++i) operands[i] = &defaults_[i];
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] != nullptr) operands[static_cast<std::size_t>(graph_input_of_[i])] = inputs[i];
    }
    status = compiled_->run(operands, outputs, *context);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  contexts_.push_back(std::move(context));
  return status;
}

}  // namespace oriel
