// Operators that select or place elements by indices.
#include <cmath>
#include <cstring>

#include "devices/cpu/movement.h"
#include "ops/scatter.h"

namespace oriel::cpu {
namespace {

bool is_index(ElementType type) { return type == ElementType::kI32 || type == ElementType::kI64; }

std::string decline_indexed(const Node& node, const CompileOptions&) {
  if (!is_index(node.input(1)->element())) return formatted("indices of {}", element_name(node.input(1)->element()));
  return decline_moved(node);
}

Lowering::StepSpec plain_spec(Lowering& lowering, const Unit& unit, std::string kernel) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  for (std::size_t i = 0; i < unit.node->num_outputs(); ++i) {
    spec.outputs.push_back(output_wanted(lowering, *unit.node, i) ? lowering.plain_output(unit.node->output(i)) : -1);
  }
  spec.kernel = std::move(kernel);
  return spec;
}

std::int64_t grain_of(std::int64_t elements_a_unit) {
  return std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, elements_a_unit));
}

// Row i of the output is `width` elements of x at start(i).
template <typename Start>
void copy_rows(RunContext& context, std::int64_t rows, std::int64_t width, int bytes, const void* x, void* y,
               Start&& start) {
  if (width == 1) {
    with_bytes(bytes, [&]<typename U>() {
      const auto* from = static_cast<const U*>(x);
      auto* to = static_cast<U*>(y);
      parallel(context, rows, kMoveGrain, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) to[i] = from[start(i)];
      });
    });
    return;
  }
  const auto size = static_cast<std::size_t>(width * bytes);
  parallel(context, rows, grain_of(width), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t i = first; i < last; ++i) std::memcpy(at(y, i * width, bytes), at(x, start(i), bytes), size);
  });
}

