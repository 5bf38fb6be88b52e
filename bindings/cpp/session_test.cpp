// Sessions through the installed interface: loading, describing, running in every way, options, errors.
#include "oriel/session.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <sstream>
#include <thread>

#include "error_code_test.h"
#include "onnx_model_test.h"
#include "oriel/oriel.h"

namespace oriel {
namespace {

using oriel_test::as_model;
using oriel_test::code_of;
using oriel_test::GraphWriter;
using oriel_test::int_attribute;
using oriel_test::tensor_type;

constexpr int kF32 = 1, kI64 = 7, kString = 8, kBool = 9;

// sum = x + y, product = x * y, of [N, 2].
std::string arithmetic() {
  return GraphWriter()
      .input("x", tensor_type(kF32, {"N", "2"}))
      .input("y", tensor_type(kF32, {"N", "2"}))
      .output("sum", tensor_type(kF32, {"N", "2"}))
      .output("product", tensor_type(kF32, {"N", "2"}))
      .node("Add", {"x", "y"}, {"sum"})
      .node("Mul", {"x", "y"}, {"product"})
      .model();
}

// out = x run through a loop that does not end within the test's patience.
std::string endless() {
  const std::string body = GraphWriter()
                               .input("i", tensor_type(kI64, {}))
                               .input("go", tensor_type(kBool, {}))
                               .input("v", tensor_type(kF32, {"1"}))
                               .output("go_on", tensor_type(kBool, {}))
                               .output("next", tensor_type(kF32, {"1"}))
                               .node("Identity", {"go"}, {"go_on"})
                               .node("Sin", {"v"}, {"next"})
                               .graph("body");
  return GraphWriter()
      .input("x", tensor_type(kF32, {"1"}))
      .initializer<std::int64_t>("trips", kI64, {}, {std::int64_t{1} << 60})
      .output("out", tensor_type(kF32, {"1"}))
      .node("Loop", {"trips", "", "x"}, {"out"}, {oriel_test::graph_attribute("body", body)})
      .model();
}

// One node between graph inputs and outputs of these types.
std::string one_node(const std::string& op, const std::vector<std::string>& in, const std::vector<std::string>& out,
                     const std::vector<std::string>& attributes = {}, const std::string& domain = {}) {
  GraphWriter writer;
  std::vector<std::string> inputs, outputs;
  for (const std::string& type : in) writer.input(inputs.emplace_back("in" + std::to_string(inputs.size())), type);
  for (const std::string& type : out) writer.output(outputs.emplace_back("out" + std::to_string(outputs.size())), type);
  return writer.node(op, inputs, outputs, attributes, domain).model();
}

std::vector<float> floats(const Value& value) {
  const auto data = value.data<float>();
  return {data.begin(), data.end()};
}

class CppSession : public testing::Test {
 protected:
  std::string model = arithmetic();
  Session session{as_model(model)};
  std::vector<float> x = {1, 2, 3, 4};
  std::vector<float> y = {10, 20, 30, 40};
  NamedValues feeds = {{"x", Value::wrap(x, {2, 2})}, {"y", Value::wrap(y, {2, 2})}};

