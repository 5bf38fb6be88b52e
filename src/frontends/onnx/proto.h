// The messages of onnx.proto as views into the bytes of a model, and the protobuf wire format beneath them. Lengths are
// 64 bits wide, fields of an unexpected wire type are skipped like unknown ones, as protobuf itself does.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace oriel::onnx {

using Bytes = std::string_view;

enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// Field number and wire type in one number, to switch on.
constexpr std::uint64_t field(std::uint32_t number, Wire wire) {
  return (std::uint64_t{number} << 3) | static_cast<std::uint64_t>(wire);
}
constexpr std::uint64_t varint_field(std::uint32_t number) { return field(number, Wire::kVarint); }
constexpr std::uint64_t bytes_field(std::uint32_t number) { return field(number, Wire::kBytes); }

/// Walks the fields of one message. Throws Error(kInvalidProtobuf) where the bytes are no protobuf message.
class WireReader {
 public:
  explicit WireReader(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  /// Moves to the next field, skipping what was not read of the current one; false at the end.
  bool next();
  /// field(number, wire type) of the current field.
  std::uint64_t key() const { return key_; }
  std::uint64_t number() const { return number_; }
  std::int64_t integer() const { return static_cast<std::int64_t>(number_); }
  float f32() const;
  double f64() const;
  Bytes bytes() const { return bytes_; }

 private:
  const char* at_;
  const char* end_;
  std::uint64_t key_ = 0;
  std::uint64_t number_ = 0;
  Bytes bytes_;
};

/// The varints of a packed field, appended.
void unpack_varints(Bytes packed, std::vector<std::int64_t>& into);

struct AttributeProto {
  enum Type : std::int32_t {
    kUndefined = 0,
    kFloat = 1,
    kInt = 2,
    kString = 3,
    kTensor = 4,
    kGraph = 5,
    kFloats = 6,
    kInts = 7,
    kStrings = 8,
    kTensors = 9,
    kGraphs = 10,
    kSparseTensor = 11,
    kSparseTensors = 12,
    kTypeProto = 13,
    kTypeProtos = 14,
  };
  Bytes name;
  Bytes reference;  // ref_attr_name
  std::int32_t type = kUndefined;
  float f = 0;
  std::int64_t i = 0;
  Bytes s;
  Bytes message;  // t, g, sparse_tensor or tp
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<Bytes> items;  // strings, tensors, graphs, sparse_tensors or type_protos

  static AttributeProto parse(Bytes bytes);
};

struct NodeProto {
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;
  Bytes name;
  Bytes op_type;
  Bytes domain;  // "ai.onnx" reads as ""
  Bytes overload;
  std::vector<AttributeProto> attributes;

  static NodeProto parse(Bytes bytes);
};

struct ValueInfoProto {
  Bytes name;
  Bytes type;  // TypeProto

  static ValueInfoProto parse(Bytes bytes);
};

struct GraphProto {
  Bytes name;
  Bytes doc;
  std::vector<NodeProto> nodes;
  std::vector<Bytes> initializers;         // TensorProto
  std::vector<Bytes> sparse_initializers;  // SparseTensorProto
  std::vector<ValueInfoProto> inputs;
  std::vector<ValueInfoProto> outputs;

  static GraphProto parse(Bytes bytes);
};

struct OpsetId {
  Bytes domain;  // "ai.onnx" reads as ""
  std::int64_t version = 0;

  static OpsetId parse(Bytes bytes);
};

struct FunctionProto {
  Bytes name;
  Bytes domain;
  Bytes overload;
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;
  std::vector<Bytes> attributes;  // names without default
  std::vector<AttributeProto> defaults;
  std::vector<NodeProto> nodes;
  std::vector<OpsetId> opsets;

  static FunctionProto parse(Bytes bytes);
};

struct StringEntry {
  Bytes key;
  Bytes value;

  static StringEntry parse(Bytes bytes);
};

struct ModelProto {
  /// The version of a model whose author gave none, as ONNX Runtime tells it.
  static constexpr std::int64_t kNoVersion = std::numeric_limits<std::int64_t>::max();
  std::int64_t ir_version = 0;
  Bytes producer_name;
  Bytes producer_version;
  Bytes domain;
  std::int64_t model_version = kNoVersion;
  Bytes doc;
  Bytes graph;
  bool has_graph = false;
  std::vector<OpsetId> opsets;
  std::vector<StringEntry> metadata;
  std::vector<FunctionProto> functions;

  static ModelProto parse(Bytes bytes);
};

struct TensorProto {
  Bytes name;
  std::vector<std::int64_t> dims;
  std::int64_t data_type = 0;
  bool external = false;
  bool has_raw = false;
  bool segmented = false;
  Bytes raw;
  std::vector<Bytes> strings;
  // Contents of each typed field in file order: whole packed runs, or single elements as they stand on the wire.
  std::vector<Bytes> float_runs;   // 4 bytes an element
  std::vector<Bytes> double_runs;  // 8 bytes an element
  std::vector<std::int64_t> int32s;
  std::vector<std::int64_t> int64s;
  std::vector<std::int64_t> uint64s;
  std::vector<StringEntry> external_data;

  static TensorProto parse(Bytes bytes);
};

struct SparseTensorProto {
  Bytes values;   // TensorProto
  Bytes indices;  // TensorProto
  std::vector<std::int64_t> dims;

  static SparseTensorProto parse(Bytes bytes);
};

}  // namespace oriel::onnx
