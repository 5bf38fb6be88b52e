// Small models assembled field by field: encodings, inputs, control flow, functions, faults, truncated bytes.
#include "frontends/onnx/reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

#include "base/half.h"
#include "frontends/onnx/data_types.h"
#include "frontends/onnx/test_models.h"

namespace oriel::onnx {
namespace {

using protozero::pbf_writer;
using namespace build;

std::unique_ptr<Graph> read(const std::string& bytes, const ReadOptions& options = {}) {
  auto kept = std::make_shared<std::string>(bytes);
  return read_onnx_bytes(borrow_host(kept->data(), kept->size(), kept), options, "test.onnx");
}

/// Reads a model whose one output is the initializer.
Tensor read_initializer(const std::string& tensor_bytes, bool sparse = false) {
  GraphParts parts;
  (sparse ? parts.sparse : parts.initializers).push_back(tensor_bytes);
  parts.outputs = {value_info("t")};
  const auto g = read(model(graph(parts)));
  EXPECT_TRUE(g->outputs()[0]->is_constant());
  return *g->outputs()[0]->constant();
}

void expect_error(const std::string& bytes, ErrorCode code, const std::string& part, const ReadOptions& options = {}) {
  try {
    read(bytes, options);
    FAIL() << "no error, expected: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("test.onnx"), std::string::npos) << error.what();
  }
}

TEST(OnnxReader, ReadsNodesInputsAndModelInfo) {
  const auto g = read(model(graph({.nodes = {node("Relu", {"x"}, {"y"}), node("Add", {"y", "w"}, {"z"}, {}, "sum")},
                                   .initializers = {raw_tensor<float>("w", 1, {3}, {1, 2, 3})},
                                   .inputs = {value_info("x", tensor_type(1, {dim("N"), dim(3)}))},
                                   .outputs = {value_info("z")}})));
  ASSERT_EQ(g->nodes().size(), 2U);
  EXPECT_EQ(g->nodes()[0]->name(), "Relu_0");
  EXPECT_EQ(g->nodes()[1]->name(), "sum");
  EXPECT_EQ(g->inputs()[0]->type().to_string(), "f32[N, 3]");
  EXPECT_EQ(g->outputs()[0]->type().to_string(), "f32[N, 3]");
  EXPECT_EQ(g->output_names()[0], "z");
  EXPECT_EQ(g->info().producer_name, "test");
  EXPECT_EQ(g->info().metadata.at(0).second, "somebody");
  g->verify();
}

TEST(OnnxReader, DimensionOverridesAndAnonymousNames) {
  const std::string bytes =
      model(graph({.inputs = {value_info("x", tensor_type(1, {dim("N"), dim("?"), dim(-1), dim("")})),
                              value_info("y", tensor_type(1, {dim("N"), dim("?")}))},
                   .outputs = {value_info("x")}}));
  const auto g = read(bytes);
  EXPECT_TRUE(g->inputs()[0]->shape()[0].same(g->inputs()[1]->shape()[0]));
  EXPECT_FALSE(g->inputs()[0]->shape()[1].same(g->inputs()[1]->shape()[1]));
  EXPECT_FALSE(g->inputs()[0]->shape()[2].is_known());
  ReadOptions options;
  options.dim_params = {{"N", 5}};
  options.input_shapes = {{"y", Shape{7, 8}}};
  const auto h = read(bytes, options);
  EXPECT_EQ(h->inputs()[0]->shape()[0].value(), 5);
  EXPECT_EQ(h->inputs()[1]->shape().to_string(), "[7, 8]");
}

TEST(OnnxReader, ItemsOfSequencesHaveDimensionsOfTheirOwn) {
  const std::string sequence = message([](pbf_writer& w) {
    w.add_message(4, message([](pbf_writer& s) { s.add_message(1, tensor_type(1, {dim("N"), dim(3)})); }));
  });
  const auto g = read(model(graph({.inputs = {value_info("x", tensor_type(1, {dim("N")})), value_info("s", sequence)},
                                   .outputs = {value_info("s")}})));
  const ValueType& type = g->inputs()[1]->type();
  ASSERT_EQ(type.kind, ValueType::Kind::kSequence);
  EXPECT_FALSE(type.inner->shape[0].has_expression());
  EXPECT_EQ(type.inner->shape[1].value(), 3);
}

TEST(OnnxReader, InitializersThatAreInputs) {
  const GraphParts parts{.nodes = {node("Add", {"x", "w"}, {"y"})},
                         .initializers = {raw_tensor<float>("w", 1, {3}, {1, 2, 3})},
                         .inputs = {value_info("x", kF32x2x3), value_info("w", tensor_type(1, {dim(3)}))},
                         .outputs = {value_info("y")}};
  const auto newer = read(model(graph(parts), 8));
  ASSERT_EQ(newer->inputs().size(), 2U);
  ASSERT_NE(newer->input_default(1), nullptr);
  EXPECT_EQ(newer->input_default(1)->data<float>()[2], 3);
  EXPECT_EQ(newer->input_default(0), nullptr);
  const auto older = read(model(graph(parts), 3));
  EXPECT_EQ(older->inputs().size(), 1U);
  EXPECT_TRUE(older->nodes()[0]->input(1)->is_constant());
}

TEST(OnnxReader, TensorEncodings) {
  const std::vector<float> reals{1.5F, -2, 3};
  const std::vector<std::int32_t> ints{1, -2, 3};
  const auto floats =
      read_initializer(tensor("t", 1, {3}, [&](pbf_writer& w) { w.add_packed_float(4, reals.begin(), reals.end()); }));
  EXPECT_EQ(floats.data<float>()[0], 1.5F);
  const auto loose = read_initializer(tensor("t", 1, {3}, [&](pbf_writer& w) {
    for (const float f : reals) w.add_float(4, f);
  }));
  EXPECT_EQ(loose.data<float>()[1], -2);
  const auto i8 =
      read_initializer(tensor("t", 3, {3}, [&](pbf_writer& w) { w.add_packed_int32(5, ints.begin(), ints.end()); }));
  EXPECT_EQ(i8.data<std::int8_t>()[1], -2);
  const auto loose_i16 = read_initializer(tensor("t", 5, {3}, [&](pbf_writer& w) {
    for (const auto i : ints) w.add_int32(5, i);
  }));
  EXPECT_EQ(loose_i16.data<std::int16_t>()[1], -2);
  const std::vector<std::int32_t> half_bits{f32_to_f16_bits(0.5F), f32_to_f16_bits(-4)};
  const auto f16 = read_initializer(
      tensor("t", 10, {2}, [&](pbf_writer& w) { w.add_packed_int32(5, half_bits.begin(), half_bits.end()); }));
  EXPECT_EQ(static_cast<float>(f16.data<Half>()[1]), -4);
  const std::vector<std::int32_t> bits{0, 5, 1};
  const auto flags =
      read_initializer(tensor("t", 9, {3}, [&](pbf_writer& w) { w.add_packed_int32(5, bits.begin(), bits.end()); }));
  EXPECT_EQ(flags.to_i64(), (std::vector<std::int64_t>{0, 1, 1}));
  const std::vector<std::int64_t> longs{std::int64_t{1} << 40, -7};
  const auto i64 =
      read_initializer(tensor("t", 7, {2}, [&](pbf_writer& w) { w.add_packed_int64(7, longs.begin(), longs.end()); }));
  EXPECT_EQ(i64.to_i64(), longs);
  const std::vector<std::uint64_t> big{~std::uint64_t{0}, 1};
  const auto u64 =
      read_initializer(tensor("t", 13, {2}, [&](pbf_writer& w) { w.add_packed_uint64(11, big.begin(), big.end()); }));
  EXPECT_EQ(u64.data<std::uint64_t>()[0], ~std::uint64_t{0});
  const std::vector<double> doubles{0.1};
  const auto f64 = read_initializer(
      tensor("t", 11, {}, [&](pbf_writer& w) { w.add_packed_double(10, doubles.begin(), doubles.end()); }));
  EXPECT_EQ(f64.data<double>()[0], 0.1);
  const auto text = read_initializer(tensor("t", 8, {2}, [&](pbf_writer& w) {
    w.add_bytes(6, "ab");
    w.add_bytes(6, "");
  }));
  EXPECT_EQ(text.data<std::string>()[0], "ab");
  const std::vector<float> pairs{1, 2, 3, 4};
  const auto complex =
      read_initializer(tensor("t", 14, {2}, [&](pbf_writer& w) { w.add_packed_float(4, pairs.begin(), pairs.end()); }));
  EXPECT_EQ(complex.data<std::complex<float>>()[1], std::complex<float>(3, 4));
  const std::vector<std::int32_t> nibbles{0x21, 0x0f};  // three i4 elements: 1, 2, -1
  const auto i4 = read_initializer(
      tensor("t", 22, {3}, [&](pbf_writer& w) { w.add_packed_int32(5, nibbles.begin(), nibbles.end()); }));
  EXPECT_EQ(i4.type(), ElementType::kI4);
  EXPECT_EQ(i4.to_i64(), (std::vector<std::int64_t>{1, 2, -1}));
  const auto empty = read_initializer(tensor("t", 1, {0, 4}, [](pbf_writer&) {}));
  EXPECT_EQ(empty.size(), 0);
  const auto raw_bool = read_initializer(raw_tensor<std::uint8_t>("t", 9, {3}, {0, 2, 1}));
  EXPECT_EQ(raw_bool.to_i64(), (std::vector<std::int64_t>{0, 1, 1}));
}

TEST(OnnxReader, RawDataOfEveryAlignment) {
  for (int pad = 0; pad < 8; ++pad) {
    const std::string t = tensor("t", 11, {2}, [&](pbf_writer& w) {
      w.add_string(12, std::string(static_cast<std::size_t>(pad), 'p'));
      const double values[2] = {1.25, -7};
      w.add_bytes(9, reinterpret_cast<const char*>(values), sizeof values);
    });
    const Tensor read_back = read_initializer(t);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read_back.raw()) % 8, 0U);
    EXPECT_EQ(read_back.data<double>()[1], -7);
  }
}

