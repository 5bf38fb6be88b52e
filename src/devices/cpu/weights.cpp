// Choice by seconds a byte, packing of all layers at once, and the list of weights that sessions share.
#include "devices/cpu/weights.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "kernels/gemm/gemm_f32.h"

namespace oriel::cpu {
namespace {

// What a byte of larger weights must save a run, in seconds of all its threads together: memory is finite, and one
// layer's weights push another's out of the caches.
constexpr double kSecondsPerByte = 5e-11;
// The default budget: larger weights may make those of the model this many times larger, but take no more than this.
constexpr double kLargestExpansion = 2.5;
constexpr double kLargestExtra = 512.0 * 1024 * 1024;

constexpr std::size_t kAlignment = kMemoryAlignment;

std::atomic<std::uint64_t> packed_bytes{0};

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// What tells weights apart. Bytes of files are known by the file and their place in it, others by a hash.
struct Identity {
  std::string text;  // form and parameters, then for each source its file and place, or its hash
  bool by_hash = false;
  std::uint64_t key = 0;
};

Identity identity_of(const WeightForm& form) {
  Identity identity;
  std::string& text = identity.text;
  append_bytes(text, form.bytes);
  append_bytes(text, form.units);
  append_bytes(text, form.parameters.size());
  text += form.parameters;
  for (const Tensor& source : form.sources) {
    append_bytes(text, source.bytes());
    const std::optional<FileIdentity> file = file_identity(source.memory().get());
    append_bytes(text, file.has_value());
    if (file) {
      append_bytes(text, file->device);
      append_bytes(text, file->inode);
      append_bytes(text, file->modified_ns);
      append_bytes(text, file->size);
      append_bytes(text, source.byte_offset());
    } else {
      const XXH128_hash_t hash = XXH3_128bits(source.raw(), source.bytes());
      append_bytes(text, hash.low64);
      append_bytes(text, hash.high64);
      identity.by_hash = true;
    }
  }
  identity.key = XXH3_64bits(text.data(), text.size()) | 1;
  return identity;
}

// What tells a form's weights apart within one compilation, where equal addresses mean equal bytes.
std::string local_key(const WeightForm& form) {
  std::string key = form.parameters;
  for (const Tensor& source : form.sources) append_bytes(key, reinterpret_cast<std::uintptr_t>(source.raw()));
  return key;
}

// Weights that live steps hold, of the whole process.
struct SharedList {
  struct Entry {
    std::string identity;
    std::weak_ptr<PackedWeights> weights;
  };
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Entry> entries;
};

SharedList& shared_list() {
  static auto* const list = new SharedList;
  return *list;
}

// Whether packing `form` gives these bytes: equal hashes alone are no proof.
bool gives(const WeightForm& form, const PackedWeights& packed, const ThreadLease& lease,
           std::shared_ptr<Memory>& scratch, const std::shared_ptr<Budget>& budget) {
  if (scratch == nullptr || scratch->size() < form.bytes) {
    scratch.reset();
    scratch = allocate_host(form.bytes, budget, "weights to compare");
  }
  char* to = static_cast<char*>(scratch->map());
  auto body = [&](std::int64_t first, std::int64_t last, int) { form.pack(to, first, last); };
  lease.parallel_for(form.units, 1, body);
  return std::memcmp(to, packed.data(), form.bytes) == 0;
}

WeightForm gemm_form_of(const Tensor& matrix, bool transposed, kernels::GemmArithmetic arithmetic) {
  const std::int64_t rows = matrix.dim(matrix.rank() - 2);
  const std::int64_t columns = matrix.dim(matrix.rank() - 1);
  const std::int64_t k = transposed ? columns : rows;
  const std::int64_t n = transposed ? rows : columns;
  WeightForm form;
  form.bytes = kernels::gemm_f32_packed_bytes(n, k, max_isa(), arithmetic);
  form.units = kernels::gemm_f32_panels(n);
  form.parameters = arithmetic == kernels::GemmArithmetic::kBf16 ? "gemm_bf16" : "gemm_f32";
  append_bytes(form.parameters, n);
  append_bytes(form.parameters, k);
  append_bytes(form.parameters, transposed);
  form.sources = {matrix};
  form.pack = [from = static_cast<const float*>(matrix.raw()), columns, transposed, n, k, arithmetic](
                  void* to, std::int64_t first, std::int64_t last) {
    kernels::gemm_f32_pack(from, columns, transposed, n, k, first, last, static_cast<float*>(to), max_isa(),
                           arithmetic);
  };
  return form;
}

}  // namespace

std::uint64_t packed_byte_count() { return packed_bytes.load(std::memory_order_relaxed); }

PackedWeights::~PackedWeights() {
  if (listed_ == 0) return;
  SharedList& list = shared_list();
  const std::lock_guard<std::mutex> lock(list.mutex);
  const auto at = list.entries.find(listed_);
  // Another session may have listed the same weights anew in the meantime.
  if (at != list.entries.end() && at->second.weights.expired()) list.entries.erase(at);
}

std::vector<std::size_t> choose_forms(const std::vector<std::vector<FormCost>>& layers, double extra_bytes,
                                      double seconds_per_byte) {
  std::vector<std::size_t> chosen(layers.size(), 0);
  for (;;) {
    double best_rate = seconds_per_byte;
    double best_cost = 0.0;
    std::size_t best_layer = layers.size();
    std::size_t best_form = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const FormCost& now = layers[l][chosen[l]];
      for (std::size_t f = 1; f < layers[l].size(); ++f) {
        const FormCost& form = layers[l][f];
        const double cost = std::max(1.0, form.bytes - now.bytes);
        const double saved = now.seconds - form.seconds;
        if (saved <= 0.0 || form.bytes - now.bytes > extra_bytes || saved < best_rate * cost) continue;
        // Equal rates: the first layer goes first, with its smallest form.
        if (best_layer != layers.size() && saved <= best_rate * cost) continue;
        best_rate = saved / cost;
        best_cost = form.bytes - now.bytes;
        best_layer = l;
        best_form = f;
      }
    }
    if (best_layer == layers.size()) return chosen;
    chosen[best_layer] = best_form;
    extra_bytes -= best_cost;
  }
}

