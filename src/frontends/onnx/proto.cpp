// Field numbers of onnx.proto and the decoding of each message.
#include "frontends/onnx/proto.h"

#include <bit>
#include <cstring>

#include "base/error.h"

namespace oriel::onnx {
namespace {

[[noreturn]] void malformed(const char* fact) { fail(ErrorCode::kInvalidProtobuf, "not a valid ONNX model: {}", fact); }

std::uint64_t read_varint(const char*& at, const char* end) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at == end) malformed("the data ends inside a number");
    const auto byte = static_cast<std::uint8_t>(*at++);
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  malformed("a number has more than ten bytes");
}

Bytes standard_domain(Bytes domain) { return domain == "ai.onnx" ? Bytes() : domain; }

void unpack_floats(Bytes packed, std::vector<float>& into) {
  if (packed.size() % sizeof(float) != 0) malformed("a list of floats has a broken length");
  const std::size_t old = into.size();
  into.resize(old + packed.size() / sizeof(float));
  if (!packed.empty()) std::memcpy(into.data() + old, packed.data(), packed.size());
}

}  // namespace

bool WireReader::next() {
  if (at_ == end_) return false;
  key_ = read_varint(at_, end_);
  if (key_ >> 3 == 0 || key_ >> 3 > 0x1fffffff) malformed("a field has an impossible number");
  const auto remaining = static_cast<std::uint64_t>(end_ - at_);
  const auto take = [&](std::uint64_t size) {
    if (size > remaining) malformed("the data ends inside a field");
    bytes_ = Bytes(at_, static_cast<std::size_t>(size));
    at_ += size;
  };
  switch (key_ & 7) {
    case static_cast<std::uint64_t>(Wire::kVarint):
      number_ = read_varint(at_, end_);
      break;
    case static_cast<std::uint64_t>(Wire::kFixed64):
      take(8);
      break;
    case static_cast<std::uint64_t>(Wire::kFixed32):
      take(4);
      break;
    case static_cast<std::uint64_t>(Wire::kBytes): {
      const std::uint64_t size = read_varint(at_, end_);
      if (size > static_cast<std::uint64_t>(end_ - at_)) malformed("the data ends inside a field");
      bytes_ = Bytes(at_, static_cast<std::size_t>(size));
      at_ += size;
      break;
    }
    default:
      malformed("a field has an unknown wire type");
  }
  return true;
}

float WireReader::f32() const {
  float value = 0;
  std::memcpy(&value, bytes_.data(), sizeof value);
  return value;
}

double WireReader::f64() const {
  double value = 0;
  std::memcpy(&value, bytes_.data(), sizeof value);
  return value;
}

void unpack_varints(Bytes packed, std::vector<std::int64_t>& into) {
  const char* at = packed.data();
  const char* const end = at + packed.size();
  while (at != end) into.push_back(static_cast<std::int64_t>(read_varint(at, end)));
}

AttributeProto AttributeProto::parse(Bytes bytes) {
  AttributeProto a;
  std::int32_t seen = kUndefined;  // files of the oldest writers carry no type
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        a.name = r.bytes();
        break;
      case field(2, Wire::kFixed32):
        a.f = r.f32();
        seen = kFloat;
        break;
      case varint_field(3):
        a.i = r.integer();
        seen = kInt;
        break;
      case bytes_field(4):
        a.s = r.bytes();
        seen = kString;
        break;
      case bytes_field(5):
        a.message = r.bytes();
        seen = kTensor;
        break;
      case bytes_field(6):
        a.message = r.bytes();
        seen = kGraph;
        break;
      case field(7, Wire::kFixed32):
        a.floats.push_back(r.f32());
        seen = kFloats;
        break;
      case bytes_field(7):
        unpack_floats(r.bytes(), a.floats);
        seen = kFloats;
        break;
      case varint_field(8):
        a.ints.push_back(r.integer());
        seen = kInts;
        break;
      case bytes_field(8):
        unpack_varints(r.bytes(), a.ints);
        seen = kInts;
        break;
      case bytes_field(9):
        a.items.push_back(r.bytes());
        seen = kStrings;
        break;
      case bytes_field(10):
        a.items.push_back(r.bytes());
        seen = kTensors;
        break;
      case bytes_field(11):
        a.items.push_back(r.bytes());
        seen = kGraphs;
        break;
      case bytes_field(14):
        a.message = r.bytes();
        seen = kTypeProto;
        break;
      case bytes_field(15):
        a.items.push_back(r.bytes());
        seen = kTypeProtos;
        break;
      case varint_field(20):
        a.type = static_cast<std::int32_t>(r.integer());
        break;
      case bytes_field(21):
        a.reference = r.bytes();
        break;
      case bytes_field(22):
        a.message = r.bytes();
        seen = kSparseTensor;
        break;
      case bytes_field(23):
        a.items.push_back(r.bytes());
        seen = kSparseTensors;
        break;
      default:
        break;
    }
  }
  if (a.type == kUndefined) a.type = seen;
  return a;
}

NodeProto NodeProto::parse(Bytes bytes) {
  NodeProto n;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        n.inputs.push_back(r.bytes());
        break;
      case bytes_field(2):
        n.outputs.push_back(r.bytes());
        break;
      case bytes_field(3):
        n.name = r.bytes();
        break;
      case bytes_field(4):
        n.op_type = r.bytes();
        break;
      case bytes_field(5):
        n.attributes.push_back(AttributeProto::parse(r.bytes()));
        break;
      case bytes_field(7):
        n.domain = standard_domain(r.bytes());
        break;
      case bytes_field(8):
        n.overload = r.bytes();
        break;
      default:
        break;
    }
  }
  return n;
}

