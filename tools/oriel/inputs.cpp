// Which value goes to which input.
#include "inputs.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "arrays.h"
#include "picture.h"
#include "stb.h"

namespace oriel::shell {
namespace {

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string names(const std::vector<ValueInfo>& values) {
  std::vector<std::string> list;
  for (const ValueInfo& v : values) list.push_back(v.name);
  return joined(list, ", ");
}

const ValueInfo* find(const GraphInputs& inputs, const std::string& name) {
  for (const auto* list : {&inputs.required, &inputs.overridable}) {
    for (const ValueInfo& v : *list) {
      if (v.name == name) return &v;
    }
  }
  return nullptr;
}

// Elements converted as the input wants them.
Tensor cast(const Tensor& from, ElementType to) {
  Tensor out = Tensor::allocate(to, from.dims());
  for (std::int64_t i = 0; i < from.size(); ++i) store_element(out, i, element_as_f64(from, i));
  return out;
}

void check(const ValueInfo& input, Tensor& tensor, const std::string& source, bool may_cast) {
  const ValueType& type = input.type;
  if (tensor.type() != type.element) {
    const auto numeric = [](ElementType e) { return is_float(e) || is_integer(e) || e == ElementType::kBool; };
    if (!may_cast || !numeric(tensor.type()) || !numeric(type.element)) {
      throw Error(
          ErrorCode::kInvalidArgument,
          formatted("{}: {}, but input \"{}\" takes {}{}", source, tensor.description(), input.name, type_text(type),
                    numeric(tensor.type()) && numeric(type.element) ? "; --cast converts" : ""));
    }
    tensor = cast(tensor, type.element);
  }
  if (!type.shape.is_ranked()) return;
  bool fits = type.shape.rank() == tensor.rank();
  for (std::size_t d = 0; fits && d < tensor.rank(); ++d)
    fits = type.shape[d].min() <= tensor.dim(d) && tensor.dim(d) <= type.shape[d].max();
  if (!fits)
    throw Error(ErrorCode::kInvalidArgument, formatted("{}: {}, but input \"{}\" takes {}", source,
                                                       tensor.description(), input.name, type_text(type)));
}

Tensor random_tensor(const ValueInfo& input, std::uint32_t seed, std::mt19937& generator,
                     std::map<SymbolId, std::int64_t>& symbols) {
  const ValueType& type = input.type;
  if (!type.is_tensor())
    throw UsageError(formatted("--random cannot fill input \"{}\", which is {}", input.name, onnx_type_name(type)));
  if (!type.shape.is_ranked())
    throw UsageError(
        formatted("--random {}: input \"{}\" has no known rank; give --shape {}=...", seed, input.name, input.name));
  Dims dims;
  for (const Dim& d : type.shape.dims()) {
    const auto known = symbols.find(d.symbol());
    if (!d.is_known() && (d.symbol() < 0 || known == symbols.end())) {
      const bool named = d.symbol() >= 0 && d.table()->symbol(d.symbol()).kind == SymbolTable::Kind::kNamed;
      throw UsageError(formatted("--random {}: input \"{}\" ({}) has an open dimension; give {}--shape {}=...", seed,
                                 input.name, type_text(type), named ? "--dim " + d.to_string() + "=N or " : "",
                                 input.name));
    }
    dims.push_back(d.is_known() ? d.value() : known->second);
  }
  Tensor tensor = Tensor::allocate(type.element, dims);
  if (type.element == ElementType::kString) return tensor;
  if (is_complex(type.element))
    throw UsageError(formatted("--random cannot fill input \"{}\", which is {}", input.name, type_text(type)));
  std::uniform_real_distribution<double> unit(0, 1);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const double value = unit(generator);
    store_element(tensor, i, is_float(type.element) ? value : value < 0.5 ? 0 : 1);
  }
  return tensor;
}

// An --input taken apart: the input's name, if it stands there, and the value's text.
struct Given {
  std::string name;
  std::string value;
};

Given take_apart(const std::string& text, const GraphInputs& inputs) {
  // Names may contain "=" themselves; the longest that fits counts.
  for (std::size_t at = text.rfind('='); at != std::string::npos && at > 0; at = text.rfind('=', at - 1)) {
    if (find(inputs, text.substr(0, at)) != nullptr) return {text.substr(0, at), text.substr(at + 1)};
  }
  const std::size_t at = text.find('=');
  if (at != std::string::npos && at > 0 && !exists(text) && text[0] != '[') {
    throw UsageError(
        formatted("--input {}: the model has no input \"{}\"; inputs: {}", text, text.substr(0, at),
                  names(inputs.required) + (inputs.overridable.empty() ? "" : ", " + names(inputs.overridable))));
  }
  return {"", text};
}

// Whether a value stands for itself: an array, a string in quotes, a number, true or false.
bool is_literal(const std::string& text) {
  if (text.empty() || text == "true" || text == "false") return !text.empty();
  if (text[0] == '[' || text[0] == '"') return true;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return *end == '\0' && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
}

// "file.npz:key" where that is what it means, else the text and no key.
std::pair<std::string, std::string> archive_member(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || exists(text) || !exists(text.substr(0, colon))) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

class Gatherer {
 public:
  Gatherer(const GraphInputs& inputs, const InputArguments& arguments) : inputs_(inputs), arguments_(arguments) {}

