// Pictures become tensors: decoding, resizing, cropping, normalising, layout; and a sentence that says what was done.
#pragma once

#include <string>
#include <vector>

#include "arguments.h"
#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel::shell {

/// A tensor made of pictures, and how.
struct PictureTensor {
  Tensor tensor;
  /// One for each picture: "cat.jpg 640 x 480, stretched to 224 x 224".
  std::vector<std::string> sources;
  /// "f32[1, 3, 224, 224] NCHW, RGB, x * 0.00392157"
  std::string applied;
};

/// Names of the presets, with what each means.
std::string preset_help();

/// The batch of pictures that an input of this type takes. Throws UsageError where options contradict each other or the
/// input, Error(kInvalidArgument) for files that are no pictures.
PictureTensor load_pictures(const std::vector<std::string>& files, const std::string& input, const ValueType& type,
                            const PictureArguments& arguments);

}  // namespace oriel::shell
