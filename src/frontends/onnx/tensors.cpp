// The encodings of TensorProto: raw bytes, typed fields, external files, sparse.
#include "frontends/onnx/tensors.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/mapped_file.h"
#include "frontends/onnx/data_types.h"
#include "ir/alignment.h"

namespace oriel::onnx {
namespace {

// Constants of f32 from this size on are weights that a device packs: copying them first would cost more than it helps.
constexpr std::size_t kInPlaceBytes = 64 * 1024;

[[noreturn]] void bad_tensor(const std::string& fact) { throw Error(ErrorCode::kInvalidGraph, fact); }

Dims checked_dims(const std::vector<std::int64_t>& dims) {
  for (const std::int64_t d : dims) {
    if (d < 0) bad_tensor(formatted("has the dimension {}", d));
  }
  return Dims(dims);
}

void check_count(std::size_t have, std::int64_t expected) {
  if (have != static_cast<std::size_t>(expected))
    bad_tensor(formatted("holds {} values, its dimensions need {}", have, expected));
}

/// Integers of a typed field as elements of `bytes` bytes each.
Tensor from_integers(ElementType type, const Dims& dims, const std::vector<std::int64_t>& values) {
  const std::int64_t count = count_elements(dims);
  const int bits = element_bits(type);
  const std::size_t width = bits < 8 ? 1 : static_cast<std::size_t>(bits) / 8;
  const std::size_t expected = bits < 8 ? element_bytes(type, count) : static_cast<std::size_t>(count);
  if (values.size() != expected)
    bad_tensor(formatted("holds {} values, its dimensions need {}", values.size(), expected));
  Tensor t = Tensor::allocate(type, dims);
  auto* out = static_cast<char*>(t.raw());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t v = type == ElementType::kBool ? static_cast<std::int64_t>(values[i] != 0) : values[i];
    std::memcpy(out + i * width, &v, width);
  }
  return t;
}

Tensor from_runs(ElementType type, const Dims& dims, const std::vector<Bytes>& runs) {
  std::size_t total = 0;
  for (const Bytes& run : runs) total += run.size();
  const std::size_t expected = element_bytes(type, count_elements(dims));
  if (total != expected) bad_tensor(formatted("holds {} bytes of values, its dimensions need {}", total, expected));
  Tensor t = Tensor::allocate(type, dims);
  auto* out = static_cast<char*>(t.raw());
  for (const Bytes& run : runs) {
    if (!run.empty()) std::memcpy(out, run.data(), run.size());
    out += run.size();
  }
  return t;
}

/// Whether a relative path stays below the folder it starts from, read as text: symbolic links are the user's own
/// business.
bool stays_inside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\\') != std::string_view::npos ||
      path.find('\0') != std::string_view::npos)
    return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

std::size_t TensorLoader::parse_size(const StringEntry& entry) {
  std::size_t value = 0;
  const char* const end = entry.value.data() + entry.value.size();
  const auto [at, error] = std::from_chars(entry.value.data(), end, value);
  if (error != std::errc() || at != end) bad_tensor(formatted("has the external {} \"{}\"", entry.key, entry.value));
  return value;
}

Tensor TensorLoader::load(Bytes tensor_proto) { return load(TensorProto::parse(tensor_proto)); }

Tensor TensorLoader::load(const TensorProto& proto) { return load_named(proto, false); }

Tensor TensorLoader::load_constant(const TensorProto& proto) { return load_named(proto, true); }

Tensor TensorLoader::load_named(const TensorProto& proto, bool anywhere) {
  try {
    return load_checked(proto, anywhere);
  } catch (const Error& error) {
    const ErrorCode code = error.code() == ErrorCode::kInvalidArgument ? ErrorCode::kInvalidGraph : error.code();
    throw Error(code, formatted("tensor \"{}\": {}", proto.name, error.what()));
  }
}

Tensor TensorLoader::load_checked(const TensorProto& proto, bool anywhere) {
  const std::optional<ElementType> known = element_from_onnx(proto.data_type);
  if (!known || *known == ElementType::kUndefined)
    fail(ErrorCode::kNotImplemented, "element type number {} is unknown", proto.data_type);
  const ElementType type = *known;
  if (proto.segmented) fail(ErrorCode::kNotImplemented, "tensors in segments are not supported");
  const Dims dims = checked_dims(proto.dims);
  const std::int64_t count = count_elements(dims);
  if (proto.external) return load_external(proto, type, dims, anywhere);
  if (type == ElementType::kString) {
    check_count(proto.strings.size(), count);
    Tensor t = Tensor::allocate(type, dims);
    for (std::size_t i = 0; i < proto.strings.size(); ++i) t.data<std::string>()[i] = std::string(proto.strings[i]);
    return t;
  }
  if (proto.has_raw) {
    const std::size_t expected = element_bytes(type, count);
    if (proto.raw.size() != expected) {
      bad_tensor(formatted("holds {} bytes, its dimensions need {}", proto.raw.size(), expected));
    }
    if (expected == 0) return Tensor::allocate(type, dims);
    return load_raw(type, dims, model_,
                    static_cast<std::size_t>(proto.raw.data() - static_cast<const char*>(model_->map())), anywhere);
  }
  switch (type) {
    case ElementType::kF32:
    case ElementType::kComplex64:
      return from_runs(type, dims, proto.float_runs);
    case ElementType::kF64:
    case ElementType::kComplex128:
      return from_runs(type, dims, proto.double_runs);
    case ElementType::kI64:
      return from_integers(type, dims, proto.int64s);
    case ElementType::kU32:
    case ElementType::kU64:
      return from_integers(type, dims, proto.uint64s);
    default:
      return from_integers(type, dims, proto.int32s);
  }
}

