// What is written reads back as the same graph.
#include "frontends/onnx/writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "frontends/onnx/reader.h"
#include "frontends/onnx/test_models.h"

namespace oriel::onnx {
namespace {

using protozero::pbf_writer;
using namespace build;

std::unique_ptr<Graph> read(const std::string& bytes) {
  auto kept = std::make_shared<std::string>(bytes);
  return read_onnx_bytes(borrow_host(kept->data(), kept->size(), kept), {}, "test.onnx");
}

/// Operators, types and attributes without names, bodies included.
std::string structure(const Graph& g) {
  std::string text;
  for (const Value* v : g.inputs()) text += "in " + v->type().to_string() + "\n";
  for (const Node* n : g.nodes()) {
    text += n->op().full_name() + "(";
    for (const Value* v : n->inputs())
      text += v == nullptr ? "-," : v->type().to_string() + (v->is_constant() ? "c," : ",");
    text += ")";
    for (const Value* v : n->outputs()) text += " " + v->type().to_string();
    for (const auto& [name, value] : n->attributes().items()) {
      text += " " + name;
      if (const auto* number = std::get_if<std::int64_t>(&value)) text += "=" + std::to_string(*number);
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&value)) text += " {\n" + structure(**body) + "}";
    }
    text += "\n";
  }
  for (const Value* v : g.outputs()) text += "out " + v->type().to_string() + "\n";
  return text;
}

/// Reads a model, writes it, and reads that: both graphs must have one structure. What has been written once keeps its
/// names.
std::unique_ptr<Graph> round_trip(const std::string& bytes) {
  const auto first = read(bytes);
  auto second = read(write_onnx(*first));
  second->verify();
  EXPECT_EQ(structure(*first), structure(*second));
  EXPECT_EQ(first->output_names(), second->output_names());
  EXPECT_EQ(read(write_onnx(*second))->to_string(), second->to_string());
  return second;
}

TEST(OnnxWriter, NodesInitializersAndModelInfo) {
  const auto g =
      round_trip(model(graph({.nodes = {node("Relu", {"x"}, {"y"}), node("Add", {"y", "w"}, {"z"}, {}, "sum")},
                              .initializers = {raw_tensor<float>("w", 1, {3}, {1, 2, 3})},
                              .inputs = {value_info("x", tensor_type(1, {dim("N"), dim(3)}))},
                              .outputs = {value_info("z")}})));
  EXPECT_EQ(g->nodes()[1]->input(1)->constant()->data<float>()[2], 3);
  EXPECT_EQ(g->info().metadata.at(0).first, "author");
  EXPECT_EQ(g->info().producer_name, "test");
}

TEST(OnnxWriter, KindsOfDimensions) {
  const auto g =
      round_trip(model(graph({.inputs = {value_info("x", tensor_type(1, {dim("N"), dim(std::int64_t{0}), dim("")})),
                                         value_info("s", tensor_type(7, {}))},
                              .outputs = {value_info("x"), value_info("s")}})));
  EXPECT_EQ(g->inputs()[0]->shape().rank(), 3U);
  EXPECT_EQ(g->inputs()[1]->type().to_string(), "i64[]");
}

TEST(OnnxWriter, DefaultsOfInputs) {
  const auto g =
      round_trip(model(graph({.nodes = {node("Add", {"x", "w"}, {"y"})},
                              .initializers = {raw_tensor<float>("w", 1, {3}, {1, 2, 3})},
                              .inputs = {value_info("x", kF32x2x3), value_info("w", tensor_type(1, {dim(3)}))},
                              .outputs = {value_info("y")}})));
  ASSERT_NE(g->input_default(1), nullptr);
  EXPECT_EQ(g->input_default(1)->data<float>()[1], 2);
}

TEST(OnnxWriter, OutputsThatAreInputsConstantsOrTheSameValue) {
  const std::string same = graph({.nodes = {node("Relu", {"x"}, {"y"}), node("Identity", {"y"}, {"z"})},
                                  .initializers = {raw_tensor<float>("w", 1, {1}, {4})},
                                  .inputs = {value_info("x", kF32x2x3)},
                                  .outputs = {value_info("y"), value_info("z"), value_info("w"), value_info("x")}});
  const auto first = read(model(same));
  // One value under two names, as a pass that removes the Identity leaves it.
  Patch patch(*first);
  patch.replace(first->nodes()[1]->output(), first->nodes()[0]->output());
  Patch::clean(*first);
  const auto second = read(write_onnx(*first));
  EXPECT_EQ(second->output_names(), (std::vector<std::string>{"y", "z", "w", "x"}));
  EXPECT_TRUE(second->outputs()[2]->is_constant());
  EXPECT_EQ(second->outputs()[1]->producer()->op().name, "Identity");
}

