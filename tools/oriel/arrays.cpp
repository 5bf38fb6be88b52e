// Formats of arrays.
#include "arrays.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "frontends/onnx/tensors.h"
#include "stb.h"

namespace oriel::shell {
namespace {

static_assert(std::endian::native == std::endian::little,
              "files hold little-endian elements, which are copied as they are");

constexpr std::size_t kMaxRank = 64;

struct NumpyType {
  const char* code;
  ElementType element;
};

constexpr NumpyType kNumpyTypes[] = {
    {"f4", ElementType::kF32},       {"f8", ElementType::kF64},         {"f2", ElementType::kF16},
    {"i1", ElementType::kI8},        {"i2", ElementType::kI16},         {"i4", ElementType::kI32},
    {"i8", ElementType::kI64},       {"u1", ElementType::kU8},          {"u2", ElementType::kU16},
    {"u4", ElementType::kU32},       {"u8", ElementType::kU64},         {"b1", ElementType::kBool},
    {"c8", ElementType::kComplex64}, {"c16", ElementType::kComplex128},
};

// An unsigned little-endian number inside a file; throws where it lies outside.
template <typename T>
T number_at(std::string_view bytes, std::size_t offset, const std::string& file) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    fail(ErrorCode::kInvalidArgument, "{}: the file ends early", file);
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::string_view slice(std::string_view bytes, std::uint64_t offset, std::uint64_t size, const std::string& file) {
  if (offset > bytes.size() || bytes.size() - offset < size)
    fail(ErrorCode::kInvalidArgument, "{}: the file ends early", file);
  return bytes.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// The text behind `'key':` in the header of an .npy file, which is a Python literal.
std::string_view header_field(std::string_view header, const char* key, const std::string& file) {
  for (const char quote : {'\'', '"'}) {
    const std::size_t at = header.find(quote + std::string(key) + quote);
    if (at == std::string_view::npos) continue;
    const std::size_t colon = header.find(':', at);
    if (colon == std::string_view::npos) break;
    const std::size_t first = header.find_first_not_of(" ", colon + 1);
    if (first != std::string_view::npos) return header.substr(first);
  }
  fail(ErrorCode::kInvalidArgument, "{}: the .npy header has no {}", file, key);
}

// UTF-32 to UTF-8.
void append_utf8(std::string& text, std::uint32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
    return;
  }
  const int extra = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr unsigned kLead[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(kLead[extra] | (c >> (6 * extra)));
  for (int i = extra - 1; i >= 0; --i) text += static_cast<char>(0x80 | ((c >> (6 * i)) & 0x3f));
}

// Elements in column-major order put into row-major order.
Tensor from_fortran(const Tensor& columns, const Dims& dims) {
  Tensor rows = Tensor::allocate(columns.type(), dims);
  const std::size_t width = element_bytes(columns.type(), 1);
  std::vector<std::int64_t> index(dims.size(), 0);
  std::vector<std::int64_t> stride(dims.size(), 1);
  for (std::size_t d = 1; d < dims.size(); ++d) stride[d] = stride[d - 1] * dims[d - 1];
  for (std::int64_t i = 0; i < rows.size(); ++i) {
    std::int64_t from = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) from += index[d] * stride[d];
    std::memcpy(static_cast<char*>(rows.raw()) + static_cast<std::size_t>(i) * width,
                static_cast<const char*>(columns.raw()) + static_cast<std::size_t>(from) * width, width);
    for (std::size_t d = dims.size(); d-- > 0;) {
      if (++index[d] < dims[d]) break;
      index[d] = 0;
    }
  }
  return rows;
}

Tensor parse_numpy_strings(std::string_view data, std::size_t length, const Dims& dims, const std::string& file) {
  const std::size_t width = length * 4;
  const std::size_t count = element_bytes(ElementType::kU8, count_elements(dims));
  if (width > 0 && count > data.size() / width) fail(ErrorCode::kInvalidArgument, "{}: the file ends early", file);
  Tensor tensor = Tensor::allocate(ElementType::kString, dims);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    std::string& text = tensor.data<std::string>()[i];
    for (std::size_t c = 0; c < length; ++c) {
      const auto code = number_at<std::uint32_t>(data, static_cast<std::size_t>(i) * width + c * 4, file);
      if (code == 0) break;
      append_utf8(text, code);
    }
  }
  return tensor;
}

}  // namespace

