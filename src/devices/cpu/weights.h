// Weights of one compilation: the forms that layers can take, which of them memory is spent on, and one packing of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "base/memory.h"
#include "device/device.h"
#include "ir/tensor.h"

namespace oriel::cpu {

/// Weights as a kernel reads them: 64-byte aligned, with 64 readable bytes behind. Lives as long as a step holds it,
/// and may be shared by sessions.
class PackedWeights {
 public:
  PackedWeights() = default;
  ~PackedWeights();
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;

  /// Null before Weights::settle().
  const void* data() const { return data_; }
  /// Before Weights::settle(): that of the small form.
  std::size_t size() const { return size_; }

 private:
  friend class Weights;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  std::shared_ptr<Memory> block_;
  std::uint64_t listed_ = 0;  // key in the list of shared weights, 0: not listed
};

/// One way to hold a layer's weights.
struct WeightForm {
  std::size_t bytes = 0;
  /// Estimated time of a run with it; compared within one layer, and between layers by seconds saved a byte.
  double seconds = 0.0;
  /// Writes units [first, last) of [0, units), each byte of `to` in exactly one unit, from several threads; must not
  /// throw.
  std::int64_t units = 0;
  std::function<void(void* to, std::int64_t first, std::int64_t last)> pack;
  /// What the packed bytes depend on besides `sources`, as bytes.
  std::string parameters;
  /// The constants that `pack` reads, which it may keep by pointer.
  std::vector<Tensor> sources;
};

/// The choice of one form a layer, where layer i has the forms layers[i] with bytes and seconds; form 0 is the small
/// one. Starts from form 0 everywhere, then takes the step to a larger form that saves most seconds a byte, again and
/// again, as long as all steps together stay within `extra_bytes` and each saves at least `seconds_per_byte`.
struct FormCost {
  double bytes = 0.0;
  double seconds = 0.0;
};
std::vector<std::size_t> choose_forms(const std::vector<std::vector<FormCost>>& layers, double extra_bytes,
                                      double seconds_per_byte);

/// The packed form of an f32 matrix that products read as their right operand (its last two axes; the others are 1).
WeightForm gemm_form(const Tensor& matrix, bool transposed);
/// The same rounded to bf16, for GemmArithmetic::kBf16.
WeightForm gemm_form_bf16(const Tensor& matrix, bool transposed);

/// All weights of one compilation.
class Weights {
 public:
  /// Asks for a layer's weights in one of `forms` (the first is the small one). `chosen` (may be null) learns which it
  /// will be.
  std::shared_ptr<const PackedWeights> add(std::vector<WeightForm> forms,
                                           std::function<void(std::size_t)> chosen = nullptr);
  std::shared_ptr<const PackedWeights> add(WeightForm form);

  /// Chooses the forms within the options' weights_budget, finds those that live sessions hold already and packs the
  /// others into one block on `threads` threads. Throws Error(kOutOfMemory). Called once.
  void settle(const CompileOptions& options, int threads);

 private:
  struct Layer {
    std::vector<WeightForm> forms;
    std::function<void(std::size_t)> chosen;
    std::shared_ptr<PackedWeights> packed;
    std::size_t form = 0;
  };
  void choose(const CompileOptions& options, int threads);
  std::vector<Layer> layers_;
};

/// Bytes that the process has packed so far; tests count with it.
std::uint64_t packed_byte_count();

/// The bytes of a value, for WeightForm::parameters.
template <typename T>
void append_bytes(std::string& to, const T& value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
/// The bytes of all values, and their number.
template <typename T>
void append_bytes(std::string& to, const std::vector<T>& values) {
  append_bytes(to, values.size());
  to.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

}  // namespace oriel::cpu