TEST(OnnxReader, SparseTensorsBecomeDense) {
  const auto sparse = [](const std::vector<std::int64_t>& index_dims, const std::vector<std::int64_t>& indices) {
    return message([&](pbf_writer& w) {
      w.add_message(1, raw_tensor<float>("t", 1, {2}, {5, 6}));
      w.add_message(2, raw_tensor<std::int64_t>("", 7, index_dims, indices));
      const std::vector<std::int64_t> dims{2, 3};
      w.add_packed_int64(3, dims.begin(), dims.end());
    });
  };
  for (const std::string& bytes : {sparse({2}, {1, 5}), sparse({2, 2}, {0, 1, 1, 2})}) {
    const Tensor t = read_initializer(bytes, true);
    const std::vector<float> expected{0, 5, 0, 0, 0, 6};
    for (int i = 0; i < 6; ++i) EXPECT_EQ(t.data<float>()[i], expected[static_cast<std::size_t>(i)]);
  }
  GraphParts bad{.outputs = {value_info("t")}, .sparse = {sparse({2}, {1, 6})}};
  expect_error(model(graph(bad)), ErrorCode::kInvalidGraph, "out of range");
}

TEST(OnnxReader, ConstantNodes) {
  const auto value_ints = message([](pbf_writer& w) {
    w.add_string(1, "value_ints");
    const std::vector<std::int64_t> v{4, 5};
    w.add_packed_int64(8, v.begin(), v.end());
    w.add_int32(20, 7);
  });
  const auto value_float = message([](pbf_writer& w) {
    w.add_string(1, "value_float");
    w.add_float(2, 2.5F);
    w.add_int32(20, 1);
  });
  const auto value_string = message([](pbf_writer& w) {
    w.add_string(1, "value_string");
    w.add_bytes(4, "hi");
    w.add_int32(20, 3);
  });
  const auto g = read(model(
      graph({.nodes = {node("Constant", {}, {"a"}, {value_ints}), node("Constant", {}, {"b"}, {value_float}),
                       node("Constant", {}, {"c"}, {value_string}),
                       node("Constant", {}, {"d"}, {tensor_attribute("value", raw_tensor<float>("", 1, {1}, {9}))})},
             .outputs = {value_info("a"), value_info("b"), value_info("c"), value_info("d")}})));
  EXPECT_TRUE(g->nodes().empty());
  EXPECT_EQ(g->outputs()[0]->constant()->to_i64(), (std::vector<std::int64_t>{4, 5}));
  EXPECT_EQ(g->outputs()[0]->name(), "a");
  EXPECT_EQ(g->outputs()[1]->constant()->data<float>()[0], 2.5F);
  EXPECT_EQ(g->outputs()[2]->constant()->data<std::string>()[0], "hi");
  EXPECT_EQ(g->outputs()[3]->constant()->data<float>()[0], 9);
}

