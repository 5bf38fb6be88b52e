// Conversion of elements between types.
#include "ops/convert.h"

#include <cctype>
#include <charconv>

#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

bool is_plain(ElementType type) {
  return type == ElementType::kBool || (is_integer(type) && !is_sub_byte(type)) || type == ElementType::kF32 ||
         type == ElementType::kF64 || type == ElementType::kF16 || type == ElementType::kBF16;
}

template <typename T, typename U>
U convert(T value) {
  if constexpr (std::is_same_v<U, bool>) {
    return widen(value) != 0;
  } else if constexpr (std::is_integral_v<T>) {
    return narrow<U>(value);
  } else {
    return narrow_f64<U>(widen(value));
  }
}

std::uint8_t power_code(double value, bool saturate, PowerRounding rounding) {
  constexpr std::uint8_t kNan = 0xff;
  constexpr int kBias = 127;
  if (std::isnan(value)) return kNan;
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return saturate ? 0 : kNan;
  if (std::isinf(magnitude)) return saturate ? 0xfe : kNan;
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);
  exponent -= 1;
  if (rounding == PowerRounding::kUp ? fraction > 0.5 : rounding == PowerRounding::kNearest && fraction >= 0.75) {
    exponent += 1;
  }
  if (exponent < -kBias) return saturate ? 0 : kNan;
  if (exponent > kBias) return saturate ? 0xfe : kNan;
  return static_cast<std::uint8_t>(exponent + kBias);
}

double parse_real(const std::string& text) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  while (begin != end && std::isspace(static_cast<unsigned char>(*begin))) ++begin;
  while (end != begin && std::isspace(static_cast<unsigned char>(end[-1]))) --end;
  if (begin != end && *begin == '+' && end - begin > 1 && begin[1] != '-') ++begin;
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc::result_out_of_range && stop == end) {
    // Too large or too small for f64: infinity or zero, told apart by the sign of the decimal exponent.
    const std::string_view body(begin, static_cast<std::size_t>(end - begin));
    const std::size_t e = body.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && e + 1 < body.size() && body[e + 1] == '-';
    const double extreme = tiny ? 0.0 : std::numeric_limits<double>::infinity();
    return body.front() == '-' ? -extreme : extreme;
  }
  ORIEL_REQUIRE(error == std::errc() && stop == end, "the string \"{}\" is no number", text);
  return value;
}

template <typename T>
T parse(const std::string& text) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    using Whole = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    Whole whole = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
    if (error == std::errc() && stop == text.data() + text.size()) return static_cast<T>(whole);
  }
  return narrow_f64<T>(parse_real(text));
}

std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-INF" : "INF";
  return formatted("{:.8g}", value);
}

void from_strings(const Tensor& in, Tensor& out, bool saturate, PowerRounding rounding, RunContext& context) {
  const std::string* from = in.data<std::string>();
  if (is_plain(out.type())) {
    dispatch_numeric_or_bool(out.type(), [&]<typename T>() {
      T* to = out.data<T>();
      for_each_element(in.size(), context, [&](std::int64_t i) { to[i] = parse<T>(from[i]); });
    });
    return;
  }
  Tensor reals = Tensor::allocate(ElementType::kF64, in.dims(), context.budget);
  from_strings(in, reals, saturate, rounding, context);
  convert_elements(reals, out, saturate, rounding, context);
}

void to_strings(const Tensor& in, Tensor& out, RunContext& context) {
  auto* to = out.data<std::string>();
  for_each_element(in.size(), context, [&](std::int64_t i) {
    if (is_float(in.type())) {
      to[i] = real_text(element_as_f64(in, i));
    } else if (in.type() == ElementType::kU64) {
      to[i] = std::to_string(in.data<std::uint64_t>()[i]);
    } else {
      to[i] = std::to_string(element_as_i64(in, i));
    }
  });
}

}  // namespace

PowerRounding power_rounding_from(std::string_view name) {
  if (name == "up") return PowerRounding::kUp;
  if (name == "down") return PowerRounding::kDown;
  if (name == "nearest") return PowerRounding::kNearest;
  fail(ErrorCode::kInvalidGraph, "round_mode is \"{}\", expected up, down or nearest", name);
}

void require_convertible(ElementType from, ElementType to) {
  if (from == to && from != ElementType::kUndefined) return;
  if (from == ElementType::kUndefined || is_complex(from)) unsupported_type(from);
  if (to == ElementType::kUndefined || is_complex(to)) unsupported_type(to);
}

void infer_converted_content(InferContext& c, ElementType to) {
  const std::vector<Dim>* content = c.content(0);
  if (content == nullptr || !is_integer(to)) return;
  for (const Dim& d : *content) {
    if (to == ElementType::kI32 && d.is_known() && d.value() != static_cast<std::int32_t>(d.value())) return;
    if (to == ElementType::kU64 && d.min() < 0) return;
    if (to != ElementType::kI64 && to != ElementType::kI32 && to != ElementType::kU64 && (d.min() < 0 || d.max() > 1)) {
      return;
    }
  }
  c.set_content(0, *content);
}

void convert_elements(const Tensor& in, Tensor& out, bool saturate, PowerRounding rounding, RunContext& context) {
  require_convertible(in.type(), out.type());
  ORIEL_REQUIRE(in.size() == out.size(), "{} cannot be converted into {}", in.description(), out.description());
  if (in.type() == out.type()) return copy_elements(out, in, context, [](std::int64_t i) { return i; });
  if (in.type() == ElementType::kString) return from_strings(in, out, saturate, rounding, context);
  if (out.type() == ElementType::kString) return to_strings(in, out, context);
  if (is_plain(in.type()) && is_plain(out.type())) {
    dispatch_numeric_or_bool(in.type(), [&]<typename T>() {
      const T* from = in.data<T>();
      dispatch_numeric_or_bool(out.type(), [&]<typename U>() {
        U* to = out.data<U>();
        for_each_element(in.size(), context, [&](std::int64_t i) { to[i] = convert<T, U>(from[i]); });
      });
    });
    return;
  }
  if (out.type() == ElementType::kF8E8M0) {
    auto* to = static_cast<std::uint8_t*>(out.raw());
    for_each_element(in.size(), context,
                     [&](std::int64_t i) { to[i] = power_code(element_as_f64(in, i), saturate, rounding); });
    return;
  }
  if (!is_integer(out.type())) {
    const bool no_nan = out.type() == ElementType::kF4E2M1;
    for_each_element(in.size(), context, [&](std::int64_t i) {
      const double value = element_as_f64(in, i);
      store_element(out, i, no_nan && std::isnan(value) ? -0.0 : value, saturate);
    });
    return;
  }
  for_each_element(in.size(), context, [&](std::int64_t i) {
    const std::int64_t whole =
        is_float(in.type()) ? truncate_to_integer<std::int64_t>(element_as_f64(in, i)) : element_as_i64(in, i);
    store_element(out, i, static_cast<double>(is_sub_byte(out.type()) ? whole & 0xff : whole));
  });
}

}  // namespace oriel::ops
