// ImageDecoder: the bytes of a picture's file to u8 pixels [height, width, channels]. The codecs are a library of their
// own, loaded by the first call. As the standard has it, bytes that no codec reads give an empty tensor.
#include <exception>
#include <memory>
#include <string>

#include "images/images.h"
#include "ops/common.h"

namespace oriel::ops {
namespace {

// Above this a small file could ask for more memory and time than a picture is worth.
constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;

OrielPixelFormat pixel_format(const Attributes& attributes) {
  const std::string& name = attributes.get_string("pixel_format");
  if (name == "RGB") return ORIEL_PIXEL_RGB;
  if (name == "BGR") return ORIEL_PIXEL_BGR;
  if (name == "Grayscale") return ORIEL_PIXEL_GRAYSCALE;
  fail(ErrorCode::kInvalidGraph, "attribute pixel_format is \"{}\", expected RGB, BGR or Grayscale", name);
}

std::int64_t channels_of(OrielPixelFormat format) { return format == ORIEL_PIXEL_GRAYSCALE ? 1 : 3; }

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kU8});
  const Shape& bytes = c.shape(0);
  if (bytes.is_ranked() && bytes.rank() != 1)
    fail(ErrorCode::kInvalidGraph, "input 0 is of rank {}, expected 1", bytes.rank());
  c.set(0, ElementType::kU8, Shape{Dim::unknown(), Dim::unknown(), Dim(channels_of(pixel_format(c.attributes())))});
}

/// Memory for one picture; what goes wrong while it is taken is kept until the codec has returned.
struct PictureMemory {
  OutputSink& outputs;
  RunContext& context;
  std::int64_t channels;
  std::shared_ptr<Memory> scratch;
  std::exception_ptr error;

  template <typename F>
  static std::uint8_t* guarded(void* user, F&& take) {
    auto& self = *static_cast<PictureMemory*>(user);
    try {
      self.context.check();
      return static_cast<std::uint8_t*>(take(self));
    } catch (...) {
      self.error = std::current_exception();
      return nullptr;
    }
  }
};

std::uint8_t* take_output(void* user, std::int64_t height, std::int64_t width) {
  return PictureMemory::guarded(user, [&](PictureMemory& m) -> void* {
    ORIEL_REQUIRE(height <= kMaxPixels / width, "a picture of {} x {} pixels, expected at most {} in all", width,
                  height, kMaxPixels);
    return m.outputs.allocate(0, ElementType::kU8, {height, width, m.channels}).raw();
  });
}

std::uint8_t* take_scratch(void* user, std::size_t bytes) {
  return PictureMemory::guarded(user, [&](PictureMemory& m) -> void* {
    m.scratch = allocate_host(bytes, m.context.budget, "image codec");
    return m.scratch->map();
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const OrielDecodePicture decode = load_image_codecs();
  const OrielPixelFormat format = pixel_format(inputs.attributes());
  const Tensor& file = inputs[0];
  PictureMemory memory{outputs, context, channels_of(format), nullptr, nullptr};
  const OrielPictureSink sink{&memory, take_output, take_scratch};
  const int decoded =
      decode(static_cast<const std::uint8_t*>(file.raw()), static_cast<std::size_t>(file.size()), format, &sink);
  if (memory.error) std::rethrow_exception(memory.error);
  if (decoded != ORIEL_DECODED) outputs.allocate(0, ElementType::kU8, {0, 0, memory.channels});
}

}  // namespace

OpDef op_image_decoder() {
  return {.name = "ImageDecoder",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"pixel_format", std::string("RGB")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