TEST(OnnxReader, SortsNodesAndRefusesCycles) {
  const auto g =
      read(model(graph({.nodes = {node("Relu", {"b"}, {"c"}), node("Relu", {"a"}, {"b"}), node("Relu", {"x"}, {"a"})},
                        .inputs = {value_info("x", kF32x2x3)},
                        .outputs = {value_info("c")}})));
  EXPECT_EQ(g->nodes()[0]->name(), "Relu_2");
  g->verify();
  expect_error(model(graph({.nodes = {node("Add", {"b", "x"}, {"a"}, {}, "first"), node("Relu", {"a"}, {"b"})},
                            .inputs = {value_info("x", kF32x2x3)},
                            .outputs = {value_info("a")}})),
               ErrorCode::kInvalidGraph, "cycle");
}

TEST(OnnxReader, IfGetsTheUnionOfCaptures) {
  const auto g = read(model(
      graph({.nodes = {node("If", {"c"}, {"y"},
                            {graph_attribute("then_branch", branch("Relu", {"a"})),
                             graph_attribute("else_branch", branch("Add", {"b", "w"}))})},
             .initializers = {raw_tensor<float>("w", 1, {3}, {1, 2, 3})},
             .inputs = {value_info("c", tensor_type(9, {})), value_info("a", kF32x2x3), value_info("b", kF32x2x3)},
             .outputs = {value_info("y")}})));
  const Node& n = *g->nodes()[0];
  ASSERT_EQ(n.num_inputs(), 3U);
  EXPECT_EQ(n.input(1)->name(), "a");
  EXPECT_EQ(n.input(2)->name(), "b");
  const Graph& other = *n.attributes().get_graph("else_branch");
  EXPECT_EQ(other.inputs()[1]->name(), "b");
  EXPECT_EQ(n.attributes().get_graph("then_branch")->inputs()[1]->name(), "b");
  EXPECT_TRUE(other.nodes()[0]->input(1)->is_constant());
  EXPECT_EQ(g->outputs()[0]->type().to_string(), "f32[2, 3]");
}

