// Values: making, wrapping, reading, converting, and what they refuse.
#include "oriel/value.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "error_code_test.h"

namespace oriel {
namespace {

using oriel_test::code_of;

TEST(Value, IsNothingByDefault) {
  const Value nothing;
  EXPECT_FALSE(nothing.has_value());
  EXPECT_FALSE(nothing.is_tensor() || nothing.is_sequence() || nothing.is_map());
  EXPECT_EQ(nothing.type_name(), "none");
  EXPECT_EQ(code_of([&] { nothing.shape(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { nothing.items(); }), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(nothing.clone().has_value());
}

TEST(Value, CopiesOwnTheirElements) {
  std::vector<float> source = {1, 2, 3, 4, 5, 6};
  const Value value = Value::copy(source, {2, 3});
  source.assign(6, 0);
  EXPECT_EQ(value.type_name(), "tensor(float)");
  EXPECT_EQ(value.element_type(), ElementType::kFloat32);
  EXPECT_EQ(value.shape(), (Shape{2, 3}));
  EXPECT_EQ(value.element_count(), 6);
  EXPECT_EQ(value.byte_size(), 24u);
  EXPECT_EQ(value.data<float>()[5], 6);
  EXPECT_EQ(code_of([&] { value.data<double>(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Value::scalar<std::int64_t>(7).data<std::int64_t>()[0], 7);
  EXPECT_TRUE(Value::scalar(true).shape().empty());
}

TEST(Value, ZerosAreZero) {
  for (const ElementType type :
       {ElementType::kFloat64, ElementType::kBool, ElementType::kInt4, ElementType::kComplex64}) {
    const Value value = Value::zeros(type, {3, 5});
    for (const std::byte byte : value.bytes()) EXPECT_EQ(byte, std::byte{0});
  }
  EXPECT_EQ(Value::zeros(ElementType::kInt4, {3}).byte_size(), 2u);
  EXPECT_EQ(Value::zeros(ElementType::kString, {2}).data<std::string>()[1], "");
  EXPECT_EQ(Value::zeros(ElementType::kFloat32, {0, 4}).element_count(), 0);
  EXPECT_EQ(code_of([] { Value::zeros(ElementType::kFloat32, {-1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { Value::zeros(ElementType::kUndefined, {1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { Value::zeros(static_cast<ElementType>(99), {1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] {
              Value::zeros(ElementType::kUint8, {std::int64_t{1} << 40, std::int64_t{1} << 40});
            }),
            ErrorCode::kInvalidArgument);
}

TEST(Value, WrapSharesMemory) {
  std::vector<std::int32_t> memory = {1, 2, 3};
  Value value = Value::wrap(memory, {3});
  EXPECT_EQ(value.data<std::int32_t>().data(), memory.data());
  value.mutable_data<std::int32_t>()[1] = 20;
  EXPECT_EQ(memory[1], 20);
  const Value same = value;
  EXPECT_EQ(same.data<std::int32_t>().data(), memory.data());
  EXPECT_NE(value.clone().data<std::int32_t>().data(), memory.data());
  const Value empty = Value::wrap(std::span<float>(), {4, 0});
  EXPECT_EQ(empty.element_count(), 0);
}

TEST(Value, ConstMemoryIsReadOnly) {
  const std::vector<float> memory = {1, 2};
  Value value = Value::wrap(memory, {2});
  EXPECT_FALSE(value.is_writable());
  EXPECT_EQ(code_of([&] { value.mutable_data<float>(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { value.mutable_bytes(); }), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(value.clone().is_writable());
  Value item = Value::sequence({value}).items()[0];
  EXPECT_FALSE(item.is_writable());
}

TEST(Value, WrapChecksItsMemory) {
  alignas(8) std::array<std::byte, 24> memory{};
  const std::span<std::byte> all(memory);
  EXPECT_EQ(Value::wrap(ElementType::kFloat32, all, {6}).element_count(), 6);
  EXPECT_EQ(code_of([&] { Value::wrap(ElementType::kFloat32, all, {5}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Value::wrap(ElementType::kFloat32, all, {7}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Value::wrap(ElementType::kFloat32, all.subspan(1, 4), {1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Value::wrap(ElementType::kString, all, {1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Value::copy(std::vector<float>{1, 2}, {3}); }), ErrorCode::kInvalidArgument);
}

TEST(Value, WrapKeepsTheOwner) {
  bool released = false;
  {
    std::shared_ptr<std::array<double, 2>> owner(new std::array<double, 2>{1, 2}, [&](auto* p) {
      released = true;
      delete p;
    });
    const std::span<double> elements(*owner);
    Value value = Value::wrap(elements, {2}, std::move(owner));
    const Value copy = value;
    value = Value();
    EXPECT_FALSE(released);
    EXPECT_EQ(copy.data<double>()[1], 2);
  }
  EXPECT_TRUE(released);
}

TEST(Value, HoldsStrings) {
  const Value value = Value::copy<std::string>({"one", "", "three"}, {3});
  EXPECT_EQ(value.data<std::string>()[2], "three");
  EXPECT_EQ(value.type_name(), "tensor(string)");
  EXPECT_EQ(code_of([&] { value.bytes(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(value.clone().data<std::string>()[0], "one");
}

TEST(Value, SequencesAreOfOneType) {
  const Value a = Value::copy({1.0f}, {1}), b = Value::copy({2.0f, 3.0f}, {2});
  const Value sequence = Value::sequence({a, b});
  EXPECT_TRUE(sequence.is_sequence());
  EXPECT_EQ(sequence.type_name(), "seq(tensor(float))");
  ASSERT_EQ(sequence.items().size(), 2u);
  EXPECT_EQ(sequence.items()[1].data<float>()[1], 3);
  EXPECT_EQ(Value::sequence({}, ElementType::kInt64).type_name(), "seq(tensor(int64))");
  EXPECT_EQ(code_of([&] { Value::sequence({a, Value::scalar(1.0)}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Value::sequence({a, Value()}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Value::sequence({a, sequence}); }), ErrorCode::kInvalidArgument);
}

TEST(Value, MapsHaveKeysAndValues) {
  const Value keys = Value::copy<std::string>({"a", "b"}, {2});
  const Value map = Value::map(keys, Value::copy({1.5f, 2.5f}, {2}));
  EXPECT_TRUE(map.is_map());
  EXPECT_EQ(map.type_name(), "map(string,tensor(float))");
  EXPECT_EQ(map.keys().data<std::string>()[1], "b");
  EXPECT_EQ(map.values().data<float>()[1], 2.5f);
  EXPECT_EQ(code_of([&] { Value::map(keys, Value::copy({1.5f}, {1})); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Value::map(map.values(), map.values()); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { map.items(); }), ErrorCode::kInvalidArgument);
}

TEST(Value, CastsBetweenNumbers) {
  const Value numbers = Value::copy({-300.7f, -1.5f, 0.0f, 2.9f, 300.0f, std::nanf(""), INFINITY}, {7});
  const auto expect = [&]<typename T>(ElementType type, const std::vector<T>& wanted) {
    const Value cast = numbers.cast(type);
    EXPECT_EQ(cast.element_type(), type);
    EXPECT_EQ(std::vector<T>(cast.data<T>().begin(), cast.data<T>().end()), wanted);
  };
  expect(ElementType::kInt8, std::vector<std::int8_t>{-128, -1, 0, 2, 127, 0, 127});
  expect(ElementType::kUint8, std::vector<std::uint8_t>{0, 0, 0, 2, 255, 0, 255});
  expect(ElementType::kInt32,
         std::vector<std::int32_t>{-300, -1, 0, 2, 300, 0, std::numeric_limits<std::int32_t>::max()});
  EXPECT_GT(numbers.cast(ElementType::kInt64).data<std::int64_t>()[6], std::int64_t{1} << 62);
  EXPECT_GT(numbers.cast(ElementType::kUint64).data<std::uint64_t>()[6], std::uint64_t{1} << 63);
  EXPECT_EQ(numbers.cast(ElementType::kUint64).data<std::uint64_t>()[0], 0u);
  EXPECT_EQ(float(numbers.cast(ElementType::kFloat16).data<Float16>()[1]), -1.5f);
  EXPECT_EQ(float(numbers.cast(ElementType::kBFloat16).data<BFloat16>()[4]), 300.0f);
  EXPECT_TRUE(numbers.cast(ElementType::kBool).data<bool>()[0]);
  EXPECT_FALSE(numbers.cast(ElementType::kBool).data<bool>()[2]);
  EXPECT_EQ(code_of([&] { numbers.cast(ElementType::kString); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { numbers.cast(ElementType::kComplex64); }), ErrorCode::kInvalidArgument);
}

TEST(Value, PacksNarrowTypes) {
  const Value numbers = Value::copy<std::int32_t>({-8, 7, 3, -1, 100}, {5});
  const Value packed = numbers.cast(ElementType::kInt4);
  ASSERT_EQ(packed.byte_size(), 3u);
  EXPECT_EQ(packed.bytes()[0], std::byte{0x78});
  EXPECT_EQ(packed.bytes()[1], std::byte{0xf3});
  EXPECT_EQ(packed.bytes()[2], std::byte{0x07});
  const Value back = packed.cast(ElementType::kInt32);
  EXPECT_EQ(back.data<std::int32_t>()[0], -8);
  EXPECT_EQ(back.data<std::int32_t>()[4], 7);
  EXPECT_EQ(numbers.cast(ElementType::kUint2).bytes()[0], std::byte{0x3c});
  EXPECT_EQ(Value::copy({1.5f, -3.0f}, {2}).cast(ElementType::kFloat4E2M1).cast(ElementType::kFloat32).data<float>()[1],
            -3.0f);
  EXPECT_EQ(Value::copy({448.0f}, {1}).cast(ElementType::kFloat8E4M3FN).bytes()[0], std::byte{0x7e});
}

TEST(ElementType, HasNamesAndWidths) {
  EXPECT_EQ(element_type_name(ElementType::kFloat32), "float");
  EXPECT_EQ(element_type_name(ElementType::kFloat8E5M2), "float8e5m2");
  EXPECT_EQ(element_type_bits(ElementType::kInt4), 4);
  EXPECT_EQ(element_type_bits(ElementType::kComplex128), 128);
  EXPECT_EQ(element_type_bits(ElementType::kString), 0);
  EXPECT_EQ(element_type_bits(static_cast<ElementType>(-5)), 0);
  static_assert(element_type_of<long long>() == ElementType::kInt64);
  static_assert(element_type_of<char*>() == ElementType::kUndefined);
}

TEST(Float16, RoundsToNearestEven) {
  EXPECT_EQ(Float16(1.0f).bits, 0x3c00);
  EXPECT_EQ(Float16(2049.0f).bits, Float16(2048.0f).bits);
  EXPECT_EQ(Float16(1e6f).bits, 0x7c00);
  EXPECT_EQ(BFloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(float(BFloat16(3.140625f)), 3.140625f);
}

TEST(Error, NamesItsCode) {
  EXPECT_STREQ(error_code_name(ErrorCode::kInvalidArgument), "INVALID_ARGUMENT");
  EXPECT_STREQ(error_code_name(ErrorCode::kInvalidModel), "NO_MODEL");
  EXPECT_STREQ(error_code_name(ErrorCode::kFail), "FAIL");
  EXPECT_STREQ(error_code_name(static_cast<ErrorCode>(77)), "UNKNOWN");
}

}  // namespace
}  // namespace oriel
