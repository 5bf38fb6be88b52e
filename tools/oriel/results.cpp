// Top classes and summaries.
#include "results.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "arguments.h"
#include "arrays.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kFirst = 8;
constexpr std::int64_t kMaxRows = 64;

std::string element_text(const Tensor& tensor, std::int64_t i) {
  if (tensor.type() == ElementType::kString)
    return Json(tensor.data<std::string>()[i]).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (tensor.type() == ElementType::kBool) return element_as_i64(tensor, i) != 0 ? "true" : "false";
  if (is_integer(tensor.type())) return std::to_string(element_as_i64(tensor, i));
  if (is_complex(tensor.type())) {
    const std::complex<double> z = tensor.type() == ElementType::kComplex64
                                       ? std::complex<double>(tensor.data<std::complex<float>>()[i])
                                       : tensor.data<std::complex<double>>()[i];
    return formatted("{:.6g}{:+.6g}i", z.real(), z.imag());
  }
  return formatted("{:.6g}", element_as_f64(tensor, i));
}

Json element_json(const Tensor& tensor, std::int64_t i) {
  if (tensor.type() == ElementType::kString) return tensor.data<std::string>()[i];
  if (tensor.type() == ElementType::kBool) return element_as_i64(tensor, i) != 0;
  if (is_integer(tensor.type())) return element_as_i64(tensor, i);
  if (is_complex(tensor.type())) return element_text(tensor, i);
  const double value = element_as_f64(tensor, i);
  return std::isfinite(value) ? Json(value) : Json(formatted("{}", value));
}

Json tensor_summary(const Tensor& tensor, std::string& text) {
  Json json = {{"type", onnx_element_name(tensor.type())},
               {"shape", std::vector<std::int64_t>(tensor.dims().begin(), tensor.dims().end())}};
  text = onnx_element_name(tensor.type()) + " " + to_string(tensor.dims());
  const bool numeric = is_float(tensor.type()) || is_integer(tensor.type()) || tensor.type() == ElementType::kBool;
  if (numeric && tensor.size() > 0) {
    double low = INFINITY;
    double high = -INFINITY;
    double sum = 0;
    std::int64_t finite = 0;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      const double x = element_as_f64(tensor, i);
      if (!std::isfinite(x)) continue;
      low = std::min(low, x);
      high = std::max(high, x);
      sum += x;
      ++finite;
    }
    json["not_finite"] = tensor.size() - finite;
    if (finite > 0) {
      const double mean = sum / static_cast<double>(finite);
      json["min"] = low;
      json["max"] = high;
      json["mean"] = mean;
      text += formatted(", from {:.6g} to {:.6g}, mean {:.6g}", low, high, mean);
    }
    if (finite < tensor.size()) text += formatted(", {} not finite", tensor.size() - finite);
  }
  Json first = Json::array();
  std::string values;
  for (std::int64_t i = 0; i < std::min(tensor.size(), kFirst); ++i) {
    first.push_back(element_json(tensor, i));
    values += (i > 0 ? ", " : "") + element_text(tensor, i);
  }
  json["first"] = std::move(first);
  text += formatted(": {}{}", values, tensor.size() > kFirst ? ", ..." : "");
  return json;
}

Json summary(const Datum& value, std::string& text) {
  if (value.is_tensor()) return tensor_summary(value.tensor(), text);
  if (value.is_sequence()) {
    Json items = Json::array();
    text = formatted("sequence of {}", value.sequence().items.size());
    for (std::size_t i = 0; i < value.sequence().items.size(); ++i) {
      std::string item;
      Json json = summary(value.sequence().items[i], item);
      if (i < kFirst) items.push_back(std::move(json));
      if (i < kFirst) text += "\n  " + item;
    }
    return {{"type", "sequence"}, {"length", value.sequence().items.size()}, {"first", std::move(items)}};
  }
  if (value.is_map()) {
    const Map& map = value.map();
    Json entries = Json::object();
    text = formatted("map of {}:", map.keys.size());
    for (std::int64_t i = 0; i < std::min(map.keys.size(), kFirst); ++i) {
      const std::string key =
          map.keys.type() == ElementType::kString ? map.keys.data<std::string>()[i] : element_text(map.keys, i);
      entries[key] = element_json(map.values, i);
      text += formatted("{} {} = {}", i > 0 ? "," : "", key, element_text(map.values, i));
    }
    if (map.keys.size() > kFirst) text += ", ...";
    return {{"type", "map"}, {"length", map.keys.size()}, {"first", std::move(entries)}};
  }
  text = "nothing";
  return {{"type", "none"}};
}

// Rows and classes of scores.
std::pair<std::int64_t, std::int64_t> score_shape(const Tensor& tensor) {
  std::vector<std::int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  while (dims.size() > 1 && dims.back() == 1) dims.pop_back();
  const std::int64_t classes = dims.empty() ? 1 : dims.back();
  return {dims.size() < 2 ? 1 : dims[0], classes};
}

