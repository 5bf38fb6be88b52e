// What the steps share that move elements: control operands, regions of tensors in either layout, copies over the
// threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "devices/cpu/lowering.h"
#include "kernels/transpose/strided_copy.h"

namespace oriel::cpu {

/// Elements that one thread moves at least.
inline constexpr std::int64_t kMoveGrain = 16384;

/// Bytes of an element where they are 1, 2, 4, 8 or 16, else 0 (strings, types below a byte).
int fixed_bytes(ElementType type);

/// Why nodes cannot be lowered that move the elements of operand 0; empty where they can. Ranks may go to `max_rank`.
std::string decline_moved(const Node& node, std::size_t max_rank = kernels::kMaxCopyRank);

/// Whether anybody reads output `i` of a node.
bool output_wanted(const Lowering& lowering, const Node& node, std::size_t i);

/// The integers of an operand; Error(kInvalidArgument) for other element types.
Dims read_integers(const Tensor& tensor);
/// The integer of an operand of one element.
std::int64_t read_integer(const Tensor& tensor);
/// `axes` counted from the front; Error(kInvalidArgument) where one is out of range or stands there twice.
Dims read_axes(const Dims& axes, std::size_t rank);

/// Strides in elements of a tensor in memory. On axis 1 of a blocked one `stride` leads to the next lane and `block` to
/// the next 16 channels; in a plain one `block` is 16 strides.
struct Placement {
  Dims stride;
  std::int64_t block = 0;
};
Placement placement_of(const Dims& dims, bool blocked);

/// The loops of a copy, one axis after another in the order of the output.
class Region {
 public:
  /// Strides count elements. Throws Error(kNotImplemented) at too many axes.
  void add(std::int64_t extent, std::int64_t from, std::int64_t to);
  /// Axis `a` of a tensor placed as `from`, to axis `b` of one placed as `to`. `split` says that either is axis 1 of a
  /// blocked tensor: the extent is then cut into blocks of 16, the last one whole too.
  void add(std::int64_t extent, const Placement& from, std::size_t a, const Placement& to, std::size_t b, bool split);
  void copy(RunContext& context, int bytes, const void* x, void* y) const;

 private:
  int rank_ = 0;
  std::int64_t elements_ = 1;
  std::int64_t extent_[kernels::kMaxCopyRank];
  std::int64_t from_[kernels::kMaxCopyRank];
  std::int64_t to_[kernels::kMaxCopyRank];
};

/// The byte behind `elements` elements.
inline const char* at(const void* base, std::int64_t elements, int bytes) {
  return static_cast<const char*>(base) + elements * bytes;
}
inline char* at(void* base, std::int64_t elements, int bytes) { return static_cast<char*>(base) + elements * bytes; }

/// All of x to y.
void copy_bytes(RunContext& context, const void* x, void* y, std::size_t bytes);
/// y[i] = *value for `count` elements.
void fill_elements(RunContext& context, void* y, std::int64_t count, int bytes, const void* value);

struct Bytes16 {
  std::uint64_t half[2];
};
/// Calls f.template operator()<U>() for a type of that many bytes.
template <typename F>
void with_bytes(int bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f.template operator()<std::uint8_t>();
    case 2:
      return f.template operator()<std::uint16_t>();
    case 4:
      return f.template operator()<std::uint32_t>();
    case 8:
      return f.template operator()<std::uint64_t>();
    default:
      return f.template operator()<Bytes16>();
  }
}
/// Calls f.template operator()<I>() for i32 or i64; Error(kInvalidArgument) for tensors of other types.
template <typename F>
void with_index(const Tensor& indices, F&& f) {
  ORIEL_REQUIRE(indices.type() == ElementType::kI32 || indices.type() == ElementType::kI64, "indices are {}",
                indices.description());
  if (indices.type() == ElementType::kI32) {
    f.template operator()<std::int32_t>();
  } else {
    f.template operator()<std::int64_t>();
  }
}

/// Notes from loops that an index was out of range; threads may share it.
class IndexFault {
 public:
  /// The index counted from the front, or 0 with a note.
  std::int64_t resolve(std::int64_t index, std::int64_t extent) {
    if (index < 0) index += extent;
    if (index >= 0 && index < extent) return index;
    bad_.store(true, std::memory_order_relaxed);
    return 0;
  }
  /// Throws Error(kInvalidArgument) where there was one.
  void check(std::int64_t extent) const {
    ORIEL_REQUIRE(!bad_.load(std::memory_order_relaxed), "an index is out of range for an extent of {}", extent);
  }
  bool seen() const { return bad_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> bad_{false};
};

}  // namespace oriel::cpu
