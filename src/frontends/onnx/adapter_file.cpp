// FlatBuffers by hand, for the two tables of the format: Adapter {format_version, adapter_version, model_version: i32;
// parameters} and Parameter {name; dims: [i64]; data_type: i32; raw_data: [u8], aligned to 8}. Offsets count forward
// from where they stand; a table begins with the distance back to its vtable of 16-bit field offsets, 0 where a field
// has its default.
#include "frontends/onnx/adapter_file.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "base/mapped_file.h"
#include "frontends/onnx/data_types.h"

namespace oriel::onnx {
namespace {

constexpr std::string_view kIdentifier = "TORT";
constexpr std::size_t kFields = 4;

[[noreturn]] void bad(const std::string& fact) {
  fail(ErrorCode::kRuntimeException, "The buffer does not appear to be a valid lora parameter format: {}", fact);
}

class FlatReader {
 public:
  FlatReader(const void* data, std::size_t size) : data_(static_cast<const char*>(data)), size_(size) {}

  template <typename T>
  T get(std::size_t at) const {
    if (at > size_ || size_ - at < sizeof(T)) bad(formatted("it ends before byte {}", at + sizeof(T)));
    T value;
    std::memcpy(&value, data_ + at, sizeof(T));
    return value;
  }
  std::size_t follow(std::size_t at) const { return at + get<std::uint32_t>(at); }
  /// Where the field of a table stands; 0 where it has its default.
  std::size_t field(std::size_t table, std::size_t index) const {
    const std::int64_t vtable = static_cast<std::int64_t>(table) - get<std::int32_t>(table);
    if (vtable < 0) bad("a table has no description");
    const auto at = static_cast<std::size_t>(vtable);
    const std::size_t slot = 4 + 2 * index;
    if (get<std::uint16_t>(at) < slot + 2) return 0;
    const std::uint16_t offset = get<std::uint16_t>(at + slot);
    return offset == 0 ? 0 : table + offset;
  }
  std::int32_t integer(std::size_t table, std::size_t index) const {
    const std::size_t at = field(table, index);
    return at == 0 ? 0 : get<std::int32_t>(at);
  }
  /// The elements of a vector or string field: where they begin and how many there are.
  std::pair<std::size_t, std::size_t> vector(std::size_t table, std::size_t index, std::size_t width) const {
    const std::size_t at = field(table, index);
    if (at == 0) return {0, 0};
    const std::size_t begin = follow(at);
    const std::size_t count = get<std::uint32_t>(begin);
    if (size_ - begin - 4 < count * width) bad(formatted("a vector of {} elements leaves it", count));
    return {begin + 4, count};
  }
  const char* at(std::size_t offset) const { return data_ + offset; }