TEST(OnnxReader, NestedCapturesPassThroughEveryLevel) {
  const std::string inner = node("If", {"c"}, {"r"},
                                 {graph_attribute("then_branch", branch("Relu", {"a"})),
                                  graph_attribute("else_branch", branch("Identity", {"a"}))});
  const std::string outer = graph({.nodes = {inner}, .outputs = {value_info("r")}});
  const auto g =
      read(model(graph({.nodes = {node("If", {"c"}, {"y"},
                                       {graph_attribute("then_branch", outer), graph_attribute("else_branch", outer)})},
                        .inputs = {value_info("c", tensor_type(9, {})), value_info("a", kF32x2x3)},
                        .outputs = {value_info("y")}})));
  const Node& n = *g->nodes()[0];
  ASSERT_EQ(n.num_inputs(), 3U);  // condition, then c and a for the inner If
  EXPECT_EQ(n.attributes().get_graph("then_branch")->nodes()[0]->num_inputs(), 2U);
}

TEST(OnnxReader, BodiesMayReadWhatComesLaterInTheFile) {
  const auto g = read(model(graph({.nodes = {node("If", {"c"}, {"y"},
                                                  {graph_attribute("then_branch", branch("Relu", {"late"})),
                                                   graph_attribute("else_branch", branch("Relu", {"a"}))}),
                                             node("Relu", {"a"}, {"late"})},
                                   .inputs = {value_info("c", tensor_type(9, {})), value_info("a", kF32x2x3)},
                                   .outputs = {value_info("y")}})));
  EXPECT_EQ(g->nodes()[1]->op().name, "If");
}

TEST(OnnxReader, LoopGeneralisesGrowingValues) {
  const std::string body =
      graph({.nodes = {node("Concat", {"s", "x"}, {"t"}, {int_attribute("axis", 0)}), node("Identity", {"k"}, {"k2"})},
             .inputs = {value_info("i"), value_info("k"), value_info("s")},
             .outputs = {value_info("k2"), value_info("t"), value_info("i")}});
  const auto g =
      read(model(graph({.nodes = {node("Loop", {"n", "", "x"}, {"y", "steps"}, {graph_attribute("body", body)})},
                        .inputs = {value_info("n", tensor_type(7, {})), value_info("x", kF32x2x3)},
                        .outputs = {value_info("y"), value_info("steps")}})));
  const Node& n = *g->nodes()[0];
  EXPECT_EQ(n.attributes().get_int("carried"), 1);
  ASSERT_EQ(n.num_inputs(), 4U);
  EXPECT_EQ(n.input(1), nullptr);
  EXPECT_EQ(n.input(3)->name(), "x");
  const Shape& grown = n.output(0)->shape();
  EXPECT_FALSE(grown[0].is_known());
  EXPECT_EQ(grown[1].value(), 3);
  EXPECT_EQ(n.output(1)->element(), ElementType::kI64);
  EXPECT_EQ(n.output(1)->shape().rank(), 1U);
}