WeightForm gemm_form(const Tensor& matrix, bool transposed) {
  return gemm_form_of(matrix, transposed, kernels::GemmArithmetic::kF32);
}

WeightForm gemm_form_bf16(const Tensor& matrix, bool transposed) {
  return gemm_form_of(matrix, transposed, kernels::GemmArithmetic::kBf16);
}

std::shared_ptr<const PackedWeights> Weights::add(std::vector<WeightForm> forms,
                                                  std::function<void(std::size_t)> chosen) {
  layers_.push_back({std::move(forms), std::move(chosen), std::make_shared<PackedWeights>(), 0});
  layers_.back().packed->size_ = layers_.back().forms[0].bytes;
  return layers_.back().packed;
}

std::shared_ptr<const PackedWeights> Weights::add(WeightForm form) {
  std::vector<WeightForm> forms;
  forms.push_back(std::move(form));
  return add(std::move(forms));
}

void Weights::choose(const CompileOptions& options, int threads) {
  // Layers of the same weights take the same form: bytes once, seconds of all.
  std::vector<std::vector<FormCost>> costs;
  std::vector<std::size_t> group_of;
  std::unordered_map<std::string, std::size_t> groups;
  double plain = 0.0;
  for (const Layer& layer : layers_) {
    const auto [group, added] = groups.emplace(local_key(layer.forms[0]), costs.size());
    group_of.push_back(group->second);
    if (added) {
      costs.emplace_back();
      for (const WeightForm& form : layer.forms) costs.back().push_back({static_cast<double>(form.bytes), 0.0});
      plain += costs.back()[0].bytes;
    }
    for (std::size_t f = 0; f < layer.forms.size(); ++f) costs[group->second][f].seconds += layer.forms[f].seconds;
  }
  const double spent = options.weights_spent == nullptr ? 0.0 : static_cast<double>(options.weights_spent->load());
  double extra = static_cast<double>(options.weights_budget) - spent;
  if (options.weights_budget < 0) extra = std::min((kLargestExpansion - 1.0) * plain, kLargestExtra - spent);
  const std::vector<std::size_t> chosen = choose_forms(costs, std::max(0.0, extra), kSecondsPerByte / threads);
  double more = 0.0;
  for (std::size_t g = 0; g < costs.size(); ++g) more += costs[g][chosen[g]].bytes - costs[g][0].bytes;
  if (options.weights_spent != nullptr) options.weights_spent->fetch_add(static_cast<std::int64_t>(more));
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    layer.form = chosen[group_of[l]];
    if (layer.chosen) layer.chosen(layer.form);
  }
}

