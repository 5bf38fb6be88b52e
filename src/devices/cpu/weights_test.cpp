// Choice of forms, packing once, and weights that several compilations share.
#include "devices/cpu/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>

namespace oriel::cpu {
namespace {

using Forms = std::vector<std::size_t>;

TEST(Weights, FormsBySecondsPerByte) {
  // Layer 0 saves 1 s for 100 bytes, layer 1 saves 3 s for 100 bytes and 1 s more for 200 more.
  const std::vector<std::vector<FormCost>> layers = {{{100, 5}, {200, 4}}, {{100, 5}, {200, 2}, {400, 1}}};
  EXPECT_EQ(choose_forms(layers, 0, 0), (Forms{0, 0}));
  EXPECT_EQ(choose_forms(layers, 99, 0), (Forms{0, 0}));
  EXPECT_EQ(choose_forms(layers, 100, 0), (Forms{0, 1}));
  EXPECT_EQ(choose_forms(layers, 200, 0), (Forms{1, 1}));
  EXPECT_EQ(choose_forms(layers, 400, 0), (Forms{1, 2}));
  // The last step saves 1 s for 200 bytes, which is not worth it at 0.006 s a byte.
  EXPECT_EQ(choose_forms(layers, 1e9, 0.006), (Forms{1, 1}));
  EXPECT_EQ(choose_forms(layers, 1e9, 0.02), (Forms{0, 1}));
  // A step that does not fit leaves room for others; a larger form that is slower is none.
  EXPECT_EQ(choose_forms({{{10, 5}, {1000, 1}}, {{10, 5}, {60, 4}}}, 100, 0), (Forms{0, 1}));
  EXPECT_EQ(choose_forms({{{10, 5}, {20, 6}}}, 100, 0), (Forms{0}));
  EXPECT_TRUE(choose_forms({}, 100, 0).empty());
}

/// A form that packs `units` pieces of 100 bytes; counts how often each was packed.
struct Counted {
  Tensor source;
  std::shared_ptr<std::vector<std::atomic<int>>> calls;

  Counted(std::int64_t units, float first) : source(Tensor::allocate(ElementType::kF32, {units * 25})) {
    std::iota(source.data<float>(), source.data<float>() + source.size(), first);
    calls = std::make_shared<std::vector<std::atomic<int>>>(static_cast<std::size_t>(units));
  }
  WeightForm form() const {
    WeightForm form;
    form.bytes = source.bytes();
    form.units = static_cast<std::int64_t>(calls->size());
    form.parameters = "counted";
    form.sources = {source};
    form.pack = [calls = calls, from = static_cast<const char*>(source.raw())](void* to, std::int64_t first,
                                                                               std::int64_t last) {
      for (std::int64_t u = first; u < last; ++u) ++(*calls)[static_cast<std::size_t>(u)];
      std::memcpy(static_cast<char*>(to) + first * 100, from + first * 100,
                  static_cast<std::size_t>(last - first) * 100);
    };
    return form;
  }
  int packed() const {
    return std::accumulate(calls->begin(), calls->end(), 0,
                           [](int sum, const std::atomic<int>& n) { return sum + n.load(); });
  }
  bool is(const PackedWeights& packed) const {
    return packed.size() == source.bytes() && std::memcmp(packed.data(), source.raw(), source.bytes()) == 0;
  }
};

TEST(Weights, EveryUnitIsPackedOnce) {
  for (const int threads : {1, 3}) {
    const Counted a(7, 1.0F);
    const Counted b(100, 2.0F);
    const Counted none(0, 0.0F);
    Weights weights;
    const auto pa = weights.add(a.form());
    const auto empty = weights.add(none.form());
    const auto pb = weights.add(b.form());
    // The same constant in the same form is packed once for all its readers.
    const auto again = weights.add(b.form());
    const std::uint64_t before = packed_byte_count();
    weights.settle({}, threads);
    EXPECT_EQ(packed_byte_count() - before, a.source.bytes() + b.source.bytes());
    EXPECT_TRUE(std::all_of(a.calls->begin(), a.calls->end(), [](const std::atomic<int>& n) { return n == 1; }));
    EXPECT_TRUE(std::all_of(b.calls->begin(), b.calls->end(), [](const std::atomic<int>& n) { return n == 1; }));
    EXPECT_TRUE(a.is(*pa));
    EXPECT_TRUE(b.is(*pb));
    EXPECT_EQ(again->data(), pb->data());
    EXPECT_EQ(empty->size(), 0U);
    for (const auto& p : {pa, pb}) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p->data()) % 64, 0U);
  }
}

