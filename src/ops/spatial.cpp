// Windows.
#include "ops/spatial.h"

namespace oriel::ops {

Window Window::read(const Attributes& attributes, std::size_t rank, const Dims& kernel) {
  Window w;
  const auto list = [&](const char* name, std::size_t size, std::int64_t fallback, std::int64_t lowest) {
    Dims values = attributes.has(name) ? Dims(attributes.get_ints(name)) : Dims();
    if (values.empty()) values.assign(size, fallback);
    if (values.size() != size) {
      fail(ErrorCode::kInvalidGraph, "attribute {} has {} values, expected {}", name, values.size(), size);
    }
    for (const std::int64_t v : values) {
      if (v < lowest || v > kLargestWindow) fail(ErrorCode::kInvalidGraph, "attribute {} has the value {}", name, v);
    }
    return values;
  };
  if (attributes.has("kernel_shape") && !attributes.get_ints("kernel_shape").empty()) {
    w.kernel = list("kernel_shape", rank, 1, 1);
    if (!kernel.empty() && !(kernel == w.kernel)) {
      fail(ErrorCode::kInvalidGraph, "attribute kernel_shape is {}, the weights have {}", to_string(w.kernel),
           to_string(kernel));
    }
  } else {
    w.kernel = kernel;
  }
  w.strides = list("strides", rank, 1, 1);
  w.dilations = list("dilations", rank, 1, 1);
  const Dims pads = list("pads", 2 * rank, 0, -kLargestWindow);
  w.pads_begin = Dims(pads.begin(), pads.begin() + rank);
  w.pads_end = Dims(pads.begin() + rank, pads.end());
  w.auto_pad = attributes.get_string("auto_pad", "NOTSET");
  if (w.auto_pad.empty()) w.auto_pad = "NOTSET";
  if (w.auto_pad != "NOTSET" && w.auto_pad != "VALID" && w.auto_pad != "SAME_UPPER" && w.auto_pad != "SAME_LOWER") {
    fail(ErrorCode::kInvalidGraph, "attribute auto_pad is \"{}\", expected NOTSET, VALID, SAME_UPPER or SAME_LOWER",
         w.auto_pad);
  }
  if (w.auto_pad != "NOTSET") {
    w.pads_begin.assign(rank, 0);
    w.pads_end.assign(rank, 0);
  }
  w.ceil_mode = attributes.get_int("ceil_mode", 0) != 0;
  return w;
}

void Window::resolve_pads(const Dims& input) {
  if (auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER") return;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const std::int64_t out = (input[i] + strides[i] - 1) / strides[i];
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * strides[i] + span(i) - input[i]);
    const std::int64_t less = total / 2;
    pads_begin[i] = auto_pad == "SAME_UPPER" ? less : total - less;
    pads_end[i] = total - pads_begin[i];
  }
}

Dim window_extent(const Window& w, std::size_t axis, const Dim& in) {
  if (w.auto_pad == "SAME_UPPER" || w.auto_pad == "SAME_LOWER") return ceil_div(in, Dim(w.strides[axis]));
  if (in.is_known()) return Dim(window_extent(w, axis, in.value()));
  const Dim room = in + Dim(w.pads_begin[axis] + w.pads_end[axis] - w.span(axis));
  if (!w.ceil_mode) return max(floor_div(room, Dim(w.strides[axis])) + Dim(1), Dim(0));
  // The last window starts inside the input or its begin padding: at most ceil((in + pad_begin) / stride) of them.
  return max(
      min(ceil_div(room, Dim(w.strides[axis])) + Dim(1), ceil_div(in + Dim(w.pads_begin[axis]), Dim(w.strides[axis]))),
      Dim(0));
}

std::int64_t window_extent(const Window& w, std::size_t axis, std::int64_t in) {
  if (w.auto_pad == "SAME_UPPER" || w.auto_pad == "SAME_LOWER") return (in + w.strides[axis] - 1) / w.strides[axis];
  const std::int64_t room = in + w.pads_begin[axis] + w.pads_end[axis] - w.span(axis);
  if (room < 0) {
    fail(ErrorCode::kInvalidArgument,
         "a window of {} does not fit the extent {} with pads {} and {} on spatial axis {}", w.span(axis), in,
         w.pads_begin[axis], w.pads_end[axis], axis);
  }
  if (!w.ceil_mode) return room / w.strides[axis] + 1;
  std::int64_t extent = (room + w.strides[axis] - 1) / w.strides[axis] + 1;
  if ((extent - 1) * w.strides[axis] >= in + w.pads_begin[axis]) --extent;
  return extent;
}

}  // namespace oriel::ops