  static std::filesystem::path scratch(const std::string& name) {
    return std::filesystem::path(testing::TempDir()) / ("oriel_" + std::to_string(::getpid()) + "_" + name);
  }
};

TEST_F(CppSession, DescribesTheModel) {
  const Session digits(ORIEL_DIGITS_MODEL);
  ASSERT_EQ(digits.inputs().size(), 1u);
  const ValueInfo& image = digits.inputs()[0];
  EXPECT_EQ(image.name, "image");
  EXPECT_EQ(image.type.name, "tensor(float)");
  EXPECT_EQ(image.type.kind, TypeInfo::Kind::kTensor);
  EXPECT_EQ(image.type.element_type, ElementType::kFloat32);
  ASSERT_TRUE(image.type.has_rank);
  ASSERT_EQ(image.type.shape.size(), 4u);
  EXPECT_FALSE(image.type.shape[0].is_fixed());
  EXPECT_EQ(image.type.shape[0].symbol, "batch");
  EXPECT_EQ(image.type.shape[3].value, 8);
  EXPECT_EQ(digits.outputs()[0].name, "probabilities");

  const ModelMetadata& metadata = session.metadata();
  EXPECT_EQ(metadata.producer_name, "the tests");
  EXPECT_EQ(metadata.domain, "org.example");
  EXPECT_EQ(metadata.description, "made by hand");
  EXPECT_EQ(metadata.graph_name, "graph");
  EXPECT_EQ(metadata.version, 7);
  EXPECT_EQ(metadata.custom.at("colour"), "green");
  EXPECT_EQ(session.outputs()[1].name, "product");
  EXPECT_TRUE(session.overridable_initializers().empty());
}

TEST_F(CppSession, RunsByName) {
  const std::vector<Value> all = session.run(feeds);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(floats(all[0]), (std::vector<float>{11, 22, 33, 44}));
  EXPECT_EQ(floats(all[1]), (std::vector<float>{10, 40, 90, 160}));
  const std::vector<Value> two = session.run(feeds, {"product", "sum", "product"});
  ASSERT_EQ(two.size(), 3u);
  EXPECT_EQ(floats(two[1]), floats(all[0]));
  EXPECT_EQ(floats(two[2]), floats(all[1]));
  EXPECT_EQ(floats(session.run({{"x", Value::copy({1.0f, 2.0f}, {1, 2})}, {"y", Value::copy({1.0f, 1.0f}, {1, 2})}},
                               {"sum"})[0]),
            (std::vector<float>{2, 3}));
  const Value none = Value::zeros(ElementType::kFloat32, {0, 2});
  EXPECT_EQ(session.run({{"x", none}, {"y", none}})[0].shape(), (Shape{0, 2}));
}

TEST_F(CppSession, RefusesWrongFeeds) {
  const Value good = Value::zeros(ElementType::kFloat32, {2, 2});
  const auto run = [&](const NamedValues& wrong, const std::vector<std::string>& outputs = {}) {
    return code_of([&] { session.run(wrong, outputs); });
  };
  EXPECT_EQ(run({{"x", good}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run({{"x", good}, {"y", good}, {"z", good}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run({{"x", good}, {"y", good}}, {"difference"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run({{"x", good}, {"y", Value::zeros(ElementType::kFloat64, {2, 2})}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run({{"x", good}, {"y", Value::zeros(ElementType::kFloat32, {2, 2, 1})}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run({{"x", good}, {"y", Value::zeros(ElementType::kFloat32, {3, 2})}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run({{"x", good}, {"y", Value()}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run({{"x", good}, {"y", Value::sequence({good})}}), ErrorCode::kInvalidArgument);
  try {
    session.run({{"x", good}, {"nonsense", good}});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("nonsense"), std::string::npos);
  }
}

TEST_F(CppSession, RefusesWhatIsNoModel) {
  EXPECT_EQ(code_of([] { Session("/nowhere/model.onnx"); }), ErrorCode::kNoSuchFile);
  EXPECT_EQ(code_of([] { Session(as_model("this is no model at all")); }), ErrorCode::kInvalidProtobuf);
  EXPECT_EQ(code_of([] { Session(std::span<const std::byte>()); }) == ErrorCode{}, false);
  const std::string unknown = one_node("Telepathy", {tensor_type(kF32, {"1"})}, {tensor_type(kF32, {"1"})});
  try {
    const Session never(as_model(unknown));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidGraph);
    EXPECT_NE(std::string(error.what()).find("Telepathy"), std::string::npos) << error.what();
  }
}

TEST_F(CppSession, BytesAreCopiedOrKept) {
  GraphWriter writer;
  writer.input("x", tensor_type(kF32, {"4"})).output("out", tensor_type(kF32, {"4"}));
  const std::string text =
      writer.initializer<float>("w", kF32, {4}, {1, 2, 3, 4}).node("Add", {"x", "w"}, {"out"}).model();
  const NamedValues zeros = {{"x", Value::zeros(ElementType::kFloat32, {4})}};
  {
    std::string volatile_text = text;
    Session copied(as_model(volatile_text));
    volatile_text.assign(volatile_text.size(), '\0');
    EXPECT_EQ(floats(copied.run(zeros)[0]), (std::vector<float>{1, 2, 3, 4}));
  }
  auto owned = std::make_shared<const std::string>(text);
  const std::weak_ptr<const std::string> watched = owned;
  {
    const std::span<const std::byte> bytes = as_model(*owned);
    Session kept(bytes, {}, std::move(owned));
    EXPECT_EQ(floats(kept.run(zeros)[0]), (std::vector<float>{1, 2, 3, 4}));
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(CppSession, ChoosesProviders) {
  const std::vector<std::string> available = available_providers();
  EXPECT_EQ(available.back(), "CPUExecutionProvider");
  SessionOptions options;
  for (const std::string& name : available) {
    options.providers = {{name}};
    EXPECT_EQ(floats(Session(as_model(model), options).run(feeds)[0]), (std::vector<float>{11, 22, 33, 44})) << name;
  }
  options.providers = {{"OpenVINOExecutionProvider", {{"num_of_threads", "1"}}}};
  const Session fallback(as_model(model), options);
  ASSERT_EQ(fallback.providers().size(), 2u);
  EXPECT_EQ(fallback.providers()[0].options.at("num_of_threads"), "1");
  EXPECT_EQ(fallback.providers()[1].name, "CPUExecutionProvider");
  options.config["session.disable_cpu_ep_fallback"] = "1";
  EXPECT_EQ(Session(as_model(model), options).providers().size(), 1u);

  const auto with = [&](std::vector<Provider> providers) {
    return code_of([&] { Session(as_model(model), {.providers = std::move(providers)}); });
  };
  EXPECT_EQ(with({{"AbacusExecutionProvider"}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(with({{"CPUExecutionProvider"}, {"CPUExecutionProvider"}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(with({{"OpenVINOExecutionProvider", {{"num_of_threads", "many"}}}}), ErrorCode::kProviderFail);
}

TEST_F(CppSession, RefusesWrongOptions) {
  EXPECT_EQ(code_of([&] { Session(as_model(model), {.intra_op_threads = -1}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { Session(as_model(model), {.optimization_level = static_cast<OptimizationLevel>(42)}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] {
              Session(as_model(model), {.initializers = {{"w", Value()}}});
            }),
            ErrorCode::kInvalidArgument);
}

TEST_F(CppSession, RunsIntoTheCallersMemory) {
  std::vector<float> product(4, 0);
  NamedValues outputs = {{"product", Value::wrap(product, {2, 2})}, {"sum", Value()}};
  session.run_into(feeds, outputs);
  EXPECT_EQ(product, (std::vector<float>{10, 40, 90, 160}));
  EXPECT_EQ(outputs.at("product").data<float>().data(), product.data());
  EXPECT_EQ(floats(outputs.at("sum")), (std::vector<float>{11, 22, 33, 44}));

  const std::vector<float> constant(4, 0);
  const auto into = [&](const Value& value) {
    NamedValues wrong = {{"product", value}};
    return code_of([&] { session.run_into(feeds, wrong); });
  };
  EXPECT_EQ(into(Value::wrap(constant, {2, 2})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(into(Value::zeros(ElementType::kFloat32, {1, 4})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(into(Value::zeros(ElementType::kInt32, {2, 2})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(into(Value::sequence({}, ElementType::kFloat32)), ErrorCode::kInvalidArgument);
}

TEST_F(CppSession, OutputsMayBeTheInputsOfTheNextRun) {
  NamedValues outputs = {{"sum", feeds.at("x")}};
  session.run_into(feeds, outputs);
  EXPECT_EQ(x, (std::vector<float>{11, 22, 33, 44}));
}

TEST_F(CppSession, RunsWithBindings) {
  IoBinding binding(session);
  EXPECT_EQ(code_of([&] { session.run(binding); }), ErrorCode::kInvalidArgument);
  binding.bind_input("x", feeds.at("x"));
  binding.bind_input("y", feeds.at("y"));
  std::vector<float> sum(4, 0);
  binding.bind_output("sum", Value::wrap(sum, {2, 2}));
  binding.bind_output("product");
  EXPECT_EQ(binding.output_names(), (std::vector<std::string>{"sum", "product"}));
  for (int i = 0; i < 3; ++i) {
    x[0] = static_cast<float>(i);
    session.run(binding);
    EXPECT_EQ(sum[0], 10.0f + static_cast<float>(i));
    ASSERT_EQ(binding.outputs().size(), 2u);
    EXPECT_EQ(binding.outputs()[0].data<float>().data(), sum.data());
    EXPECT_EQ(binding.outputs()[1].data<float>()[0], 10.0f * static_cast<float>(i));
  }
  EXPECT_EQ(code_of([&] { binding.bind_input("z", feeds.at("x")); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { binding.bind_output("z"); }), ErrorCode::kInvalidArgument);
  Session other(as_model(model));
  EXPECT_EQ(code_of([&] { other.run(binding); }), ErrorCode::kInvalidArgument);
  binding.clear_inputs();
  EXPECT_EQ(code_of([&] { session.run(binding); }), ErrorCode::kInvalidArgument);
  binding.clear_outputs();
  EXPECT_TRUE(binding.output_names().empty());
}

TEST_F(CppSession, RunsInTheBackground) {
  std::promise<std::vector<Value>> promise;
  {
    Session brief(as_model(model));
    brief.run_async(feeds,
                    [&](std::vector<Value> outputs, const Error* error) {
                      EXPECT_EQ(error, nullptr);
                      promise.set_value(std::move(outputs));
                    },
                    {"sum"});
  }
  const std::vector<Value> outputs = promise.get_future().get();
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(floats(outputs[0]), (std::vector<float>{11, 22, 33, 44}));

  std::atomic<int> failed{0};
  session.run_async({{"x", feeds.at("x")}}, [&](const std::vector<Value>& results, const Error* error) {
    EXPECT_TRUE(results.empty());
    if (error != nullptr && error->code() == ErrorCode::kInvalidArgument) ++failed;
  });
  wait_for_background_runs();
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(code_of([&] { session.run_async({{"z", Value()}}, [](auto, auto) {}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { session.run_async(feeds, [](auto, auto) {}, {"z"}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { session.run_async(feeds, RunCallback()); }), ErrorCode::kInvalidArgument);
}

TEST_F(CppSession, CallbacksMayStartRuns) {
  std::atomic<int> left{20};
  std::function<void(std::vector<Value>, const Error*)> again = [&](const std::vector<Value>&, const Error*) {
    if (--left > 0) session.run_async(feeds, again);
  };
  session.run_async(feeds, again);
  wait_for_background_runs();
  EXPECT_EQ(left, 0);
}

TEST_F(CppSession, StopsRuns) {
  RunOptions options;
  options.terminate();
  EXPECT_TRUE(options.terminated());
  EXPECT_EQ(code_of([&] { session.run(feeds, {}, options); }), ErrorCode::kFail);
  options.resume();
  EXPECT_EQ(session.run(feeds, {}, options).size(), 2u);

  const std::string loop = endless();
  Session slow(as_model(loop));
  const NamedValues one = {{"x", Value::copy({0.5f}, {1})}};
  RunOptions same = options;
  std::thread stopper([same]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    same.terminate();
  });
  EXPECT_EQ(code_of([&] { slow.run(one, {}, options); }), ErrorCode::kFail);
  stopper.join();

  RunOptions limited;
  limited.set_timeout(std::chrono::milliseconds(20));
  EXPECT_EQ(code_of([&] { slow.run(one, {}, limited); }), ErrorCode::kFail);
  EXPECT_EQ(code_of([&] { limited.set_timeout(std::chrono::nanoseconds(-1)); }), ErrorCode::kInvalidArgument);
}

TEST_F(CppSession, RunsFromManyThreads) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= 20; ++i) {
        const std::vector<float> ones(static_cast<std::size_t>(2 * i), static_cast<float>(t));
        const Value value = Value::wrap(ones, {i, 2});
        const Value sum = session.run({{"x", value}, {"y", value}}, {"sum"})[0];
        for (const float s : sum.data<float>()) wrong += s != static_cast<float>(2 * t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(CppSession, HandlesEveryKindOfValue) {
  const auto run = [](const std::string& text, std::vector<Value> inputs) {
    Session one(as_model(text));
    NamedValues named;
    for (std::size_t i = 0; i < inputs.size(); ++i) named["in" + std::to_string(i)] = inputs[i];
    return one.run(named);
  };
  const std::string strings = tensor_type(kString, {"N"});
  EXPECT_EQ(run(one_node("Identity", {strings}, {strings}),
                {Value::copy<std::string>({"a", "long enough to be on the heap"}, {2})})[0]
                .data<std::string>()[1],
            "long enough to be on the heap");

  const std::string any = tensor_type(kF32, {"N"});
  const Value sequence = run(one_node("SequenceConstruct", {any, any}, {oriel_test::wrapped_type(4, any)}),
                             {Value::copy({1.0f}, {1}), Value::copy({2.0f}, {1})})[0];
  ASSERT_TRUE(sequence.is_sequence());
  EXPECT_EQ(run(one_node("SequenceLength", {oriel_test::wrapped_type(4, any)}, {tensor_type(kI64, {})}), {sequence})[0]
                .data<std::int64_t>()[0],
            2);

  const std::string zip =
      one_node("ZipMap", {tensor_type(kF32, {"N", "2"})},
               {oriel_test::wrapped_type(4, oriel_test::map_type(kString, tensor_type(kF32, {})))},
               {oriel_test::strings_attribute("classlabels_strings", {"cat", "dog"})}, "ai.onnx.ml");
  const Value maps = run(zip, {Value::copy({0.25f, 0.75f}, {1, 2})})[0];
  ASSERT_EQ(maps.items().size(), 1u);
  EXPECT_EQ(maps.type_name(), "seq(map(string,tensor(float)))");
  EXPECT_EQ(maps.items()[0].keys().data<std::string>()[1], "dog");
  EXPECT_EQ(maps.items()[0].values().data<float>()[1], 0.75f);
  const Session zip_session(as_model(zip));
  EXPECT_EQ(zip_session.outputs()[0].type.name, "seq(map(string,tensor(float)))");
  EXPECT_EQ(zip_session.outputs()[0].type.inner->kind, TypeInfo::Kind::kMap);
  EXPECT_EQ(zip_session.outputs()[0].type.inner->element_type, ElementType::kString);

  const std::string vectorize = one_node(
      "DictVectorizer", {oriel_test::map_type(kString, tensor_type(kF32, {}))}, {tensor_type(kF32, {"1", "2"})},
      {oriel_test::strings_attribute("string_vocabulary", {"dog", "cat"})}, "ai.onnx.ml");
  EXPECT_EQ(floats(run(vectorize, {maps.items()[0]})[0]), (std::vector<float>{0.75f, 0.25f}));

  const std::string optional = oriel_test::wrapped_type(9, any);
  const std::string has = one_node("OptionalHasElement", {optional}, {tensor_type(kBool, {})});
  EXPECT_FALSE(run(has, {Value()})[0].data<bool>()[0]);
  EXPECT_TRUE(run(has, {Value::copy({1.0f}, {1})})[0].data<bool>()[0]);
}

TEST_F(CppSession, HandlesEveryNumericType) {
  for (int number = 1; number <= 26; ++number) {
    const auto type = static_cast<ElementType>(number);
    if (type == ElementType::kString || type == ElementType::kComplex64 || type == ElementType::kComplex128) continue;
    const Value ones = Value::copy({1.0f, 0.0f, 1.0f}, {3}).cast(type);
    const std::string text = GraphWriter()
                                 .input("x", tensor_type(number, {"3"}))
                                 .output("same", tensor_type(number, {"3"}))
                                 .output("wide", tensor_type(kF32, {"3"}))
                                 .node("Identity", {"x"}, {"same"})
                                 .node("Cast", {"x"}, {"wide"}, {int_attribute("to", kF32)})
                                 .model(25);
    Session cast(as_model(text));
    EXPECT_EQ(cast.inputs()[0].type.element_type, type);
    const std::vector<Value> outputs = cast.run({{"x", ones}});
    EXPECT_EQ(outputs[0].element_type(), type);
    EXPECT_TRUE(std::ranges::equal(outputs[0].bytes(), ones.bytes())) << element_type_name(type);
    EXPECT_EQ(outputs[1].data<float>()[0], 1.0f) << element_type_name(type);
    EXPECT_EQ(outputs[1].data<float>()[2], 1.0f) << element_type_name(type);
  }
}

TEST_F(CppSession, FixesDimensions) {
  SessionOptions options;
  options.free_dimensions_by_name = {{"N", 3}};
  Session fixed(as_model(model), options);
  EXPECT_EQ(fixed.inputs()[0].type.shape[0].value, 3);
  EXPECT_EQ(code_of([&] { fixed.run(feeds); }), ErrorCode::kInvalidArgument);
}

TEST_F(CppSession, ReplacesInitializers) {
  GraphWriter writer;
  writer.input("x", tensor_type(kF32, {"2"}))
      .input("w", tensor_type(kF32, {"2"}))
      .output("out", tensor_type(kF32, {"2"}));
  const std::string text = writer.initializer<float>("w", kF32, {2}, {1, 2}).node("Add", {"x", "w"}, {"out"}).model();
  const Value zeros = Value::zeros(ElementType::kFloat32, {2}), tens = Value::copy({10.0f, 20.0f}, {2});
  Session plain(as_model(text));
  ASSERT_EQ(plain.inputs().size(), 1u);
  ASSERT_EQ(plain.overridable_initializers().size(), 1u);
  EXPECT_EQ(plain.overridable_initializers()[0].name, "w");
  EXPECT_EQ(floats(plain.run({{"x", zeros}})[0]), (std::vector<float>{1, 2}));
  EXPECT_EQ(floats(plain.run({{"x", zeros}, {"w", tens}})[0]), (std::vector<float>{10, 20}));
  Session replaced(as_model(text), {.initializers = {{"w", tens}}});
  EXPECT_EQ(floats(replaced.run({{"x", zeros}})[0]), (std::vector<float>{10, 20}));
}

TEST_F(CppSession, FindsExternalData) {
  GraphWriter writer;
  writer.input("x", tensor_type(kF32, {"2"})).output("out", tensor_type(kF32, {"2"}));
  const std::string text = writer.external("w", kF32, {2}, "weights.bin").node("Add", {"x", "w"}, {"out"}).model();
  const NamedValues zeros = {{"x", Value::zeros(ElementType::kFloat32, {2})}};
  EXPECT_NE(
      code_of([&] {
        Session(as_model(text), {.config = {{"session.model_external_initializers_file_folder_path", "/nowhere"}}});
      }),
      ErrorCode{});

  const std::vector<float> weights = {3, 4};
  Session in_memory(as_model(text), {.external_files = {{"weights.bin", std::as_bytes(std::span(weights))}}});
  EXPECT_EQ(floats(in_memory.run(zeros)[0]), weights);

  const std::filesystem::path folder = scratch("external");
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "weights.bin", std::ios::binary).write(reinterpret_cast<const char*>(weights.data()), 8);
  std::ofstream(folder / "model.onnx", std::ios::binary) << text;
  EXPECT_EQ(floats(Session(folder / "model.onnx").run(zeros)[0]), weights);
  SessionOptions options;
  options.config["session.model_external_initializers_file_folder_path"] = folder.string();
  EXPECT_EQ(floats(Session(as_model(text), options).run(zeros)[0]), weights);
  std::filesystem::remove_all(folder);
}

TEST_F(CppSession, SavesTheOptimisedModel) {
  const std::filesystem::path path = scratch("optimised.onnx");
  Session(as_model(model), {.optimized_model_path = path});
  EXPECT_EQ(floats(Session(path).run(feeds)[0]), (std::vector<float>{11, 22, 33, 44}));
  std::filesystem::remove(path);
}

TEST_F(CppSession, WritesProfiles) {
  SessionOptions options;
  options.enable_profiling = true;
  options.profile_prefix = scratch("profile");
  Session profiled(as_model(model), options);
  EXPECT_GT(profiled.profiling_start_ns(), 0);
  profiled.run(feeds);
  const std::filesystem::path path = profiled.end_profiling();
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_NE(text.str().find("model_run"), std::string::npos);
  EXPECT_NE(text.str().find("the_Add"), std::string::npos);
  EXPECT_TRUE(profiled.end_profiling().empty());
  std::filesystem::remove(path);
  EXPECT_TRUE(session.end_profiling().empty());
  EXPECT_EQ(session.profiling_start_ns(), 0);

  options.profile_prefix = "/nowhere/at/all/profile";
  Session unwritable(as_model(model), options);
  EXPECT_EQ(code_of([&] { unwritable.end_profiling(); }), ErrorCode::kFail);
}

TEST_F(CppSession, TellsTheLog) {
  std::mutex mutex;
  std::vector<std::string> lines;
  SessionOptions options;
  options.log_id = "unit";
  options.log_severity = LogSeverity::kVerbose;
  options.log = [&](LogSeverity severity, std::string_view id, std::string_view message) {
    const std::lock_guard<std::mutex> lock(mutex);
    lines.push_back(std::to_string(static_cast<int>(severity)) + " " + std::string(id) + " " + std::string(message));
  };
  const auto has = [&](const std::string& start, const std::string& part) {
    const std::lock_guard<std::mutex> lock(mutex);
    return std::ranges::any_of(lines, [&](const std::string& line) {
      return line.starts_with(start) && line.find(part) != std::string::npos;
    });
  };
  Session talking(as_model(model), options);
  EXPECT_TRUE(has("1 unit ", "CPUExecutionProvider"));
  RunOptions tagged;
  tagged.set_tag("first");
  EXPECT_EQ(tagged.tag(), "first");
  talking.run(feeds, {}, tagged);
  EXPECT_TRUE(has("0 unit:first ", "run of"));
  talking.run_async(feeds, [](auto, auto) { throw std::runtime_error("from a callback"); });
  talking.run_async(feeds, [](auto, auto) { throw 1; });
  wait_for_background_runs();
  EXPECT_TRUE(has("3 unit ", "from a callback"));

  lines.clear();
  options.log_severity = LogSeverity::kWarning;
  Session quiet(as_model(model), options);
  quiet.run(feeds);
  EXPECT_TRUE(lines.empty());
  options.log = [](LogSeverity, std::string_view, std::string_view) {
    throw std::runtime_error("the callback itself");
  };
  options.log_severity = LogSeverity::kVerbose;
  EXPECT_EQ(Session(as_model(model), options).run(feeds).size(), 2u);
}

TEST_F(CppSession, KeepsToItsMemoryLimit) {
  SessionOptions options;
  options.memory_limit = 1 << 20;
  Session bounded(as_model(model), options);
  EXPECT_EQ(bounded.run(feeds).size(), 2u);
  const Value large = Value::zeros(ElementType::kFloat32, {1 << 20, 2});
  EXPECT_EQ(code_of([&] { bounded.run({{"x", large}, {"y", large}}); }), ErrorCode::kFail);
}

TEST_F(CppSession, SeedsRandomOperators) {
  const std::string text = GraphWriter()
                               .output("noise", tensor_type(kF32, {"8"}))
                               .node("RandomNormal", {}, {"noise"}, {oriel_test::ints_attribute("shape", {8})})
                               .model();
  const auto draw = [&] {
    set_random_seed(5);
    return floats(Session(as_model(text)).run({})[0]);
  };
  EXPECT_EQ(draw(), draw());
}

TEST_F(CppSession, Moves) {
  Session other = std::move(session);
  EXPECT_EQ(other.run(feeds).size(), 2u);
  const std::string loop = endless();
  other = Session(as_model(loop));
  EXPECT_EQ(other.outputs().size(), 1u);
  session = std::move(other);
  EXPECT_EQ(session.inputs()[0].name, "x");

  RunOptions first;
  const RunOptions second = std::move(first);
  first.terminate();
  EXPECT_TRUE(second.terminated());
}

TEST(Library, HasAVersion) { EXPECT_EQ(std::string(version()), ORIEL_EXPECTED_VERSION); }

}  // namespace
}  // namespace oriel