std::string read_file(const std::string& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  return std::string(reinterpret_cast<const char*>(file->data()), file->size());
}

void write_file(const std::string& path, std::string_view bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  bool written = file != nullptr;
  if (written) {
    written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    const int reason = errno;
    if (std::fclose(file) != 0) {
      written = false;
    } else if (!written) {
      errno = reason;
    }
  }
  if (!written) fail(ErrorCode::kFail, "cannot write {}: {}", path, std::strerror(errno));
}

bool is_npy(std::string_view bytes) { return bytes.substr(0, 6) == "\x93NUMPY"; }

bool is_npz(std::string_view bytes) { return bytes.substr(0, 4) == "PK\x03\x04" || bytes.substr(0, 4) == "PK\x05\x06"; }

Tensor parse_npy(std::string_view bytes, const std::string& file) {
  if (!is_npy(bytes)) fail(ErrorCode::kInvalidArgument, "{}: not an .npy file", file);
  const auto version = number_at<std::uint8_t>(bytes, 6, file);
  const std::size_t start = version >= 2 ? 12 : 10;
  const std::size_t length =
      version >= 2 ? number_at<std::uint32_t>(bytes, 8, file) : number_at<std::uint16_t>(bytes, 8, file);
  const std::string_view header = slice(bytes, start, length, file);
  const std::string_view data = bytes.substr(start + length);

  const std::string_view shape = header_field(header, "shape", file);
  Dims dims;
  std::uint64_t value = 0;
  bool digits = false;
  for (const char c : shape.substr(0, shape.find(')') + 1)) {
    if (c >= '0' && c <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
      digits = true;
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()) * 4096) break;
    } else if (digits) {
      dims.push_back(static_cast<std::int64_t>(value));
      value = 0;
      digits = false;
    }
  }
  const bool fortran = header_field(header, "fortran_order", file).substr(0, 4) == "True";
  const std::string_view field = header_field(header, "descr", file);
  if (field.size() < 2 || (field[0] != '\'' && field[0] != '"'))
    fail(ErrorCode::kInvalidArgument, "{}: records are no tensor", file);
  const std::string code(field.substr(1, field.find(field[0], 1) - 1));
  if (!code.empty() && code[0] == '>')
    fail(ErrorCode::kInvalidArgument, "{}: big-endian elements ({}) are not supported", file, code);
  if (code.size() > 2 && code[1] == 'U' && code.size() < 10 &&
      std::all_of(code.begin() + 2, code.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    if (fortran && dims.size() > 1)
      fail(ErrorCode::kInvalidArgument, "{}: strings in Fortran order are not supported", file);
    return parse_numpy_strings(data, static_cast<std::size_t>(std::stoul(code.substr(2))), dims, file);
  }
  const auto* const type = std::find_if(std::begin(kNumpyTypes), std::end(kNumpyTypes),
                                        [&](const NumpyType& t) { return !code.empty() && code.substr(1) == t.code; });
  if (type == std::end(kNumpyTypes))
    fail(ErrorCode::kInvalidArgument, "{}: elements of NumPy type {} are not supported", file, code);
  const std::size_t expected = element_bytes(type->element, count_elements(dims));
  if (data.size() < expected)
    fail(ErrorCode::kInvalidArgument, "{}: holds {} bytes of data, expected {}", file, data.size(), expected);
  Tensor tensor = Tensor::allocate(type->element, dims);
  if (expected > 0) std::memcpy(tensor.raw(), data.data(), expected);
  return fortran && dims.size() > 1 ? from_fortran(tensor, dims) : tensor;
}

