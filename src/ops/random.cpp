// Random numbers of operators.
#include "ops/random.h"

namespace oriel::ops {

std::optional<std::uint32_t> given_seed(const Attributes& attributes) {
  const Attribute* seed = attributes.find("seed");
  if (seed == nullptr) return std::nullopt;
  const auto* real = std::get_if<float>(seed);
  const std::int64_t whole = real == nullptr              ? attributes.get_int("seed")
                             : std::fabs(*real) < 0x1p62F ? static_cast<std::int64_t>(*real)
                                                          : 0;
  return static_cast<std::uint32_t>(whole);
}

std::uint32_t seed_of_call(const Attributes& attributes, RunContext& context) {
  if (const std::optional<std::uint32_t> seed = given_seed(attributes)) return *seed;
  return context.random != nullptr ? static_cast<std::uint32_t>((*context.random)()) : std::random_device{}();
}

RandomSource::RandomSource(const Attributes& attributes, RunContext& context) : generator_(context.random) {
  if (const std::optional<std::uint32_t> seed = given_seed(attributes)) {
    own_.emplace(*seed);
  } else if (generator_ == nullptr) {
    own_.emplace(std::random_device{}());
  }
  if (own_) generator_ = &*own_;
}

double RandomSource::uniform() {
  const auto high = static_cast<double>((*generator_)() >> 5);
  const auto low = static_cast<double>((*generator_)() >> 6);
  return (high * 0x1p26 + low) * 0x1p-53;
}

double RandomSource::normal() {
  if (spare_) {
    const double value = *spare_;
    spare_.reset();
    return value;
  }
  for (;;) {
    const double a = 2.0 * uniform() - 1.0;
    const double b = 2.0 * uniform() - 1.0;
    const double square = a * a + b * b;
    if (square >= 1.0 || square == 0.0) continue;
    const double factor = std::sqrt(-2.0 * std::log(square) / square);
    spare_ = factor * a;
    return factor * b;
  }
}

ElementType random_like_type(const Attributes& attributes, ElementType operand) {
  return attributes.has("dtype") ? attributes.get_element_type("dtype") : operand;
}

void infer_random(InferContext& c) {
  const ElementType type = c.attributes().get_element_type("dtype");
  if (!is_float(type)) unsupported_type(type);
  const std::vector<std::int64_t>& shape = c.attributes().get_ints("shape");
  Dims dims(shape.begin(), shape.end());
  count_elements(dims);
  c.set(0, type, Shape(dims));
}

void infer_random_like(InferContext& c) {
  const ElementType type = random_like_type(c.attributes(), c.element(0));
  if (!is_float(type)) unsupported_type(type);
  c.set(0, type, c.shape(0));
}

void reference_random(const Inputs& inputs, OutputSink& outputs, RunContext& context,
                      const std::function<double()>& draw) {
  Tensor* out = nullptr;
  if (inputs.size() == 0) {
    const std::vector<std::int64_t>& shape = inputs.attributes().get_ints("shape");
    out = &outputs.allocate(0, inputs.attributes().get_element_type("dtype"), Dims(shape.begin(), shape.end()));
  } else {
    out = &outputs.allocate(0, random_like_type(inputs.attributes(), inputs[0].type()), inputs[0].dims());
  }
  for_each_element(out->size(), context, [&](std::int64_t i) { store_element(*out, i, draw()); });
}

}  // namespace oriel::ops