void Weights::settle(const CompileOptions& options, int threads) {
  choose(options, threads);
  const ThreadLease lease(threads);
  SharedList& list = shared_list();
  std::shared_ptr<Memory> scratch;
  struct Job {
    Layer* layer;
    Identity identity;
    std::size_t offset;
    std::int64_t first;  // unit of all jobs
  };
  std::vector<Job> jobs;
  std::unordered_map<std::string, PackedWeights*> ours;  // by local_key
  std::vector<std::pair<PackedWeights*, PackedWeights*>> repeated;
  std::size_t total = 0;
  std::int64_t units = 0;
  for (Layer& layer : layers_) {
    const WeightForm& form = layer.forms[layer.form];
    layer.packed->size_ = form.bytes;
    const auto [first, added] = ours.emplace(local_key(form), layer.packed.get());
    if (!added) {
      repeated.emplace_back(layer.packed.get(), first->second);
      continue;
    }
    Identity identity = identity_of(form);
    std::shared_ptr<PackedWeights> known;
    {
      const std::lock_guard<std::mutex> lock(list.mutex);
      const auto at = list.entries.find(identity.key);
      if (at != list.entries.end() && at->second.identity == identity.text) known = at->second.weights.lock();
    }
    if (known != nullptr && (!identity.by_hash || gives(form, *known, lease, scratch, options.budget))) {
      // The step's own handle reads the other's block.
      layer.packed->data_ = known->data_;
      layer.packed->block_ = std::shared_ptr<Memory>(known, known->block_.get());
      continue;
    }
    jobs.push_back({&layer, std::move(identity), total, units});
    total += aligned(form.bytes);
    units += form.units;
  }
  scratch.reset();
  if (!jobs.empty()) {
    const std::shared_ptr<Memory> block = allocate_host(total, options.budget, "packed weights");
    char* const base = static_cast<char*>(block->map());
    auto body = [&](std::int64_t first, std::int64_t last, int) {
      auto job = std::upper_bound(jobs.begin(), jobs.end(), first,
                                  [](std::int64_t unit, const Job& j) { return unit < j.first; }) -
                 1;
      for (; job != jobs.end() && job->first < last; ++job) {
        const WeightForm& form = job->layer->forms[job->layer->form];
        const std::int64_t begin = std::max<std::int64_t>(first - job->first, 0);
        const std::int64_t end = std::min(last - job->first, form.units);
        if (begin < end) form.pack(base + job->offset, begin, end);
      }
    };
    lease.parallel_for(units, 1, body);
    for (Job& job : jobs) {
      PackedWeights& packed = *job.layer->packed;
      packed.data_ = base + job.offset;
      packed.block_ = block;
      packed_bytes.fetch_add(packed.size_, std::memory_order_relaxed);
      const std::lock_guard<std::mutex> lock(list.mutex);
      SharedList::Entry& entry = list.entries[job.identity.key];
      if (!entry.weights.expired()) continue;
      entry = {std::move(job.identity.text), job.layer->packed};
      packed.listed_ = job.identity.key;
    }
  }
  for (const auto& [to, from] : repeated) {
    to->data_ = from->data_;
    to->block_ = from->block_;
  }
  layers_.clear();
}

}  // namespace oriel::cpu