 private:
  const char* data_;
  std::size_t size_;
};

std::pair<std::string, Tensor> read_parameter(const FlatReader& reader, std::size_t table,
                                              const std::shared_ptr<Memory>& bytes) {
  const auto [name_at, name_size] = reader.vector(table, 0, 1);
  std::string name(name_size == 0 ? "" : reader.at(name_at), name_size);
  const auto [dims_at, rank] = reader.vector(table, 1, 8);
  Dims dims;
  std::int64_t count = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    dims.push_back(reader.get<std::int64_t>(dims_at + 8 * i));
    if (dims[i] < 0 || (dims[i] > 0 && count > (std::int64_t{1} << 40) / dims[i]))
      bad(formatted("parameter \"{}\" has the dimension {}", name, dims[i]));
    count *= dims[i];
  }
  const std::int32_t number = reader.integer(table, 2);
  const std::optional<ElementType> type = element_from_onnx(number);
  if (!type || *type == ElementType::kUndefined || *type == ElementType::kString)
    bad(formatted("parameter \"{}\" has the element type {}", name, number));
  const auto [data_at, size] = reader.vector(table, 3, 1);
  if (size != element_bytes(*type, count))
    bad(formatted("parameter \"{}\" holds {} bytes, its dimensions need {}", name, size, element_bytes(*type, count)));
  if (size == 0) return {std::move(name), Tensor::allocate(*type, dims)};
  if (reinterpret_cast<std::uintptr_t>(reader.at(data_at)) % 8 == 0)
    return {std::move(name), Tensor(*type, dims, bytes, data_at)};
  Tensor copy = Tensor::allocate(*type, dims);
  std::memcpy(copy.raw(), reader.at(data_at), size);
  return {std::move(name), std::move(copy)};
}

class FlatWriter {
 public:
  template <typename T>
  void put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  template <typename T>
  void set(std::size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  /// Makes the offset that stands at `at` lead to the end.
  void aim(std::size_t at) { set(at, static_cast<std::uint32_t>(bytes_.size() - at)); }
  void align(std::size_t to, std::size_t ahead = 0) {
    while ((bytes_.size() + ahead) % to != 0) bytes_.push_back('\0');
  }
  /// A table of four 32-bit fields behind its vtable; returns where its fields stand.
  std::array<std::size_t, kFields> table(std::size_t reference) {
    align(4);
    const std::size_t vtable = bytes_.size();
    put<std::uint16_t>(4 + 2 * kFields);
    put<std::uint16_t>(4 + 4 * kFields);
    for (std::size_t i = 0; i < kFields; ++i) put<std::uint16_t>(static_cast<std::uint16_t>(4 + 4 * i));
    const std::size_t start = bytes_.size();
    aim(reference);
    put<std::int32_t>(static_cast<std::int32_t>(start - vtable));
    std::array<std::size_t, kFields> fields{};
    for (std::size_t i = 0; i < kFields; ++i) {
      fields[i] = bytes_.size();
      put<std::uint32_t>(0);
    }
    return fields;
  }
  /// A vector whose elements begin at a multiple of `alignment`.
  void vector(std::size_t reference, const void* data, std::size_t count, std::size_t width, std::size_t alignment) {
    align(alignment, 4);
    align(4);
    aim(reference);
    put<std::uint32_t>(static_cast<std::uint32_t>(count));
    if (count != 0) bytes_.append(static_cast<const char*>(data), count * width);
  }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace

Adapter read_adapter(const std::shared_ptr<Memory>& bytes) {
  const FlatReader reader(bytes->map(), bytes->size());
  if (bytes->size() <= 8 || std::string_view(reader.at(4), 4) != kIdentifier) bad("there is no identifier");
  const std::size_t root = reader.follow(0);
  Adapter adapter;
  adapter.format_version = reader.integer(root, 0);
  if (adapter.format_version != Adapter::kFormatVersion) {
    fail(ErrorCode::kRuntimeException, "Unsupported lora format version: {}, expected {}", adapter.format_version,
         Adapter::kFormatVersion);
  }
  adapter.adapter_version = reader.integer(root, 1);
  adapter.model_version = reader.integer(root, 2);
  const auto [at, count] = reader.vector(root, 3, 4);
  for (std::size_t i = 0; i < count; ++i)
    adapter.parameters.push_back(read_parameter(reader, reader.follow(at + 4 * i), bytes));
  return adapter;
}

Adapter read_adapter_file(const std::string& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  try {
    return read_adapter(
        borrow_host(const_cast<std::byte*>(file->data()), file->size(), std::const_pointer_cast<MappedFile>(file)));
  } catch (const Error& error) {
    throw error.at(path);
  }
}

std::string write_adapter(const Adapter& adapter) {
  std::size_t total = 0;
  for (const auto& [name, tensor] : adapter.parameters) {
    ORIEL_REQUIRE(tensor.type() != ElementType::kString, "parameter \"{}\" holds strings, adapters hold numbers", name);
    total += tensor.bytes() + name.size() + 128;
  }
  ORIEL_REQUIRE(total < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
                "the parameters take {} bytes, the format ends at 2 GiB", total);
  FlatWriter out;
  out.put<std::uint32_t>(0);
  out.bytes() += kIdentifier;
  const auto fields = out.table(0);
  out.set<std::int32_t>(fields[0], Adapter::kFormatVersion);
  out.set<std::int32_t>(fields[1], adapter.adapter_version);
  out.set<std::int32_t>(fields[2], adapter.model_version);
  const std::vector<std::uint32_t> places(adapter.parameters.size());
  out.vector(fields[3], places.data(), places.size(), 4, 4);
  const std::size_t first = out.bytes().size() - 4 * places.size();
  for (std::size_t i = 0; i < adapter.parameters.size(); ++i) {
    const auto& [name, tensor] = adapter.parameters[i];
    const auto parts = out.table(first + 4 * i);
    out.vector(parts[0], name.data(), name.size(), 1, 4);
    out.put<char>('\0');
    out.vector(parts[1], tensor.dims().begin(), tensor.rank(), 8, 8);
    out.set<std::int32_t>(parts[2], element_to_onnx(tensor.type()));
    out.vector(parts[3], tensor.bytes() == 0 ? nullptr : tensor.raw(), tensor.bytes(), 1, 8);
  }
  out.align(8);
  return std::move(out.bytes());
}

void write_adapter_file(const Adapter& adapter, const std::string& path) {
  const std::string bytes = write_adapter(adapter);
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) fail(ErrorCode::kFail, "cannot write {}", path);
}

}  // namespace oriel::onnx