std::vector<std::pair<std::string, Tensor>> parse_npz(std::string_view bytes, const std::string& file) {
  // The end record stands within the last 64 KiB, behind it only a comment.
  std::size_t end = std::string_view::npos;
  for (std::size_t back = 22; back <= std::min<std::size_t>(bytes.size(), 22 + 65535); ++back) {
    if (bytes.substr(bytes.size() - back, 4) == "PK\x05\x06") {
      end = bytes.size() - back;
      break;
    }
  }
  if (end == std::string_view::npos) fail(ErrorCode::kInvalidArgument, "{}: not a whole .npz file", file);
  std::uint64_t count = number_at<std::uint16_t>(bytes, end + 10, file);
  std::uint64_t at = number_at<std::uint32_t>(bytes, end + 16, file);
  if (end >= 20 && bytes.substr(end - 20, 4) == "PK\x06\x07") {
    const auto record = number_at<std::uint64_t>(bytes, end - 20 + 8, file);
    count = number_at<std::uint64_t>(bytes, static_cast<std::size_t>(record) + 32, file);
    at = number_at<std::uint64_t>(bytes, static_cast<std::size_t>(record) + 48, file);
  }
  std::vector<std::pair<std::string, Tensor>> arrays;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view entry = slice(bytes, at, 46, file);
    if (entry.substr(0, 4) != "PK\x01\x02")
      fail(ErrorCode::kInvalidArgument, "{}: the directory of the archive is damaged", file);
    const auto method = number_at<std::uint16_t>(entry, 10, file);
    std::uint64_t packed = number_at<std::uint32_t>(entry, 20, file);
    std::uint64_t size = number_at<std::uint32_t>(entry, 24, file);
    const auto name_length = number_at<std::uint16_t>(entry, 28, file);
    const auto extra_length = number_at<std::uint16_t>(entry, 30, file);
    const auto comment_length = number_at<std::uint16_t>(entry, 32, file);
    std::uint64_t local = number_at<std::uint32_t>(entry, 42, file);
    std::string name(slice(bytes, at + 46, name_length, file));
    // Sizes past 4 GiB stand in the extra field 1, in this order, those alone that did not fit.
    std::string_view extra = slice(bytes, at + 46 + name_length, extra_length, file);
    while (extra.size() >= 4) {
      const auto id = number_at<std::uint16_t>(extra, 0, file);
      const std::string_view body = slice(extra, 4, number_at<std::uint16_t>(extra, 2, file), file);
      std::size_t next = 0;
      if (id == 1) {
        for (std::uint64_t* field : {&size, &packed, &local}) {
          if (*field != 0xffffffffU) continue;
          *field = number_at<std::uint64_t>(body, next, file);
          next += 8;
        }
      }
      extra.remove_prefix(4 + body.size());
    }
    at += 46U + name_length + extra_length + comment_length;
    const std::string_view header = slice(bytes, local, 30, file);
    const std::uint64_t start =
        local + 30 + number_at<std::uint16_t>(header, 26, file) + number_at<std::uint16_t>(header, 28, file);
    const std::string_view data = slice(bytes, start, packed, file);
    if (name.size() > 4 && name.substr(name.size() - 4) == ".npy") name.resize(name.size() - 4);
    const std::string place = file + ":" + name;
    if (method == 0) {
      arrays.emplace_back(name, parse_npy(data, place));
    } else if (method == 8) {
      constexpr std::uint64_t kLimit = std::numeric_limits<int>::max() - 8;
      if (size > kLimit || packed > kLimit)
        fail(ErrorCode::kInvalidArgument, "{}: compressed arrays of 2 GiB and more are not supported", place);
      // No deflated byte makes more than 1032.
      if (size > packed * 1032 + 64) fail(ErrorCode::kInvalidArgument, "{}: the compressed data is damaged", place);
      std::string whole(static_cast<std::size_t>(size), '\0');
      if (!inflate(data, whole)) fail(ErrorCode::kInvalidArgument, "{}: the compressed data is damaged", place);
      arrays.emplace_back(name, parse_npy(whole, place));
    } else {
      fail(ErrorCode::kInvalidArgument, "{}: compression method {} is not supported, expected stored or deflated",
           place, method);
    }
  }
  return arrays;
}

Tensor parse_tensor_proto(const std::string& bytes, const std::string& file) {
  const auto owner = std::make_shared<std::string>(bytes);
  const std::shared_ptr<Memory> memory = borrow_host(owner->data(), owner->size(), owner);
  try {
    return onnx::TensorLoader(memory, "", std::size_t{1} << 31).load(onnx::Bytes(*owner));
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidArgument, formatted("{}: {}", file, error.what()));
  }
}