ValueInfoProto ValueInfoProto::parse(Bytes bytes) {
  ValueInfoProto v;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        v.name = r.bytes();
        break;
      case bytes_field(2):
        v.type = r.bytes();
        break;
      default:
        break;
    }
  }
  return v;
}

GraphProto GraphProto::parse(Bytes bytes) {
  GraphProto g;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        g.nodes.push_back(NodeProto::parse(r.bytes()));
        break;
      case bytes_field(2):
        g.name = r.bytes();
        break;
      case bytes_field(5):
        g.initializers.push_back(r.bytes());
        break;
      case bytes_field(10):
        g.doc = r.bytes();
        break;
      case bytes_field(11):
        g.inputs.push_back(ValueInfoProto::parse(r.bytes()));
        break;
      case bytes_field(12):
        g.outputs.push_back(ValueInfoProto::parse(r.bytes()));
        break;
      case bytes_field(15):
        g.sparse_initializers.push_back(r.bytes());
        break;
      default:
        break;
    }
  }
  return g;
}

OpsetId OpsetId::parse(Bytes bytes) {
  OpsetId o;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        o.domain = standard_domain(r.bytes());
        break;
      case varint_field(2):
        o.version = r.integer();
        break;
      default:
        break;
    }
  }
  return o;
}

FunctionProto FunctionProto::parse(Bytes bytes) {
  FunctionProto f;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        f.name = r.bytes();
        break;
      case bytes_field(4):
        f.inputs.push_back(r.bytes());
        break;
      case bytes_field(5):
        f.outputs.push_back(r.bytes());
        break;
      case bytes_field(6):
        f.attributes.push_back(r.bytes());
        break;
      case bytes_field(7):
        f.nodes.push_back(NodeProto::parse(r.bytes()));
        break;
      case bytes_field(9):
        f.opsets.push_back(OpsetId::parse(r.bytes()));
        break;
      case bytes_field(10):
        f.domain = standard_domain(r.bytes());
        break;
      case bytes_field(11):
        f.defaults.push_back(AttributeProto::parse(r.bytes()));
        break;
      case bytes_field(13):
        f.overload = r.bytes();
        break;
      default:
        break;
    }
  }
  return f;
}

StringEntry StringEntry::parse(Bytes bytes) {
  StringEntry e;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        e.key = r.bytes();
        break;
      case bytes_field(2):
        e.value = r.bytes();
        break;
      default:
        break;
    }
  }
  return e;
}

ModelProto ModelProto::parse(Bytes bytes) {
  ModelProto m;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case varint_field(1):
        m.ir_version = r.integer();
        break;
      case bytes_field(2):
        m.producer_name = r.bytes();
        break;
      case bytes_field(3):
        m.producer_version = r.bytes();
        break;
      case bytes_field(4):
        m.domain = r.bytes();
        break;
      case varint_field(5):
        m.model_version = r.integer();
        break;
      case bytes_field(6):
        m.doc = r.bytes();
        break;
      case bytes_field(7):
        m.graph = r.bytes();
        m.has_graph = true;
        break;
      case bytes_field(8):
        m.opsets.push_back(OpsetId::parse(r.bytes()));
        break;
      case bytes_field(14):
        m.metadata.push_back(StringEntry::parse(r.bytes()));
        break;
      case bytes_field(25):
        m.functions.push_back(FunctionProto::parse(r.bytes()));
        break;
      default:
        break;
    }
  }
  return m;
}

TensorProto TensorProto::parse(Bytes bytes) {
  TensorProto t;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case varint_field(1):
        t.dims.push_back(r.integer());
        break;
      case bytes_field(1):
        unpack_varints(r.bytes(), t.dims);
        break;
      case varint_field(2):
        t.data_type = r.integer();
        break;
      case bytes_field(3):
        t.segmented = true;
        break;
      case field(4, Wire::kFixed32):
      case bytes_field(4):
        t.float_runs.push_back(r.bytes());
        break;
      case varint_field(5):
        t.int32s.push_back(r.integer());
        break;
      case bytes_field(5):
        unpack_varints(r.bytes(), t.int32s);
        break;
      case bytes_field(6):
        t.strings.push_back(r.bytes());
        break;
      case varint_field(7):
        t.int64s.push_back(r.integer());
        break;
      case bytes_field(7):
        unpack_varints(r.bytes(), t.int64s);
        break;
      case bytes_field(8):
        t.name = r.bytes();
        break;
      case bytes_field(9):
        t.raw = r.bytes();
        t.has_raw = true;
        break;
      case field(10, Wire::kFixed64):
      case bytes_field(10):
        t.double_runs.push_back(r.bytes());
        break;
      case varint_field(11):
        t.uint64s.push_back(r.integer());
        break;
      case bytes_field(11):
        unpack_varints(r.bytes(), t.uint64s);
        break;
      case bytes_field(13):
        t.external_data.push_back(StringEntry::parse(r.bytes()));
        break;
      case varint_field(14):
        t.external = r.integer() == 1;
        break;
      default:
        break;
    }
  }
  return t;
}

SparseTensorProto SparseTensorProto::parse(Bytes bytes) {
  SparseTensorProto s;
  for (WireReader r(bytes); r.next();) {
    switch (r.key()) {
      case bytes_field(1):
        s.values = r.bytes();
        break;
      case bytes_field(2):
        s.indices = r.bytes();
        break;
      case varint_field(3):
        s.dims.push_back(r.integer());
        break;
      case bytes_field(3):
        unpack_varints(r.bytes(), s.dims);
        break;
      default:
        break;
    }
  }
  return s;
}

}  // namespace oriel::onnx
