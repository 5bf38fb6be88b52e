// Elementwise operators on integers and f64, Clip with limits that a run brings, and the tests IsNaN and IsInf.
#include <cmath>
#include <cstring>
#include <map>

#include "devices/cpu/movement.h"
#include "devices/cpu/numbers.h"
#include "kernels/elementwise/unary.h"
#include "ops/elementwise.h"

namespace oriel::cpu {
namespace {

constexpr std::int64_t kGrain = 16384;

bool is_whole(ElementType type) { return is_integer(type) && !is_sub_byte(type); }

/// y[i] = f(x[i]) over the run's threads; y may be x.
template <typename T, typename R, typename F>
void map_elements(RunContext& context, const T* x, R* y, std::int64_t n, F f) {
  parallel(context, n, kGrain, [=](std::int64_t first, std::int64_t last, int) {
    // Out of the closure, which stores to bytes could change.
    const T* from = x;
    R* to = y;
    const F function = f;
    for (std::int64_t i = first; i < last; ++i) to[i] = function(from[i]);
  });
}

using Function = double (*)(double);

Function function_f64(const std::string& op) {
  static const auto* const functions = new std::map<std::string, Function>{{"Floor", [](double x) { return std::floor(x); }},
                                                                           {"Ceil", [](double x) { return std::ceil(x); }},
                                                                           {"Round", [](double x) { return std::nearbyint(x); }},
                                                                           {"Sqrt", [](double x) { return std::sqrt(x); }},
                                                                           {"Exp", [](double x) { return std::exp(x); }},
                                                                           {"Log", [](double x) { return std::log(x); }},
                                                                           {"Sin", [](double x) { return std::sin(x); }},
                                                                           {"Cos", [](double x) { return std::cos(x); }},
                                                                           {"Tan", [](double x) { return std::tan(x); }},
                                                                           {"Asin", [](double x) { return std::asin(x); }},
                                                                           {"Acos", [](double x) { return std::acos(x); }},
                                                                           {"Atan", [](double x) { return std::atan(x); }},
                                                                           {"Sinh", [](double x) { return std::sinh(x); }},
                                                                           {"Cosh", [](double x) { return std::cosh(x); }},
                                                                           {"Asinh", [](double x) { return std::asinh(x); }},
                                                                           {"Acosh", [](double x) { return std::acosh(x); }},
                                                                           {"Atanh", [](double x) { return std::atanh(x); }},
                                                                           {"Erf", [](double x) { return std::erf(x); }},
                                                                           {"Tanh", [](double x) { return std::tanh(x); }},
                                                                           {"Sigmoid", [](double x) { return 1.0 / (1.0 + std::exp(-x)); }},
                                                                           {"Reciprocal", [](double x) { return 1.0 / x; }}};
  const auto found = functions->find(op);
  return found == functions->end() ? nullptr : found->second;
}

template <typename T>
void clip(const Inputs& inputs, const T* x, T* y, std::int64_t n, RunContext& context) {
  const auto limit = [&](std::size_t i, T otherwise) {
    if (!inputs.has(i)) return otherwise;
    ORIEL_REQUIRE(inputs[i].size() == 1, "input {} has shape {}, expected a scalar", i, to_string(inputs[i].dims()));
    return *inputs[i].data<T>();
  };
  const T low = limit(1, std::numeric_limits<T>::lowest());
  const T high = limit(2, std::numeric_limits<T>::max());
  map_elements(context, x, y, n, [low, high](T v) {
    v = v < low ? low : v;
    return v > high ? high : v;
  });
}

template <typename T>
void apply(const std::string& op, const Inputs& inputs, const T* x, T* y, std::int64_t n, RunContext& context) {
  if (op == "Clip") return clip(inputs, x, y, n, context);
  if (op == "Neg") return map_elements(context, x, y, n, [](T v) { return ops::wrapping_multiply(v, T(-1)); });
  if (op == "Relu") return map_elements(context, x, y, n, [](T v) { return v < 0 ? T(0) : v; });
  if (op == "Abs") {
    return map_elements(context, x, y, n, [](T v) {
      if constexpr (std::is_floating_point_v<T>)
        return std::fabs(v);
      else
        return v < 0 ? ops::wrapping_multiply(v, T(-1)) : v;
    });
  }
  if (op == "Sign") {
    return map_elements(context, x, y, n, [](T v) {
      if (v != v) return v;
      return static_cast<T>((v > 0 ? 1 : 0) - (v < 0 ? 1 : 0));
    });
  }
  if constexpr (std::is_same_v<T, double>) map_elements(context, x, y, n, function_f64(op));
}

std::string decline_tested(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 || type == ElementType::kF64 ? std::string()
                                                                : formatted("no kernel for {}", element_name(type));
}

void lower_tested(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool nan = node.op().name == "IsNaN";
  const bool positive = !nan && node.attributes().get_bool("detect_positive");
  const bool negative = !nan && node.attributes().get_bool("detect_negative");
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "test";
  spec.algorithm = node.op().name;
  spec.run = [nan, positive, negative](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& out = outputs.allocate(0, ElementType::kBool, x.dims());
    auto* to = static_cast<std::uint8_t*>(out.raw());
    if (x.type() == ElementType::kF64) {
      return map_elements(context, x.data<double>(), to, x.size(), [=](double v) -> std::uint8_t {
        return nan ? std::isnan(v) : (positive && v == HUGE_VAL) || (negative && v == -HUGE_VAL);
      });
    }
    const float* from = x.data<float>();
    parallel(context, x.size(), kGrain, [&](std::int64_t first, std::int64_t last, int) {
      if (nan) {
        kernels::is_nan_f32(from + first, to + first, last - first);
      } else {
        kernels::is_inf_f32(positive, negative, from + first, to + first, last - first);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_bitwise_not(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return is_whole(type) ? std::string() : formatted("no kernel for {}", element_name(type));
}

void lower_bitwise_not(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(unit.node->input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = "bitwise_not";
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const auto* from = static_cast<const std::uint8_t*>(x.raw());
    const auto bytes = static_cast<std::int64_t>(x.bytes());
    Tensor& out = outputs.allocate(0, x.type(), x.dims());
    map_elements(context, from, static_cast<std::uint8_t*>(out.raw()), bytes,
                 [](std::uint8_t v) { return static_cast<std::uint8_t>(~v); });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

bool has_number_function(const Node& node) {
  if (!node.op().domain.empty()) return false;
  const std::string& op = node.op().name;
  const ElementType type = node.input(0)->element();
  if (op == "Clip") return is_whole(type) || type == ElementType::kF32 || type == ElementType::kF64;
  if (op == "Neg" || op == "Abs" || op == "Sign" || op == "Relu") return is_whole(type) || type == ElementType::kF64;
  return type == ElementType::kF64 && function_f64(op) != nullptr;
}

void lower_number_function(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "unary_" + std::string(element_name(node.output()->element()));
  spec.algorithm = node.op().name;
  spec.run = [op = node.op().name](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& out = outputs.allocate(0, x.type(), x.dims());
    const auto run = [&]<typename T>() { apply<T>(op, inputs, x.data<T>(), out.data<T>(), x.size(), context); };
    if (is_whole(x.type())) {
      ops::dispatch_integer(x.type(), run);
    } else if (x.type() == ElementType::kF64) {
      run.template operator()<double>();
    } else {
      clip<float>(inputs, x.data<float>(), out.data<float>(), x.size(), context);
    }
  };
  lowering.step(unit, std::move(spec));
}

std::vector<Rule> number_rules() {
  return {{"IsNaN", decline_tested, lower_tested},
          {"IsInf", decline_tested, lower_tested},
          {"BitwiseNot", decline_bitwise_not, lower_bitwise_not}};
}

}  // namespace oriel::cpu