Json top_classes(const std::string& name, const Tensor& tensor, const ResultOptions& options, int top, Report& report) {
  const auto [rows, classes] = score_shape(tensor);
  if (!options.labels.empty() && static_cast<std::int64_t>(options.labels.size()) != classes) {
    throw UsageError(formatted("{}: {} labels, but output \"{}\" has {} classes", options.label_file,
                               options.labels.size(), name, classes));
  }
  Json list = Json::array();
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> scores(static_cast<std::size_t>(classes));
    for (std::int64_t c = 0; c < classes; ++c)
      scores[static_cast<std::size_t>(c)] = element_as_f64(tensor, row * classes + c);
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      // Not-a-number goes last.
      return std::isnan(scores[b]) ? !std::isnan(scores[a]) : scores[a] > scores[b];
    });
    Json best = Json::array();
    if (rows > 1 && row < kMaxRows) report.line(formatted("  row {}", row));
    for (std::size_t k = 0; k < std::min(order.size(), static_cast<std::size_t>(top)); ++k) {
      const std::size_t c = order[k];
      Json entry = {{"index", c},
                    {"score", std::isfinite(scores[c]) ? Json(scores[c]) : Json(formatted("{}", scores[c]))}};
      if (!options.labels.empty()) entry["label"] = options.labels[c];
      if (row < kMaxRows)
        report.line(formatted("  {:2}  {:<10.6g} {}", k + 1, scores[c],
                              options.labels.empty() ? formatted("class {}", c) : options.labels[c]));
      best.push_back(std::move(entry));
    }
    list.push_back(std::move(best));
  }
  if (rows > kMaxRows) report.line(formatted("  ({} more rows)", rows - kMaxRows));
  return list;
}

// The entries of a Python dictionary from 0, 1, ... to strings; empty where the text is none.
std::vector<std::string> python_dictionary(const std::string& text) {
  std::vector<std::string> labels;
  std::size_t at = text.find('{') + 1;
  while (true) {
    at = text.find_first_not_of(" \t\r\n,", at);
    if (at == std::string::npos) return {};
    if (text[at] == '}') return labels;
    const std::string key = std::to_string(labels.size());
    if (text.compare(at, key.size(), key) != 0) return {};
    at = text.find_first_not_of(" \t\r\n", at + key.size());
    if (at == std::string::npos || text[at] != ':') return {};
    at = text.find_first_not_of(" \t\r\n", at + 1);
    if (at == std::string::npos || (text[at] != '\'' && text[at] != '"')) return {};
    const char quote = text[at++];
    std::string label;
    for (; at < text.size() && text[at] != quote; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      label += text[at];
    }
    if (at++ >= text.size()) return {};
    labels.push_back(std::move(label));
  }
}

}  // namespace

std::vector<std::string> read_labels(const std::string& file) {
  const std::string text = read_file(file);
  std::vector<std::string> labels;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (text[first] == '[' || text[first] == '{')) {
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded() && text[first] == '{') labels = python_dictionary(text);
    if (json.is_discarded() && labels.empty()) fail(ErrorCode::kInvalidArgument, "{}: not valid JSON", file);
    for (std::size_t i = 0; i < json.size() && !json.is_discarded(); ++i) {
      const nlohmann::json* item = json.is_array()                    ? &json[i]
                                   : json.contains(std::to_string(i)) ? &json[std::to_string(i)]
                                                                      : nullptr;
      // Keras' class index has pairs of an identifier and a name.
      if (item != nullptr && item->is_array() && item->size() == 2) item = &(*item)[1];
      if (item == nullptr || !item->is_string())
        fail(ErrorCode::kInvalidArgument, "{}: label {} is missing or no string", file, i);
      labels.push_back(item->get<std::string>());
    }
  } else {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      line.erase(line.find_last_not_of(" \t\r") + 1);
      labels.push_back(line);
    }
    while (!labels.empty() && labels.back().empty()) labels.pop_back();
  }
  if (labels.empty()) fail(ErrorCode::kInvalidArgument, "{}: holds no labels", file);
  if (text.find('\0') != std::string::npos) fail(ErrorCode::kInvalidArgument, "{}: not a text file", file);
  return labels;
}

bool is_scores(const Datum& value) {
  if (!value.is_tensor() || !is_float(value.tensor().type())) return false;
  const auto [rows, classes] = score_shape(value.tensor());
  return classes > 1 && rows > 0 && rows * classes == value.tensor().size();
}

Json show_output(const std::string& name, const Datum& value, const ResultOptions& options, Report& report) {
  std::string text;
  Json json = {{"name", name}};
  json.update(summary(value, text));
  const int top = options.top > 0 ? options.top : (options.picture || !options.labels.empty()) ? 5 : 0;
  if (top == 0 || !is_scores(value)) {
    report.line(formatted("output {}: {}", name, text));
    return json;
  }
  report.line(
      formatted("output {}: {} {}", name, onnx_element_name(value.tensor().type()), to_string(value.tensor().dims())));
  json["top"] = top_classes(name, value.tensor(), options, top, report);
  return json;
}

}  // namespace oriel::shell