  std::vector<InputValue> gather() {
    for (const std::string& text : arguments_.inputs) add(take_apart(text, inputs_));
    for (auto& [name, files] : pictures_) {
      const ValueInfo& input = *find(inputs_, name);
      PictureTensor made = load_pictures(files, name, input.type, arguments_.picture);
      values_.push_back({name, std::move(made.tensor), std::move(made.sources), std::move(made.applied), true});
    }
    fill();
    return std::move(values_);
  }

 private:
  bool taken(const std::string& name) const {
    return pictures_.count(name) != 0 ||
           std::any_of(values_.begin(), values_.end(), [&](const InputValue& v) { return v.name == name; });
  }

  // The input that a value without a name is for.
  const ValueInfo& only_open(const std::string& text, bool picture) {
    std::vector<const ValueInfo*> open;
    for (const ValueInfo& v : inputs_.required) {
      if (!taken(v.name)) open.push_back(&v);
    }
    // Several pictures make one batch.
    if (open.empty() && picture && pictures_.size() == 1 && inputs_.required.size() == 1) return inputs_.required[0];
    if (open.size() == 1) return *open[0];
    if (open.empty()) throw UsageError(formatted("--input {}: all inputs have a value already", text));
    throw UsageError(
        formatted("--input {}: say which input it is for, NAME={}; inputs: {}", text, text, names(inputs_.required)));
  }

  void put(const ValueInfo& input, Tensor tensor, const std::string& source) {
    if (taken(input.name))
      throw UsageError(formatted("--input {}: input \"{}\" has a value already", source, input.name));
    check(input, tensor, source, arguments_.cast);
    values_.push_back({input.name, std::move(tensor), {source}, "", false});
  }

  void add(const Given& given) {
    const auto target = [&](bool picture) -> const ValueInfo& {
      const ValueInfo& input = given.name.empty() ? only_open(given.value, picture) : *find(inputs_, given.name);
      if (!input.type.is_tensor())
        throw UsageError(formatted("input \"{}\" is {}, which no file gives", input.name, onnx_type_name(input.type)));
      return input;
    };
    if (is_literal(given.value) && !exists(given.value)) {
      const ValueInfo& input = target(false);
      put(input, parse_json(given.value, input.type.element), given.value);
      return;
    }
    const auto [path, key] = archive_member(given.value);
    const std::string bytes = read_file(path);
    if (is_npz(bytes)) {
      add_archive(given, path, key, bytes, target);
    } else if (!key.empty()) {
      fail(ErrorCode::kInvalidArgument, "{}: not an .npz archive", path);
    } else if (is_npy(bytes)) {
      put(target(false), parse_npy(bytes, path), path);
    } else if (ends_with(path, ".pb")) {
      put(target(false), parse_tensor_proto(bytes, path), path);
    } else if (ends_with(path, ".raw") || ends_with(path, ".bin")) {
      const ValueInfo& input = target(false);
      put(input, parse_raw(bytes, input.type, path), path);
    } else if (is_picture(bytes)) {
      const ValueInfo& input = target(true);
      if (taken(input.name) && pictures_.count(input.name) == 0)
        throw UsageError(formatted("--input {}: input \"{}\" has a value already", path, input.name));
      pictures_[input.name].push_back(path);
    } else {
      fail(ErrorCode::kInvalidArgument, "{}: neither a picture nor .npy, .npz, .pb, .raw or .bin", path);
    }
  }