void lower_gather(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "gather");
  spec.run = [bytes = fixed_bytes(node.input(0)->element()), given = node.attributes().get_int("axis")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& data = inputs[0];
    const Tensor& indices = inputs[1];
    const auto axis = static_cast<std::size_t>(normalize_axis(given, data.rank()));
    const ops::AxisSplit split = ops::split_at(data.dims(), axis);
    Dims dims(data.dims().begin(), data.dims().begin() + axis);
    for (const std::int64_t d : indices.dims()) dims.push_back(d);
    for (std::size_t i = axis + 1; i < data.rank(); ++i) dims.push_back(data.dim(i));
    IndexFault fault;
    with_index(indices, [&]<typename I>() {
      const I* picks = indices.data<I>();
      const std::int64_t picked = indices.size();
      for (std::int64_t i = 0; i < picked; ++i) fault.resolve(picks[i], split.extent);
      fault.check(split.extent);
      Tensor& out = outputs.allocate(0, data.type(), dims);
      if (out.size() == 0) return;
      if (picked == 1) {
        Region region;
        region.add(split.outer, split.extent * split.inner, split.inner);
        region.add(split.inner, 1, 1);
        return region.copy(context, bytes, at(data.raw(), fault.resolve(picks[0], split.extent) * split.inner, bytes),
                           out.raw());
      }
      const auto extent = split.extent;
      const auto inner = split.inner;
      copy_rows(context, split.outer * picked, inner, bytes, data.raw(), out.raw(), [=](std::int64_t row) {
        const std::int64_t i = picks[row % picked];
        return (row / picked * extent + (i < 0 ? i + extent : i)) * inner;
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// The walk over all lines along `axis` of an array of `dims`: where a line starts in it and in an array of other
// strides.
struct Lines {
  Lines(const Dims& dims, std::size_t axis, const Dims& other)
      : dims(dims), axis(axis), own(row_major_strides(dims)), other(other) {
    count = dims[axis] == 0 ? 0 : count_elements(dims) / dims[axis];
  }
  void start(std::int64_t line, std::int64_t& here, std::int64_t& there) const {
    here = there = 0;
    for (std::size_t d = dims.size(); d-- > 0;) {
      if (d == axis) continue;
      const std::int64_t i = line % dims[d];
      line /= dims[d];
      here += i * own[d];
      there += i * other[d];
    }
  }
  Dims dims;
  std::size_t axis;
  Dims own;
  Dims other;
  std::int64_t count = 0;
};

void check_line_dims(const Dims& indices, const Dims& data, std::size_t axis) {
  ORIEL_REQUIRE(indices.size() == data.size(), "indices have the shape {}, expected rank {}", to_string(indices),
                data.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    ORIEL_REQUIRE(i == axis || indices[i] <= data[i], "indices {} do not fit data {}", to_string(indices),
                  to_string(data));
  }
}

void lower_gather_elements(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "gather_elements");
  spec.run = [bytes = fixed_bytes(node.input(0)->element()), given = node.attributes().get_int("axis")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& data = inputs[0];
    const Tensor& indices = inputs[1];
    const auto axis = static_cast<std::size_t>(normalize_axis(given, data.rank()));
    check_line_dims(indices.dims(), data.dims(), axis);
    Tensor& out = outputs.allocate(0, data.type(), indices.dims());
    const Lines lines(indices.dims(), axis, row_major_strides(data.dims()));
    const std::int64_t n = indices.dim(axis);
    const std::int64_t extent = data.dim(axis);
    const std::int64_t step = lines.own[axis];
    const std::int64_t data_step = lines.other[axis];
    // Neighbouring lines lie side by side, unless they are the last axis themselves.
    const std::int64_t beside = axis + 1 < data.rank() ? indices.dim(data.rank() - 1) : 1;
    IndexFault fault;
    with_index(indices, [&]<typename I>() {
      const I* picks = indices.data<I>();
      // Tested first: an empty axis has no element to stand in for a bad index.
      parallel(context, indices.size(), kMoveGrain, [&](std::int64_t first, std::int64_t last, int) {
        bool bad = false;
        for (std::int64_t i = first; i < last; ++i) bad |= picks[i] < -extent || picks[i] >= extent;
        if (bad) fault.resolve(extent, extent);
      });
      fault.check(extent);
      if (out.size() == 0) return;
      with_bytes(bytes, [&]<typename U>() {
        const auto* from = static_cast<const U*>(data.raw());
        auto* to = static_cast<U*>(out.raw());
        parallel(context, lines.count / beside, grain_of(n * beside), [&](std::int64_t first, std::int64_t last, int) {
          for (std::int64_t group = first; group < last; ++group) {
            std::int64_t here = 0;
            std::int64_t there = 0;
            lines.start(group * beside, here, there);
            if (beside == 1) {
              for (std::int64_t j = 0; j < n; ++j, here += step) {
                const std::int64_t i = picks[here];
                to[here] = from[there + (i < 0 ? i + extent : i) * data_step];
              }
              continue;
            }
            for (std::int64_t j = 0; j < n; ++j, here += step) {
              for (std::int64_t b = 0; b < beside; ++b) {
                const std::int64_t i = picks[here + b];
                to[here + b] = from[there + b + (i < 0 ? i + extent : i) * data_step];
              }
            }
          }
        });
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_gather_nd(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "gather_nd");
  spec.run = [bytes = fixed_bytes(node.input(0)->element()), batch = node.attributes().get_int("batch_dims")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& data = inputs[0];
    const Tensor& indices = inputs[1];
    const auto rank = static_cast<std::int64_t>(data.rank());
    ORIEL_REQUIRE(
        indices.rank() >= 1 && batch >= 0 && batch < rank && batch < static_cast<std::int64_t>(indices.rank()),
        "batch_dims is {} for data {} and indices {}", batch, data.description(), indices.description());
    const std::int64_t depth = indices.dim(indices.rank() - 1);
    ORIEL_REQUIRE(batch + depth <= rank, "indices of {} numbers for {} axes", depth, rank - batch);
    std::int64_t batches = 1;
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
      ORIEL_REQUIRE(data.dim(i) == indices.dim(i), "data {} and indices {} differ on batch axis {}",
                    to_string(data.dims()), to_string(indices.dims()), i);
      batches *= data.dim(i);
    }
    Dims dims(indices.dims().begin(), indices.dims().end() - 1);
    const std::int64_t picks = count_elements(dims);
    std::int64_t part = 1;
    for (auto i = static_cast<std::size_t>(batch + depth); i < data.rank(); ++i) {
      dims.push_back(data.dim(i));
      part *= data.dim(i);
    }
    const Dims strides = row_major_strides(data.dims());
    IndexFault fault;
    with_index(indices, [&]<typename I>() {
      const I* numbers = indices.data<I>();
      for (std::int64_t i = 0; i < picks; ++i) {
        for (std::int64_t k = 0; k < depth; ++k)
          fault.resolve(numbers[i * depth + k], data.dim(static_cast<std::size_t>(batch + k)));
      }
      ORIEL_REQUIRE(!fault.seen(), "an index is out of range for data {}", to_string(data.dims()));
      Tensor& out = outputs.allocate(0, data.type(), dims);
      if (out.size() == 0) return;
      const std::int64_t batch_elements = data.size() / batches;
      const std::int64_t batch_picks = picks / batches;
      copy_rows(context, picks, part, bytes, data.raw(), out.raw(), [&](std::int64_t i) {
        std::int64_t start = i / batch_picks * batch_elements;
        for (std::int64_t k = 0; k < depth; ++k) {
          const auto axis = static_cast<std::size_t>(batch + k);
          const std::int64_t n = numbers[i * depth + k];
          start += (n < 0 ? n + data.dim(axis) : n) * strides[axis];
        }
        return start;
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// Scatter

std::string decline_scatter(const Node& node, const CompileOptions& options) {
  const ElementType type = node.input(0)->element();
  if (node.attributes().get_string("reduction") != "none" && type != ElementType::kBool && !is_integer(type) &&
      type != ElementType::kF32 && type != ElementType::kF64 && type != ElementType::kF16 &&
      type != ElementType::kBF16) {
    return formatted("no reduction for {}", element_name(type));
  }
  return decline_indexed(node, options);
}

// Whether data may be overwritten: no other operand can be a view of it.
bool owns_data(const Node& node) {
  for (std::size_t i = 1; i < node.num_inputs(); ++i) {
    const Value* v = node.input(i);
    if (v == node.input(0) || (v->producer() != nullptr && v->producer()->op().traits.view)) return false;
  }
  return true;
}

// Calls put(target, update) of the asked reduction: for "none" by size, else by type.
template <typename F>
void with_reduction(const std::string& reduction, ElementType type, F&& f) {
  if (reduction == "none") {
    with_bytes(fixed_bytes(type),
               [&]<typename U>() { f.template operator()<U>([](U& to, U update) { to = update; }); });
    return;
  }
  ops::dispatch_numeric_or_bool(type, [&]<typename T>() {
    f.template operator()<T>([&](T& to, T update) { to = ops::combine<T>(reduction, to, update); });
  });
}

Tensor& copied(RunContext& context, OutputSink& outputs, const Tensor& data) {
  const void* from = data.raw();
  const std::size_t bytes = data.bytes();
  Tensor& out = outputs.allocate(0, data.type(), data.dims());
  if (out.raw() != from) copy_bytes(context, from, out.raw(), bytes);
  return out;
}

void lower_scatter_elements(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "scatter_elements");
  spec.algorithm = node.attributes().get_string("reduction");
  if (owns_data(node)) spec.in_place = {0};
  spec.run = [reduction = spec.algorithm, given = node.attributes().get_int("axis")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& data = inputs[0];
    const Tensor& indices = inputs[1];
    const Tensor& updates = inputs[2];
    const auto axis = static_cast<std::size_t>(normalize_axis(given, data.rank()));
    ORIEL_REQUIRE(indices.dims() == updates.dims() && updates.type() == data.type(),
                  "data are {}, indices {}, updates {}", data.description(), indices.description(),
                  updates.description());
    check_line_dims(indices.dims(), data.dims(), axis);
    const Lines lines(indices.dims(), axis, row_major_strides(data.dims()));
    const std::int64_t n = indices.dim(axis);
    const std::int64_t extent = data.dim(axis);
    const std::int64_t step = lines.own[axis];
    const std::int64_t data_step = lines.other[axis];
    IndexFault fault;
    with_index(indices, [&]<typename I>() {
      const I* picks = indices.data<I>();
      for (std::int64_t i = 0; i < indices.size(); ++i) fault.resolve(picks[i], extent);
      fault.check(extent);
      Tensor& out = copied(context, outputs, data);
      with_reduction(reduction, out.type(), [&]<typename T>(auto put) {
        const auto* from = static_cast<const T*>(updates.raw());
        auto* to = static_cast<T*>(out.raw());
        // Lines never meet, and each keeps the order of its updates.
        parallel(context, lines.count, grain_of(n), [&](std::int64_t first, std::int64_t last, int) {
          for (std::int64_t line = first; line < last; ++line) {
            std::int64_t here = 0;
            std::int64_t there = 0;
            lines.start(line, here, there);
            for (std::int64_t j = 0; j < n; ++j) {
              const std::int64_t i = picks[here + j * step];
              put(to[there + (i < 0 ? i + extent : i) * data_step], from[here + j * step]);
            }
          }
        });
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_scatter_nd(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "scatter_nd");
  spec.algorithm = node.attributes().get_string("reduction");
  if (owns_data(node)) spec.in_place = {0};
  spec.run = [reduction = spec.algorithm](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& data = inputs[0];
    const Tensor& indices = inputs[1];
    const Tensor& updates = inputs[2];
    ORIEL_REQUIRE(indices.rank() >= 1, "indices are a scalar");
    const std::int64_t depth = indices.dim(indices.rank() - 1);
    ORIEL_REQUIRE(depth <= static_cast<std::int64_t>(data.rank()), "indices of {} numbers for rank {}", depth,
                  data.rank());
    Dims wanted(indices.dims().begin(), indices.dims().end() - 1);
    const std::int64_t picks = count_elements(wanted);
    std::int64_t part = 1;
    for (auto i = static_cast<std::size_t>(depth); i < data.rank(); ++i) {
      wanted.push_back(data.dim(i));
      part *= data.dim(i);
    }
    ORIEL_REQUIRE(updates.dims() == wanted && updates.type() == data.type(), "updates are {}, expected {}{}",
                  updates.description(), element_name(data.type()), to_string(wanted));
    const Dims dims = data.dims();
    const Dims strides = row_major_strides(dims);
    IndexFault fault;
    with_index(indices, [&]<typename I>() {
      const I* numbers = indices.data<I>();
      if (part > 0) {
        for (std::int64_t i = 0; i < picks; ++i) {
          for (std::int64_t k = 0; k < depth; ++k)
            fault.resolve(numbers[i * depth + k], dims[static_cast<std::size_t>(k)]);
        }
      }
      ORIEL_REQUIRE(!fault.seen(), "an index is out of range for data {}", to_string(dims));
      Tensor& out = copied(context, outputs, data);
      if (part == 0) return;
      with_reduction(reduction, out.type(), [&]<typename T>(auto put) {
        const auto* from = static_cast<const T*>(updates.raw());
        auto* to = static_cast<T*>(out.raw());
        for (std::int64_t i = 0; i < picks; ++i) {
          std::int64_t start = 0;
          for (std::int64_t k = 0; k < depth; ++k) {
            const auto axis = static_cast<std::size_t>(k);
            const std::int64_t n = numbers[i * depth + k];
            start += (n < 0 ? n + dims[axis] : n) * strides[axis];
          }
          for (std::int64_t p = 0; p < part; ++p) put(to[start + p], from[i * part + p]);
        }
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// NonZero

std::string decline_non_zero(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  const bool known = type == ElementType::kBool || (is_integer(type) && !is_sub_byte(type)) ||
                     type == ElementType::kF32 || type == ElementType::kF64 || type == ElementType::kF16 ||
                     type == ElementType::kBF16;
  return known ? std::string() : formatted("no kernel for {}", element_name(type));
}

void lower_non_zero(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = plain_spec(lowering, unit, "non_zero");
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const std::int64_t chunks = (x.size() + kMoveGrain - 1) / kMoveGrain;
    auto* counts = static_cast<std::int64_t*>(context.scratch(static_cast<std::size_t>(chunks + 1) * 8));
    ops::dispatch_numeric_or_bool(x.type(), [&]<typename T>() {
      const T* in = x.data<T>();
      const auto set = [in](std::int64_t i) { return ops::widen(in[i]) != 0; };
      parallel(context, chunks, 1, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t c = first; c < last; ++c) {
          const std::int64_t end = std::min(x.size(), (c + 1) * kMoveGrain);
          std::int64_t n = 0;
          for (std::int64_t i = c * kMoveGrain; i < end; ++i) n += set(i) ? 1 : 0;
          counts[c] = n;
        }
      });
      context.check();
      std::int64_t total = 0;
      for (std::int64_t c = 0; c < chunks; ++c) total += std::exchange(counts[c], total);
      const Dims dims = x.dims();
      const auto rank = static_cast<std::int64_t>(dims.size());
      std::int64_t* out = outputs.allocate(0, ElementType::kI64, {rank, total}).data<std::int64_t>();
      parallel(context, chunks, 1, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t c = first; c < last; ++c) {
          const std::int64_t end = std::min(x.size(), (c + 1) * kMoveGrain);
          std::int64_t n = counts[c];
          for (std::int64_t i = c * kMoveGrain; i < end; ++i) {
            if (!set(i)) continue;
            std::int64_t rest = i;
            for (std::int64_t d = rank; d-- > 0;) {
              out[d * total + n] = rest % dims[static_cast<std::size_t>(d)];
              rest /= dims[static_cast<std::size_t>(d)];
            }
            ++n;
          }
        }
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// Compress

std::string decline_compress(const Node& node, const CompileOptions&) { return decline_moved(node); }

void lower_compress(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "compress");
  const bool along = node.attributes().has("axis");
  spec.run = [along, given = node.attributes().get_int("axis", 0), bytes = fixed_bytes(node.input(0)->element())](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const auto axis = along ? static_cast<std::size_t>(normalize_axis(given, x.rank())) : 0;
    const ops::AxisSplit split = along ? ops::split_at(x.dims(), axis) : ops::AxisSplit{1, x.size(), 1};
    const bool* condition = inputs[1].data<bool>();
    auto* kept = static_cast<std::int64_t*>(context.scratch(static_cast<std::size_t>(inputs[1].size() + 1) * 8));
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < inputs[1].size(); ++i) {
      if (!condition[i]) continue;
      ORIEL_REQUIRE(i < split.extent, "condition {} is past the extent of {}", i, split.extent);
      kept[count++] = i;
    }
    Dims dims{count};
    if (along) {
      dims = x.dims();
      dims[axis] = count;
    }
    Tensor& out = outputs.allocate(0, x.type(), dims);
    if (out.size() == 0) return;
    copy_rows(context, split.outer * count, split.inner, bytes, x.raw(), out.raw(),
              [&](std::int64_t row) { return (row / count * split.extent + kept[row % count]) * split.inner; });
  };
  lowering.step(unit, std::move(spec));
}

// TopK

std::string decline_top_k(const Node& node, const CompileOptions& options) {
  const ElementType type = node.input(0)->element();
  if (type == ElementType::kBool) return "no order for bool";
  return decline_non_zero(node, options);
}

template <typename T>
bool precedes(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a > b;
}

// Up to here keeping the first k sorted by insertion costs less than partitioning the line.
constexpr std::int64_t kFew = 32;

template <typename T>
struct Ranked {
  T value;
  std::int64_t index;
};

/// The first k of a line in order, kept sorted while the line passes by. Most elements of a long line lose against the
/// last one kept in a single comparison, which is false where either is NaN: then `order` decides.
template <typename T, typename W, typename Order>
void select_few(const T* line, std::int64_t step, std::int64_t extent, std::int64_t k, bool largest, Order order,
                Ranked<W>* kept) {
  std::int64_t count = 0;
  for (std::int64_t e = 0; e < extent; ++e) {
    const Ranked<W> candidate{static_cast<W>(line[e * step]), e};
    if (count == k) {
      const W worst = kept[k - 1].value;
      if (largest ? candidate.value <= worst : candidate.value >= worst) continue;
      if (!order(candidate, kept[k - 1])) continue;
    } else {
      ++count;
    }
    std::int64_t place = count - 1;
    for (; place > 0 && order(candidate, kept[place - 1]); --place) kept[place] = kept[place - 1];
    kept[place] = candidate;
  }
}

void lower_top_k(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "top_k");
  const bool largest = node.attributes().get_bool("largest");
  spec.run = [largest, given = node.attributes().get_int("axis")](const Inputs& inputs, OutputSink& outputs,
                                                                  RunContext& context) {
    const Tensor& x = inputs[0];
    const auto axis = static_cast<std::size_t>(normalize_axis(given, x.rank()));
    const std::int64_t k = read_integer(inputs[1]);
    const ops::AxisSplit split = ops::split_at(x.dims(), axis);
    ORIEL_REQUIRE(k >= 0 && k <= split.extent, "k is {} for an extent of {}", k, split.extent);
    Dims dims = x.dims();
    dims[axis] = k;
    Tensor* values = outputs.wanted(0) ? &outputs.allocate(0, x.type(), dims) : nullptr;
    std::int64_t* indices =
        outputs.wanted(1) ? outputs.allocate(1, ElementType::kI64, dims).data<std::int64_t>() : nullptr;
    if (k == 0) return;
    ops::dispatch_numeric(x.type(), [&]<typename T>() {
      using W = std::conditional_t<std::is_integral_v<T> || std::is_same_v<T, double>, T, float>;
      const T* in = x.data<T>();
      T* out = values == nullptr ? nullptr : values->data<T>();
      const auto extent = split.extent;
      const auto inner = split.inner;
      const auto room = static_cast<std::size_t>(extent) * sizeof(Ranked<W>);
      auto* scratch = static_cast<char*>(context.scratch(room * static_cast<std::size_t>(context.threads.threads())));
      const auto order = [largest](const Ranked<W>& a, const Ranked<W>& b) {
        if (largest ? precedes(a.value, b.value) : precedes(b.value, a.value)) return true;
        if (largest ? precedes(b.value, a.value) : precedes(a.value, b.value)) return false;
        return a.index < b.index;
      };
      parallel(context, split.outer * inner, grain_of(extent), [&](std::int64_t first, std::int64_t last, int slot) {
        auto* ranked = reinterpret_cast<Ranked<W>*>(scratch + room * static_cast<std::size_t>(slot));
        for (std::int64_t line = first; line < last; ++line) {
          const T* from = in + line / inner * extent * inner + line % inner;
          if (k <= kFew && k < extent / 8) {
            select_few<T, W>(from, inner, extent, k, largest, order, ranked);
          } else {
            for (std::int64_t e = 0; e < extent; ++e) ranked[e] = {static_cast<W>(from[e * inner]), e};
            if (k < extent) std::nth_element(ranked, ranked + k - 1, ranked + extent, order);
            std::sort(ranked, ranked + k, order);
          }
          const std::int64_t base = line / inner * k * inner + line % inner;
          for (std::int64_t e = 0; e < k; ++e) {
            if (out != nullptr) out[base + e * inner] = from[ranked[e].index * inner];
            if (indices != nullptr) indices[base + e * inner] = ranked[e].index;
          }
        }
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// OneHot

bool is_plain_number(ElementType type) {
  return (is_integer(type) && !is_sub_byte(type)) || type == ElementType::kF32 || type == ElementType::kF64 ||
         type == ElementType::kF16 || type == ElementType::kBF16;
}

std::string decline_one_hot(const Node& node, const CompileOptions&) {
  if (!is_plain_number(node.input(0)->element()))
    return formatted("indices of {}", element_name(node.input(0)->element()));
  const ElementType type = node.output()->element();
  return fixed_bytes(type) > 0 ? std::string() : formatted("no kernel for {}", element_name(type));
}

void lower_one_hot(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "one_hot");
  spec.run = [given = node.attributes().get_int("axis"), bytes = fixed_bytes(node.output()->element())](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& indices = inputs[0];
    const Tensor& values = inputs[2];
    ORIEL_REQUIRE(inputs[1].size() == 1 && values.size() == 2,
                  "depth is {} and values are {}, expected 1 and 2 elements", inputs[1].description(),
                  values.description());
    const double number = element_as_f64(inputs[1], 0);
    ORIEL_REQUIRE(number >= 0 && number < 1e15, "depth is {}", number);
    const auto depth = static_cast<std::int64_t>(number);
    const auto axis = static_cast<std::size_t>(normalize_axis(given, indices.rank() + 1));
    Dims dims = indices.dims();
    dims.insert(dims.begin() + axis, depth);
    const std::int64_t inner = ops::split_at(dims, axis).inner;
    Tensor& out = outputs.allocate(0, values.type(), dims);
    if (out.size() == 0) return;
    fill_elements(context, out.raw(), out.size(), bytes, values.raw());
    context.check();
    ops::dispatch_numeric(indices.type(), [&]<typename I>() {
      const I* picks = indices.data<I>();
      with_bytes(bytes, [&]<typename U>() {
        U on;
        std::memcpy(&on, at(values.raw(), 1, bytes), sizeof(U));
        auto* to = static_cast<U*>(out.raw());
        parallel(context, indices.size(), kMoveGrain, [&](std::int64_t first, std::int64_t last, int) {
          for (std::int64_t i = first; i < last; ++i) {
            double wanted = static_cast<double>(ops::widen(picks[i]));
            if (wanted < 0) wanted += static_cast<double>(depth);
            if (!(wanted >= 0 && wanted < static_cast<double>(depth))) continue;
            to[(i / inner * depth + static_cast<std::int64_t>(wanted)) * inner + i % inner] = on;
          }
        });
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// ReverseSequence

std::string decline_reverse(const Node& node, const CompileOptions& options) { return decline_indexed(node, options); }

void lower_reverse_sequence(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "reverse_sequence");
  const auto time = static_cast<std::size_t>(node.attributes().get_int("time_axis"));
  spec.run = [time, bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                                   RunContext& context) {
    const Tensor& x = inputs[0];
    const std::size_t batch = 1 - time;
    ORIEL_REQUIRE(x.rank() >= 2 && inputs[1].size() == x.dim(batch), "input {} and {} lengths", x.description(),
                  inputs[1].size());
    const std::int64_t extent = x.dim(1);
    const std::int64_t inner = ops::split_at(x.dims(), 1).inner;
    with_index(inputs[1], [&]<typename I>() {
      const I* lengths = inputs[1].data<I>();
      for (std::int64_t b = 0; b < x.dim(batch); ++b) {
        ORIEL_REQUIRE(lengths[b] >= 0 && lengths[b] <= x.dim(time), "a length of {} for an extent of {}", lengths[b],
                      x.dim(time));
      }
      Tensor& out = outputs.allocate(0, x.type(), x.dims());
      if (out.size() == 0) return;
      copy_rows(context, x.dim(0) * extent, inner, bytes, x.raw(), out.raw(), [&](std::int64_t row) {
        std::int64_t place[2] = {row / extent, row % extent};
        const std::int64_t length = lengths[place[batch]];
        if (place[time] < length) place[time] = length - 1 - place[time];
        return (place[0] * extent + place[1]) * inner;
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// TensorScatter

std::string decline_tensor_scatter(const Node& node, const CompileOptions&) {
  if (node.input(2) != nullptr && node.input(2)->element() != ElementType::kI64)
    return formatted("write indices of {}", element_name(node.input(2)->element()));
  return decline_moved(node);
}

void lower_tensor_scatter(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "tensor_scatter");
  spec.in_place = {0};
  spec.run = [bytes = fixed_bytes(node.input(0)->element()), given = node.attributes().get_int("axis"),
              circular = node.attributes().get_string("mode") == "circular"](const Inputs& inputs, OutputSink& outputs,
                                                                             RunContext& context) {
    const Tensor& cache = inputs[0];
    const Tensor& update = inputs[1];
    const auto axis = static_cast<std::size_t>(normalize_axis(given, cache.rank()));
    ORIEL_REQUIRE(axis != 0, "axis is the batch axis");
    ORIEL_REQUIRE(update.rank() == cache.rank(), "cache {} and update {}", cache.description(), update.description());
    for (std::size_t i = 0; i < cache.rank(); ++i) {
      ORIEL_REQUIRE(i == axis ? update.dim(i) <= cache.dim(i) : update.dim(i) == cache.dim(i), "cache {} and update {}",
                    cache.description(), update.description());
    }
    const std::int64_t batch = cache.dim(0);
    const std::int64_t extent = cache.dim(axis);
    const std::int64_t* starts = nullptr;
    if (inputs.has(2)) {
      ORIEL_REQUIRE(inputs[2].size() == batch, "{} write indices for a batch of {}", inputs[2].size(), batch);
      starts = inputs[2].data<std::int64_t>();
      for (std::int64_t i = 0; i < batch; ++i) {
        ORIEL_REQUIRE(starts[i] >= 0 && (circular || starts[i] <= extent - update.dim(axis)),
                      "{} elements at {} do not fit an extent of {}", update.dim(axis), starts[i], extent);
      }
    }
    const ops::AxisSplit split = ops::split_at(update.dims(), axis);
    const Dims dims = cache.dims();
    const std::size_t size = cache.bytes();
    const void* from = cache.raw();
    const void* rows = update.raw();
    const bool nothing = update.size() == 0;
    Tensor& out = outputs.allocate(0, cache.type(), dims);
    if (out.raw() != from) copy_bytes(context, from, out.raw(), size);
    if (nothing) return;
    const std::int64_t inner = split.inner;
    parallel(context, split.outer, grain_of(split.extent * inner), [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t o = first; o < last; ++o) {
        const std::int64_t start = starts == nullptr ? 0 : starts[o / (split.outer / batch)] % extent;
        // What reaches past the end goes on at the beginning.
        const std::int64_t before = std::min(split.extent, extent - start);
        const void* row = at(rows, o * split.extent * inner, bytes);
        std::memcpy(at(out.raw(), (o * extent + start) * inner, bytes), row,
                    static_cast<std::size_t>(before * inner * bytes));
        std::memcpy(at(out.raw(), o * extent * inner, bytes), at(row, before * inner, bytes),
                    static_cast<std::size_t>((split.extent - before) * inner * bytes));
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// Unique

std::string decline_unique(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  const bool known = type == ElementType::kF32 || type == ElementType::kF64 || type == ElementType::kBool ||
                     (is_integer(type) && !is_sub_byte(type));
  if (!known) return formatted("no kernel for {}", element_name(type));
  const Shape& shape = node.input(0)->shape();
  if (node.attributes().has("axis") && !(shape.is_ranked() && shape.rank() == 1)) return "no kernel compares slices";
  return {};
}

/// NaN is behind every number, and equal to itself.
template <typename T>
bool before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (std::isnan(b) && !std::isnan(a));
  return a < b;
}

/// What Unique finds: for every distinct element where it stands first and how often, for every element its group.
struct Groups {
  std::int64_t* first;
  std::int64_t* counts;
  std::int64_t* group;
  std::int64_t size = 0;
};

/// Groups of n elements in ascending order. `room` has space for n pairs of an element and an index.
template <typename T>
void find_groups(const T* x, std::int64_t n, void* room, Groups& g) {
  struct Item {
    T value;
    std::int64_t index;
  };
  auto* items = static_cast<Item*>(room);
  for (std::int64_t i = 0; i < n; ++i) items[i] = {x[i], i};
  std::sort(items, items + n, [](const Item& a, const Item& b) {
    return before(a.value, b.value) || (!before(b.value, a.value) && a.index < b.index);
  });
  for (std::int64_t i = 0; i < n; ++i) {
    if (i == 0 || before(items[i - 1].value, items[i].value)) {
      g.first[g.size] = items[i].index;
      g.counts[g.size++] = 0;
    }
    g.group[items[i].index] = g.size - 1;
    ++g.counts[g.size - 1];
  }
}

/// Puts groups into the order in which they appear. `room` has space for three indices a group.
void order_by_appearance(std::int64_t n, std::int64_t* room, Groups& g) {
  std::int64_t* order = room;
  std::int64_t* rank = room + g.size;
  std::int64_t* counts = rank + g.size;
  for (std::int64_t i = 0; i < g.size; ++i) order[i] = i;
  std::sort(order, order + g.size, [&g](std::int64_t a, std::int64_t b) { return g.first[a] < g.first[b]; });
  for (std::int64_t i = 0; i < g.size; ++i) {
    rank[order[i]] = i;
    counts[i] = g.counts[order[i]];
  }
  std::copy_n(counts, g.size, g.counts);
  std::sort(g.first, g.first + g.size);
  for (std::int64_t i = 0; i < n; ++i) g.group[i] = rank[g.group[i]];
}

void lower_unique(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = plain_spec(lowering, unit, "unique");
  spec.run = [sorted = unit.node->attributes().get_bool("sorted")](const Inputs& inputs, OutputSink& outputs,
                                                                   RunContext& context) {
    const Tensor& x = inputs[0];
    const std::int64_t n = x.size();
    // Three lists of indices, and three more or the items behind them.
    auto* room = static_cast<std::int64_t*>(context.scratch(static_cast<std::size_t>(6 * n) * sizeof(std::int64_t)));
    Groups g{room, room + n, room + 2 * n};
    ops::dispatch_numeric_or_bool(x.type(), [&]<typename T>() {
      if constexpr (!std::is_same_v<T, Half> && !std::is_same_v<T, BFloat16>)
        find_groups(x.data<T>(), n, room + 3 * n, g);
    });
    context.check();
    if (!sorted) order_by_appearance(n, room + 3 * n, g);
    if (outputs.wanted(0)) {
      Tensor& y = outputs.allocate(0, x.type(), {g.size});
      with_bytes(fixed_bytes(x.type()), [&]<typename U>() {
        for (std::int64_t i = 0; i < g.size; ++i)
          static_cast<U*>(y.raw())[i] = static_cast<const U*>(x.raw())[g.first[i]];
      });
    }
    const std::int64_t* lists[] = {g.first, g.group, g.counts};
    for (std::size_t i = 0; i < 3; ++i) {
      if (i + 1 >= outputs.size() || !outputs.wanted(i + 1)) continue;
      const std::int64_t count = i == 1 ? n : g.size;
      std::copy_n(lists[i], count, outputs.allocate(i + 1, ElementType::kI64, {count}).data<std::int64_t>());
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> gather_rules() {
  std::vector<Rule> rules;
  rules.push_back({"Gather", decline_indexed, lower_gather});
  rules.push_back({"GatherElements", decline_indexed, lower_gather_elements});
  rules.push_back({"GatherND", decline_indexed, lower_gather_nd});
  rules.push_back({"ScatterElements", decline_scatter, lower_scatter_elements});
  rules.push_back({"ScatterND", decline_scatter, lower_scatter_nd});
  rules.push_back({"TensorScatter", decline_tensor_scatter, lower_tensor_scatter});
  rules.push_back({"NonZero", decline_non_zero, lower_non_zero});
  rules.push_back({"Compress", decline_compress, lower_compress});
  rules.push_back({"OneHot", decline_one_hot, lower_one_hot});
  rules.push_back({"ReverseSequence", decline_reverse, lower_reverse_sequence});
  rules.push_back({"Unique", decline_unique, lower_unique});
  rules.push_back({"TopK", decline_top_k, lower_top_k});
  return rules;
}

}  // namespace oriel::cpu
