// Random numbers of operators.
#include "ops/random.h"

namespace oriel::ops {

RandomSource::RandomSource(const Attributes& attributes, RunContext& context) : generator_(context.random) {
  if (const Attribute* seed = attributes.find("seed"); seed != nullptr) {
    const auto* real = std::get_if<float>(seed);
    const std::int64_t whole = real == nullptr                           ? attributes.get_int("seed")
                               : std::fabs(*real) < 0x1p62F ? static_cast<std::int64_t>(*real)
                                                                         : 0;
    own_.emplace(static_cast<std::uint32_t>(whole));
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

}  // namespace oriel::ops