  template <typename Target>
  void add_archive(const Given& given, const std::string& path, const std::string& key, const std::string& bytes,
                   const Target& target) {
    const std::vector<std::pair<std::string, Tensor>> arrays = parse_npz(bytes, path);
    std::vector<std::string> keys;
    for (const auto& [name, tensor] : arrays) keys.push_back(name);
    if (!key.empty()) {
      const auto at = std::find(keys.begin(), keys.end(), key);
      if (at == keys.end())
        throw Error(ErrorCode::kInvalidArgument,
                    formatted("{}: has no array \"{}\"; arrays: {}", path, key, joined(keys, ", ")));
      put(target(false), arrays[static_cast<std::size_t>(at - keys.begin())].second, path + ":" + key);
      return;
    }
    if (given.name.empty()) {
      bool matched = false;
      for (const auto& [name, tensor] : arrays) {
        const ValueInfo* input = find(inputs_, name);
        if (input == nullptr || !input->type.is_tensor()) continue;
        put(*input, tensor, path + ":" + name);
        matched = true;
      }
      if (matched) return;
    }
    if (arrays.size() != 1) {
      throw Error(ErrorCode::kInvalidArgument,
                  formatted("{}: holds the arrays {}; say which, for example NAME={}:{}", path, joined(keys, ", "),
                            path, keys.empty() ? "KEY" : keys[0]));
    }
    put(target(false), arrays[0].second, path + ":" + keys[0]);
  }

  void fill() {
    std::map<SymbolId, std::int64_t> symbols;
    for (const InputValue& value : values_) {
      const ValueType& type = find(inputs_, value.name)->type;
      if (!type.shape.is_ranked()) continue;
      for (std::size_t d = 0; d < type.shape.rank(); ++d) {
        if (type.shape[d].symbol() >= 0) symbols[type.shape[d].symbol()] = value.tensor.dim(d);
      }
    }
    std::mt19937 generator(arguments_.random.value_or(0));
    for (const ValueInfo& input : inputs_.required) {
      if (taken(input.name)) continue;
      if (!arguments_.random) {
        throw UsageError(formatted("input \"{}\" ({}) has no value; give --input {}=FILE, or --random SEED to fill it",
                                   input.name, type_text(input.type), input.name));
      }
      values_.push_back({input.name,
                         random_tensor(input, *arguments_.random, generator, symbols),
                         {formatted("random, seed {}", *arguments_.random)},
                         "",
                         false});
    }
  }

  const GraphInputs& inputs_;
  const InputArguments& arguments_;
  std::map<std::string, std::vector<std::string>> pictures_;
  std::vector<InputValue> values_;
};

}  // namespace

std::vector<InputValue> gather_inputs(const GraphInputs& inputs, const InputArguments& arguments) {
  return Gatherer(inputs, arguments).gather();
}

void print_inputs(const std::vector<InputValue>& inputs, Report& report) {
  for (const InputValue& value : inputs) {
    report.line(formatted("input {}: {}", value.name, value.picture ? value.applied : value.tensor.description()));
    for (const std::string& source : value.sources) report.line("  " + source);
  }
}

nlohmann::ordered_json inputs_json(const std::vector<InputValue>& inputs) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const InputValue& value : inputs) {
    nlohmann::ordered_json item = {
        {"name", value.name},
        {"type", onnx_element_name(value.tensor.type())},
        {"shape", std::vector<std::int64_t>(value.tensor.dims().begin(), value.tensor.dims().end())},
        {"sources", value.sources}};
    if (value.picture) item["preprocessing"] = value.applied;
    list.push_back(std::move(item));
  }
  return list;
}

std::vector<Datum> arranged(const Session& session, const std::vector<InputValue>& inputs) {
  std::vector<Datum> values(session.inputs().size() + session.overridable().size());
  for (const InputValue& value : inputs) {
    const int index = session.input_index(value.name);
    if (index >= 0) values[static_cast<std::size_t>(index)] = value.tensor;
  }
  return values;
}

void run_once(Session& session, const std::vector<Datum>& inputs, std::span<Datum> outputs, StepObserver* observer) {
  std::vector<const Datum*> operands;
  for (const Datum& value : inputs) operands.push_back(value.empty() ? nullptr : &value);
  RunOptions options;
  options.observer = observer;
  session.run(operands, outputs, options).throw_if_failed();
}

}  // namespace oriel::shell