TEST(OnnxWriter, CapturesBecomeImplicitAgain) {
  const auto g = round_trip(model(
      graph({.nodes = {node("If", {"c"}, {"y"},
                            {graph_attribute("then_branch", branch("Relu", {"a"})),
                             graph_attribute("else_branch", branch("Add", {"b", "w"}))}),
                       node("Add", {"y", "w"}, {"z"})},
             .initializers = {raw_tensor<float>("w", 1, {3}, {1, 2, 3})},
             .inputs = {value_info("c", tensor_type(9, {})), value_info("a", kF32x2x3), value_info("b", kF32x2x3)},
             .outputs = {value_info("z")}})));
  EXPECT_EQ(g->nodes()[0]->num_inputs(), 3U);
}

TEST(OnnxWriter, ConstantsThatBodiesShareAreWrittenOnce) {
  const std::vector<float> weights(1000, 1.0F);
  const auto first =
      read(model(graph({.nodes = {node("If", {"c"}, {"y"},
                                       {graph_attribute("then_branch", branch("Add", {"a", "w"})),
                                        graph_attribute("else_branch", branch("Identity", {"a"}))}),
                                  node("Add", {"y", "w"}, {"z"})},
                        .initializers = {raw_tensor<float>("w", 1, {1000}, weights)},
                        .inputs = {value_info("c", tensor_type(9, {})), value_info("a", tensor_type(1, {dim(1000)}))},
                        .outputs = {value_info("z")}})));
  EXPECT_LT(write_onnx(*first).size(), 6000U);
}

TEST(OnnxWriter, LoopsScansAndFunctions) {
  round_trip(rich_model());
  const std::string body = graph({.nodes = {node("Add", {"s", "x"}, {"t"}), node("Add", {"t", "a"}, {"u"})},
                                  .inputs = {value_info("s"), value_info("x")},
                                  .outputs = {value_info("t"), value_info("u")}});
  round_trip(model(graph({.nodes = {node("Scan", {"s0", "xs"}, {"last", "all"},
                                         {graph_attribute("body", body), int_attribute("num_scan_inputs", 1)})},
                          .inputs = {value_info("s0", tensor_type(1, {dim(3)})), value_info("xs", kF32x2x3),
                                     value_info("a", tensor_type(1, {dim(3)}))},
                          .outputs = {value_info("last"), value_info("all")}})));
}

TEST(OnnxWriter, TensorsOfManyTypes) {
  const auto text = tensor("t", 8, {2}, [&](pbf_writer& w) {
    w.add_bytes(6, "ab");
    w.add_bytes(6, "");
  });
  const auto g = round_trip(
      model(graph({.initializers = {text, raw_tensor<std::uint8_t>("n", 22, {3}, {0x21, 0x0f}),
                                    raw_tensor<double>("d", 11, {}, {0.1}), tensor("e", 1, {0, 4}, [](pbf_writer&) {})},
                   .outputs = {value_info("t"), value_info("n"), value_info("d"), value_info("e")}})));
  EXPECT_EQ(g->outputs()[0]->constant()->data<std::string>()[0], "ab");
  EXPECT_EQ(g->outputs()[1]->constant()->to_i64(), (std::vector<std::int64_t>{1, 2, -1}));
  EXPECT_EQ(g->outputs()[2]->constant()->data<double>()[0], 0.1);
}

TEST(OnnxWriter, ExternalData) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("oriel_writer_test_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const std::string path = (folder / "m.onnx").string();
  const auto g =
      read(model(graph({.initializers = {raw_tensor<float>("w", 1, {3}, {1, 2, 3}),
                                         raw_tensor<float>("v", 1, {2}, {8, 9}), raw_tensor<float>("s", 1, {1}, {7})},
                        .outputs = {value_info("w"), value_info("v"), value_info("s")}})));
  write_onnx_file(*g, path, {.external_threshold = 8});
  EXPECT_EQ(fs::file_size(path + ".data"), 64U + 8U);
  {
    const auto back = read_onnx_file(path);
    EXPECT_EQ(back->outputs()[0]->constant()->data<float>()[2], 3);
    EXPECT_EQ(back->outputs()[1]->constant()->data<float>()[0], 8);
    EXPECT_EQ(back->outputs()[2]->constant()->data<float>()[0], 7);
    write_onnx_file(*back, path, {.external_threshold = 8});  // over the files that it is mapped from
    EXPECT_EQ(back->outputs()[1]->constant()->data<float>()[1], 9);
  }
  EXPECT_EQ(read_onnx_file(path)->outputs()[1]->constant()->data<float>()[1], 9);
  EXPECT_THROW(write_onnx_file(*g, (folder / "missing" / "m.onnx").string()), Error);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace oriel::onnx