TEST(OnnxReader, ScanSlicesItsInputs) {
  const std::string body = graph({.nodes = {node("Add", {"s", "x"}, {"t"}), node("Identity", {"t"}, {"u"})},
                                  .inputs = {value_info("s"), value_info("x")},
                                  .outputs = {value_info("t"), value_info("u")}});
  const auto g =
      read(model(graph({.nodes = {node("Scan", {"s0", "xs"}, {"last", "all"},
                                       {graph_attribute("body", body), int_attribute("num_scan_inputs", 1)})},
                        .inputs = {value_info("s0", tensor_type(1, {dim(3)})), value_info("xs", kF32x2x3)},
                        .outputs = {value_info("last"), value_info("all")}})));
  EXPECT_EQ(g->nodes()[0]->attributes().get_int("num_states"), 1);
  EXPECT_EQ(g->outputs()[0]->type().to_string(), "f32[3]");
  EXPECT_EQ(g->outputs()[1]->type().to_string(), "f32[2, 3]");
}

TEST(OnnxReader, FunctionsAreInlined) {
  const auto reference = [](const std::string& name, const std::string& to) {
    return message([&](pbf_writer& w) {
      w.add_string(1, name);
      w.add_int32(20, 2);
      w.add_string(21, to);
    });
  };
  const std::string inner =
      function("Inner", {"p"}, {"q"}, {node("Softmax", {"p"}, {"q"}, {reference("axis", "where")}, "soft")}, {"where"});
  const std::string outer =
      function("Outer", {"p"}, {"q"},
               {node("Relu", {"p"}, {"m"}), node("Inner", {"m"}, {"q"}, {reference("where", "at")}, "in", "local")}, {},
               {int_attribute("at", 0)});
  const auto g = read(model(graph({.nodes = {node("Outer", {"x"}, {"y"}, {}, "call", "local"),
                                             node("Outer", {"y"}, {"z"}, {int_attribute("at", 1)}, "again", "local")},
                                   .inputs = {value_info("x", kF32x2x3)},
                                   .outputs = {value_info("z")}}),
                            8, {inner, outer}));
  ASSERT_EQ(g->nodes().size(), 4U);
  EXPECT_EQ(g->nodes()[0]->name(), "call/Relu_0");
  EXPECT_EQ(g->nodes()[1]->name(), "call/in/soft");
  EXPECT_EQ(g->nodes()[1]->attributes().get_int("axis"), 0);
  EXPECT_EQ(g->nodes()[3]->attributes().get_int("axis"), 1);
}

TEST(OnnxReader, FunctionsThatCallThemselvesAreRefused) {
  const std::string self = function("Self", {"p"}, {"q"}, {node("Self", {"p"}, {"q"}, {}, "in", "local")});
  expect_error(model(graph({.nodes = {node("Self", {"x"}, {"y"}, {}, "call", "local")},
                            .inputs = {value_info("x", kF32x2x3)},
                            .outputs = {value_info("y")}}),
                     8, {self}),
               ErrorCode::kInvalidGraph, "deep");
}

TEST(OnnxReader, FaultsNameWhatIsWrong) {
  const auto one = [](const std::string& n) {
    return model(graph({.nodes = {n}, .inputs = {value_info("x", kF32x2x3)}, .outputs = {value_info("y")}}));
  };
  expect_error(one(node("Relu", {"gone"}, {"y"}, {}, "bad")), ErrorCode::kInvalidGraph,
               "Relu: reads \"gone\", which nothing makes (node \"bad\"");
  expect_error(one(node("Frobnicate", {"x"}, {"y"}, {}, "bad", "acme")), ErrorCode::kInvalidGraph, "acme.Frobnicate");
  expect_error(one(node("Relu", {"x"}, {"x"})), ErrorCode::kInvalidGraph, "two values");
  expect_error(one(node("Relu", {"x"}, {"z"})), ErrorCode::kInvalidGraph, "\"y\" is never made");
  expect_error(one(node("Relu", {"x"}, {"y"}, {int_attribute("alpha", 1)})), ErrorCode::kInvalidGraph, "alpha");
  expect_error("", ErrorCode::kInvalidArgument, "No graph was found");
  expect_error("hello, this is no model at all", ErrorCode::kInvalidProtobuf, "not");
  expect_error(model(graph({.initializers = {raw_tensor<float>("t", 1, {4}, {1, 2, 3})}})), ErrorCode::kInvalidGraph,
               "tensor \"t\"");
  expect_error(model(graph({.initializers = {raw_tensor<float>("t", 1, {std::int64_t{1} << 62, 8}, {1})}})),
               ErrorCode::kInvalidGraph, "tensor \"t\"");
  expect_error(model(graph({.initializers = {raw_tensor<float>("t", 99, {1}, {1})}})), ErrorCode::kNotImplemented,
               "99");
}

