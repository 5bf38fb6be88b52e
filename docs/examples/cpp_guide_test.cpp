// The pieces that the C++ guide quotes, and tests that use them.
#include <gtest/gtest.h>
#include <oriel/oriel.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

namespace {

const char* const kDigits = ORIEL_DIGITS_MODEL;

std::string describe(const oriel::Session& session) {
  std::string text;
  for (const oriel::ValueInfo& input : session.inputs()) {
    text += input.name + ": " + input.type.name;
    for (const oriel::Dimension& dim : input.type.shape) {
      text += dim.is_fixed() ? " " + std::to_string(dim.value) : " " + dim.symbol;
    }
  }
  return text;
}

oriel::Value make_values() {
  std::vector<float> mine(6, 1.0f);
  oriel::Value shared = oriel::Value::wrap(mine, {2, 3});                     // over `mine`, which has to stay
  oriel::Value copied = oriel::Value::copy({1.0f, 2.0f, 3.0f}, {3});          // with memory of its own
  oriel::Value words = oriel::Value::copy<std::string>({"one", "two"}, {2});  // strings
  oriel::Value half = copied.cast(oriel::ElementType::kFloat16);              // float16, bfloat16, int4, float8, ...
  oriel::Value list = oriel::Value::sequence({shared.clone(), copied});       // a sequence
  oriel::Value table = oriel::Value::map(words, oriel::Value::copy({1, 2}, {2}));  // a map
  shared.mutable_data<float>()[0] = 7;                                             // writes into `mine`
  if (mine[0] != 7 || half.data<oriel::Float16>()[1] != 2.0f || table.keys().data<std::string>()[1] != "two") return {};
  return list;
}

oriel::Session with_providers(const std::filesystem::path& model) {
  oriel::SessionOptions options;
  options.intra_op_threads = 2;
  options.optimization_level = oriel::OptimizationLevel::kAll;
  options.free_dimensions_by_name = {{"batch", 1}};
  options.providers = {{"OpenVINOExecutionProvider", {{"device_type", "CPU"}}}, {"CPUExecutionProvider"}};
  return oriel::Session(model, options);
}

float classify_into(oriel::Session& session, std::vector<float>& probabilities) {
  std::vector<float> image(64);
  oriel::IoBinding binding(session);
  binding.bind_input("image", oriel::Value::wrap(image, {1, 1, 8, 8}));
  binding.bind_output("probabilities", oriel::Value::wrap(probabilities, {1, 10}));
  for (int frame = 0; frame < 3; ++frame) {
    image.assign(64, static_cast<float>(frame) / 2);
    session.run(binding);
  }
  return probabilities[0];
}

std::vector<oriel::Value> in_background(oriel::Session& session, const oriel::NamedValues& feeds) {
  std::promise<std::vector<oriel::Value>> promise;
  session.run_async(feeds, [&](std::vector<oriel::Value> outputs, const oriel::Error* error) {
    if (error != nullptr) {
      promise.set_exception(std::make_exception_ptr(*error));
    } else {
      promise.set_value(std::move(outputs));
    }
  });
  return promise.get_future().get();
}

std::vector<oriel::Value> at_most(oriel::Session& session, const oriel::NamedValues& feeds,
                                  std::chrono::seconds limit) {
  oriel::RunOptions options;
  options.set_timeout(limit).set_tag("request 17");
  return session.run(feeds, {"probabilities"}, options);
}

std::vector<std::string> messages_of(const std::filesystem::path& model) {
  std::vector<std::string> lines;
  oriel::SessionOptions options;
  options.log_severity = oriel::LogSeverity::kInfo;
  options.log = [&](oriel::LogSeverity, std::string_view, std::string_view message) { lines.emplace_back(message); };
  oriel::Session session(model, options);
  return lines;
}

TEST(CppGuide, Works) {
  oriel::Session session(kDigits);
  EXPECT_EQ(describe(session), "image: tensor(float) batch 1 8 8");
  EXPECT_EQ(make_values().items().size(), 2u);
  EXPECT_EQ(with_providers(kDigits).inputs()[0].type.shape[0].value, 1);
  std::vector<float> probabilities(10);
  EXPECT_GT(classify_into(session, probabilities), 0);
  const oriel::NamedValues feeds = {{"image", oriel::Value::zeros(oriel::ElementType::kFloat32, {5, 1, 8, 8})}};
  EXPECT_EQ(in_background(session, feeds)[0].shape(), (oriel::Shape{5, 10}));
  EXPECT_EQ(at_most(session, feeds, std::chrono::seconds(60)).size(), 1u);
  EXPECT_THROW(in_background(session, {}), oriel::Error);
  EXPECT_FALSE(messages_of(kDigits).empty());
}

}  // namespace