TEST(Weights, LiveOnesAreShared) {
  const Counted a(4, 5.0F);
  const Counted equal(4, 5.0F);
  const Counted other(4, 6.0F);
  std::shared_ptr<const PackedWeights> first;
  {
    Weights weights;
    first = weights.add(a.form());
    weights.settle({}, 1);
  }
  const std::uint64_t before = packed_byte_count();
  std::shared_ptr<const PackedWeights> second;
  std::shared_ptr<const PackedWeights> third;
  {
    Weights weights;
    second = weights.add(equal.form());
    third = weights.add(other.form());
    weights.settle({}, 1);
  }
  EXPECT_EQ(second->data(), first->data());
  EXPECT_NE(third->data(), first->data());
  EXPECT_EQ(packed_byte_count() - before, other.source.bytes());
  // Whoever is left keeps the bytes.
  first.reset();
  EXPECT_TRUE(equal.is(*second));
  second.reset();
  third.reset();
  Weights weights;
  const auto anew = weights.add(a.form());
  const std::uint64_t later = packed_byte_count();
  weights.settle({}, 1);
  EXPECT_EQ(packed_byte_count() - later, a.source.bytes());
}

TEST(Weights, EqualHashesAreNoProof) {
  // Two forms whose sources and parameters are equal, but which pack other bytes.
  const Counted a(3, 9.0F);
  Weights first;
  const auto pa = first.add(a.form());
  first.settle({}, 1);
  WeightForm lies = a.form();
  lies.pack = [](void* to, std::int64_t begin, std::int64_t end) {
    std::memset(static_cast<char*>(to) + begin * 100, 1, static_cast<std::size_t>(end - begin) * 100);
  };
  Weights second;
  const auto pb = second.add(std::move(lies));
  second.settle({}, 1);
  EXPECT_NE(pb->data(), pa->data());
  EXPECT_TRUE(a.is(*pa));
}

TEST(Weights, BudgetOverParts) {
  // Every layer may grow from 100 to 1100 bytes; together they have 2000 more.
  CompileOptions options;
  options.weights_budget = 2000;
  options.weights_spent = std::make_shared<std::atomic<std::int64_t>>(0);
  const auto part = [&](int layers) {
    Weights weights;
    auto larger = std::make_shared<int>(0);
    for (int i = 0; i < layers; ++i) {
      const Counted source(11, static_cast<float>(i));
      WeightForm plain = source.form();
      plain.bytes = 100;
      plain.units = 1;
      plain.seconds = 2.0;
      WeightForm large = source.form();
      large.parameters += "large";
      large.seconds = 1.0;
      std::vector<WeightForm> forms;
      forms.push_back(std::move(plain));
      forms.push_back(std::move(large));
      weights.add(std::move(forms), [larger](std::size_t form) { *larger += static_cast<int>(form); });
    }
    weights.settle(options, 1);
    return *larger;
  };
  EXPECT_EQ(part(1), 1);
  EXPECT_EQ(part(3), 1);
  EXPECT_EQ(part(2), 0);
  EXPECT_EQ(options.weights_spent->load(), 2000);
  // The default rule: up to 1.5 times the plain weights.
  options.weights_budget = -1;
  options.weights_spent->store(0);
  EXPECT_EQ(part(7), 1);
}

TEST(Weights, BudgetOfTheSession) {
  CompileOptions options;
  options.budget = std::make_shared<Budget>(1000);
  const Counted a(11, 0.0F);
  Weights weights;
  weights.add(a.form());
  EXPECT_THROW(weights.settle(options, 1), Error);
  EXPECT_EQ(options.budget->used(), 0U);
}

}  // namespace
}  // namespace oriel::cpu