Tensor parse_raw(std::string_view bytes, const ValueType& type, const std::string& file) {
  const int bits = element_bits(type.element);
  if (type.element == ElementType::kString || bits < 8) {
    fail(ErrorCode::kInvalidArgument, "{}: plain bytes cannot hold elements of {}", file, element_name(type.element));
  }
  if (!type.shape.is_ranked()) fail(ErrorCode::kInvalidArgument, "{}: plain bytes need a shape; give --shape", file);
  const auto width = static_cast<std::uint64_t>(bits) / 8;
  Dims dims;
  std::uint64_t known = width;
  int open = -1;
  for (const Dim& d : type.shape.dims()) {
    if (!d.is_known() && open >= 0)
      fail(ErrorCode::kInvalidArgument, "{}: plain bytes for {} leave more than one dimension open; give --shape", file,
           type.to_string());
    if (!d.is_known()) open = static_cast<int>(dims.size());
    dims.push_back(d.is_known() ? d.value() : 1);
    known *= static_cast<std::uint64_t>(dims.back());
  }
  if (open >= 0 && known > 0 && bytes.size() % known == 0) {
    dims[static_cast<std::size_t>(open)] = static_cast<std::int64_t>(bytes.size() / known);
    known = bytes.size();
  }
  if (known != bytes.size()) {
    fail(ErrorCode::kInvalidArgument, "{}: {} bytes, but {} takes {}{}", file, bytes.size(), type.to_string(),
         open >= 0 ? "a multiple of " : "", known);
  }
  Tensor tensor = Tensor::allocate(type.element, dims);
  if (!bytes.empty()) std::memcpy(tensor.raw(), bytes.data(), bytes.size());
  return tensor;
}

Tensor parse_json(const std::string& text, ElementType element) {
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded()) fail(ErrorCode::kInvalidArgument, "{}: not a JSON array", text);
  Dims dims;
  for (const nlohmann::json* level = &value; level->is_array(); level = &(*level)[0]) {
    dims.push_back(static_cast<std::int64_t>(level->size()));
    if (level->empty()) break;
    if (dims.size() > kMaxRank)
      fail(ErrorCode::kInvalidArgument, "an array on the command line has more than {} dimensions", kMaxRank);
  }
  Tensor tensor = Tensor::allocate(element, dims);
  std::int64_t at = 0;
  const auto fill = [&](const auto& self, const nlohmann::json& node, std::size_t depth) -> void {
    if (depth < dims.size()) {
      if (!node.is_array() || static_cast<std::int64_t>(node.size()) != dims[depth]) {
        fail(ErrorCode::kInvalidArgument, "{}: rows of an array differ in length", text);
      }
      for (const auto& item : node) self(self, item, depth + 1);
    } else if (element == ElementType::kString && node.is_string()) {
      tensor.data<std::string>()[at++] = node.get<std::string>();
    } else if (element == ElementType::kI64 && node.is_number_integer()) {
      tensor.data<std::int64_t>()[at++] = node.get<std::int64_t>();
    } else if (element == ElementType::kBool && node.is_boolean()) {
      tensor.data<bool>()[at++] = node.get<bool>();
    } else if (node.is_number() && is_float(element)) {
      store_element(tensor, at++, node.get<double>());
    } else if (node.is_number_integer() && is_integer(element)) {
      store_element(tensor, at++, node.get<double>());
    } else {
      fail(ErrorCode::kInvalidArgument, "{}: {} is no element of {}", text, node.dump(), element_name(element));
    }
  };
  fill(fill, value, 0);
  return tensor;
}

std::string write_npy(const Tensor& tensor) {
  const auto* const type = std::find_if(std::begin(kNumpyTypes), std::end(kNumpyTypes),
                                        [&](const NumpyType& t) { return t.element == tensor.type(); });
  if (type == std::end(kNumpyTypes)) {
    fail(ErrorCode::kInvalidArgument, "elements of {} cannot be written as .npy: NumPy has no such type",
         element_name(tensor.type()));
  }
  std::string shape;
  for (const std::int64_t d : tensor.dims()) shape += std::to_string(d) + ", ";
  if (tensor.rank() > 1) shape.resize(shape.size() - 2);
  std::string header = formatted("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                 element_bits(tensor.type()) == 8 ? '|' : '<', type->code, shape);
  header.append(63 - (10 + header.size()) % 64, ' ').push_back('\n');
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes.push_back(static_cast<char>(header.size() & 0xff));
  bytes.push_back(static_cast<char>(header.size() >> 8));
  bytes += header;
  bytes.append(static_cast<const char*>(tensor.raw()), tensor.bytes());
  return bytes;
}

}  // namespace oriel::shell