TEST(OnnxReader, ExternalData) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("oriel_reader_test_" + std::to_string(::getpid()));
  fs::create_directories(folder / "sub");
  const auto external = [](const std::string& location, const std::string& offset, const std::string& length) {
    return tensor("t", 1, {2}, [&](pbf_writer& w) {
      for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
               {"location", location}, {"offset", offset}, {"length", length}}) {
        w.add_message(13, message([&, k = key, v = value](pbf_writer& e) {
                        e.add_string(1, k);
                        e.add_string(2, v);
                      }));
      }
      w.add_int32(14, 1);
    });
  };
  const float values[3] = {1, 2, 3};
  std::ofstream(folder / "sub" / "w.bin", std::ios::binary).write(reinterpret_cast<const char*>(values), sizeof values);
  const auto with = [&](const std::string& t) {
    return model(graph({.initializers = {t}, .outputs = {value_info("t")}}));
  };
  const auto write_model = [&](const std::string& bytes) {
    std::ofstream(folder / "m.onnx", std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return (folder / "m.onnx").string();
  };
  {
    const auto g = read_onnx_file(write_model(with(external("sub/w.bin", "4", "8"))));
    EXPECT_EQ(g->outputs()[0]->constant()->data<float>()[1], 3);
  }
  EXPECT_THROW(read_onnx_file(write_model(with(external("sub/w.bin", "8", "8")))), Error);
  EXPECT_THROW(read_onnx_file(write_model(with(external("sub/w.bin", "18446744073709551615", "8")))), Error);
  ReadOptions options;
  options.external_data_folder = folder.string();
  EXPECT_EQ(read(with(external("sub/w.bin", "0", "8")), options)->outputs()[0]->constant()->data<float>()[1], 2);
  for (const char* location : {"../w.bin", "/etc/passwd", "sub/../../w.bin", "..", ""}) {
    expect_error(with(external(location, "0", "8")), ErrorCode::kInvalidGraph, "outside the model's folder", options);
  }
  expect_error(with(external("sub/w.bin", "0", "8")), ErrorCode::kInvalidGraph, "from memory");
  EXPECT_THROW(read_onnx_file((folder / "missing.onnx").string()), Error);
  fs::remove_all(folder);
}

/// Reads bytes that may be anything; whether they were a model. Anything but an Error fails the test.
bool try_read(const std::string& bytes) {
  try {
    read(bytes)->verify();
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(OnnxReader, EveryPrefixReadsOrThrows) {
  const std::string whole = rich_model();
  EXPECT_TRUE(try_read(whole));
  int accepted = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) accepted += try_read(whole.substr(0, size)) ? 1 : 0;
  EXPECT_LT(accepted, 100);
}

TEST(OnnxReader, ChangedBytesReadOrThrow) {
  const std::string whole = rich_model();
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int kind : {0, 1, 2, 3}) {
      std::string changed = whole;
      state = state * 1664525U + 1013904223U;
      const char values[4] = {static_cast<char>(0xff), 0, static_cast<char>(state >> 24),
                              static_cast<char>(changed[i] ^ 1)};
      changed[i] = values[kind];
      try_read(changed);
    }
  }
}

TEST(OnnxReader, DataTypeNumbersMapBothWays) {
  for (int i = 1; i < static_cast<int>(kDataTypes.size()); ++i) EXPECT_EQ(element_to_onnx(*element_from_onnx(i)), i);
  EXPECT_EQ(*element_from_onnx(1), ElementType::kF32);
  EXPECT_EQ(*element_from_onnx(22), ElementType::kI4);
  EXPECT_FALSE(element_from_onnx(27).has_value());
  EXPECT_FALSE(element_from_onnx(-1).has_value());
}

}  // namespace
}  // namespace oriel::onnx