Tensor TensorLoader::load_raw(ElementType type, const Dims& dims, const std::shared_ptr<Memory>& memory,
                              std::size_t offset, bool anywhere) {
  const auto* bytes = static_cast<const std::uint8_t*>(memory->map()) + offset;
  const std::size_t size = element_bytes(type, count_elements(dims));
  if (type == ElementType::kBool && std::any_of(bytes, bytes + size, [](std::uint8_t b) { return b > 1; })) {
    Tensor t = Tensor::allocate(type, dims);
    for (std::size_t i = 0; i < size; ++i) t.data<bool>()[i] = bytes[i] != 0;
    return t;
  }
  const Tensor in_place(type, dims, memory, offset);
  return anywhere && type == ElementType::kF32 && size >= kInPlaceBytes ? in_place : aligned(in_place);
}

Tensor TensorLoader::load_external(const TensorProto& proto, ElementType type, const Dims& dims, bool anywhere) {
  if (type == ElementType::kString) bad_tensor("strings cannot be external data");
  std::string_view location;
  std::size_t offset = 0;
  std::size_t length = 0;
  bool has_length = false;
  for (const StringEntry& e : proto.external_data) {
    if (e.key == "location") {
      location = e.value;
    } else if (e.key == "offset") {
      offset = parse_size(e);
    } else if (e.key == "length") {
      length = parse_size(e);
      has_length = true;
    }
  }
  if (!stays_inside(location)) bad_tensor(formatted("external data \"{}\" lies outside the model's folder", location));
  const auto given = given_files_.find(std::string(location));
  if (folder_.empty() && given == given_files_.end())
    bad_tensor(formatted("external data \"{}\" needs a folder, but the model comes from memory", location));
  const std::string path = folder_ + "/" + std::string(location);
  std::shared_ptr<Memory>& memory = given != given_files_.end() ? given->second : files_[path];
  if (!memory) memory = map_file(path);
  const std::size_t expected = element_bytes(type, count_elements(dims));
  if (has_length && length != expected)
    bad_tensor(formatted("external data has {} bytes, its dimensions need {}", length, expected));
  if (offset > memory->size() || memory->size() - offset < expected) {
    bad_tensor(formatted("external data \"{}\" ends before byte {} + {}", location, offset, expected));
  }
  if (expected == 0) return Tensor::allocate(type, dims);
  return load_raw(type, dims, memory, offset, anywhere);
}

Tensor TensorLoader::load_sparse(Bytes sparse_tensor_proto) {
  const SparseTensorProto proto = SparseTensorProto::parse(sparse_tensor_proto);
  const TensorProto values_proto = TensorProto::parse(proto.values);
  const Tensor values = load(values_proto);
  const Tensor indices = load(TensorProto::parse(proto.indices));
  try {
    const Dims dims = checked_dims(proto.dims);
    const std::int64_t count = count_elements(dims);
    const std::int64_t stored = values.size();
    if (values.rank() != 1) bad_tensor("the values of a sparse tensor must be a vector");
    if (indices.type() != ElementType::kI64) bad_tensor("the indices of a sparse tensor must be i64");
    const bool linear = indices.rank() == 1;
    const auto rank = static_cast<std::int64_t>(dims.size());
    if (!(linear || (indices.rank() == 2 && indices.dim(1) == rank)) || indices.dim(0) != stored) {
      bad_tensor(formatted("indices of shape {} for {} values of rank {}", to_string(indices.dims()), stored, rank));
    }
    if (element_bytes(values.type(), count) > max_dense_bytes_) {
      fail(ErrorCode::kNotImplemented, "the dense form of a sparse tensor would take more than {} bytes",
           max_dense_bytes_);
    }
    Tensor dense = Tensor::allocate(values.type(), dims);
    if (values.type() != ElementType::kString && count > 0) std::memset(dense.raw(), 0, dense.bytes());
    const Dims strides = row_major_strides(dims);
    const std::int64_t* at = indices.data<std::int64_t>();
    const int bits = element_bits(values.type());
    for (std::int64_t i = 0; i < stored; ++i) {
      std::int64_t position = 0;
      if (linear) {
        position = at[i];
        if (position < 0 || position >= count) bad_tensor(formatted("index {} is out of range", position));
      } else {
        for (std::int64_t k = 0; k < rank; ++k) {
          const std::int64_t index = at[i * rank + k];
          if (index < 0 || index >= dims[static_cast<std::size_t>(k)])
            bad_tensor(formatted("index {} is out of range", index));
          position += index * strides[static_cast<std::size_t>(k)];
        }
      }
      if (values.type() == ElementType::kString) {
        dense.data<std::string>()[position] = values.data<std::string>()[i];
      } else if (bits >= 8) {
        const auto width = static_cast<std::size_t>(bits) / 8;
        std::memcpy(static_cast<char*>(dense.raw()) + static_cast<std::size_t>(position) * width,
                    static_cast<const char*>(values.raw()) + static_cast<std::size_t>(i) * width, width);
      } else {
        const unsigned mask = (1U << bits) - 1U;
        const unsigned code = (static_cast<const std::uint8_t*>(values.raw())[i * bits / 8] >> (i * bits % 8)) & mask;
        auto& byte = static_cast<std::uint8_t*>(dense.raw())[position * bits / 8];
        const auto shift = static_cast<int>(position * bits % 8);
        byte = static_cast<std::uint8_t>((byte & ~(mask << shift)) | (code << shift));
      }
    }
    return dense;
  } catch (const Error& error) {
    const ErrorCode code = error.code() == ErrorCode::kInvalidArgument ? ErrorCode::kInvalidGraph : error.code();
    throw Error(code, formatted("sparse tensor \"{}\": {}", values_proto.name, error.what()));
  }
}

}  // namespace oriel::onnx
