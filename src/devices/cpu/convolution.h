// What all convolutions of the CPU share: geometry, the choice of candidates' shape, the packed step and its run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/cpu/lowering.h"
#include "kernels/conv/conv.h"
#include "ops/conv_transpose.h"
#include "ops/spatial.h"

namespace oriel::cpu {

/// Of integer weights whose input has a scale and a zero point of the run, operands 1 and 2 of the step.
struct RunTimeParameters {
  std::vector<float> scale;        ///< by output channel, without that of the input; a multiple of 32 of them
  std::vector<std::int64_t> sums;  ///< of the weights of an output channel, less their zero points; as many
};

/// Of weights that a run brings, operand 2 of the step, with a bias, operand 3 where there is one.
struct BroughtWeights {
  Dims dims;
  std::vector<float> scale;  ///< by output channel, of weights and bias; empty: 1
  std::vector<float> shift;  ///< added behind it; as many
};

/// A convolution as its step keeps it: kernel.layer says what is computed, the rest where.
struct Convolution {
  kernels::ConvKernel kernel;
  std::shared_ptr<const PackedWeights> packed;
  ops::Window window;
  ops::OutputSize output_size;  // of a transposed one
  std::size_t rank = 2;         // spatial axes
  ElementType output = ElementType::kF32;
  std::shared_ptr<const RunTimeParameters> run_time;  // null: all parameters are constants
  std::shared_ptr<const BroughtWeights> brought;      // null: the weights are packed

  /// Reads the window and fills in kernel, stride, dilation and groups of the layer; `weights` are the dimensions of
  /// its weights. `extra_pads` as in Unit.
  static Convolution read(const Attributes& attributes, const Dims& weights, bool transposed,
                          const Dims& extra_pads = {});

  /// The kernels' words for an input of dimensions x, and the dimensions of its output.
  kernels::ConvShape shape(const Dims& x, Dims& out) const;
};

/// What inference knows of the shape, for estimates: extents that it does not know are taken for middling ones, and
/// `dynamic` says so.
kernels::ConvShape expected_shape(const Convolution& conv, const Value& input, bool& dynamic);

/// Whether a convolution reads its input plain: one group of few channels, that nobody made blocked.
bool reads_plain(const Lowering& lowering, const Value* input, const kernels::ConvLayer& layer);

/// conv_pack of one layer's weights in the form of `kernel`.
using ConvPacker =
    std::function<void(const kernels::ConvKernel& kernel, void* to, std::int64_t first, std::int64_t last)>;

/// Emits the step of `conv`, whose weights take the form that Weights chooses among `candidates`. `values` holds the
/// bytes of all that `pack` packs besides `weights`. Inputs, outputs, in_place and kernel of `spec` are set, inputs
/// being x and, where the layer has them, the residual and the blocked factors of x.
void emit_convolution(Lowering& lowering, const Unit& unit, const std::shared_ptr<Convolution>& conv,
                      const std::vector<kernels::ConvCandidate>& candidates, const Tensor& weights,
                      const std::string& values, const ConvPacker& pack, Lowering::StepSpec spec);

/// The same for conv->brought: the kernel is set, and every run packs into scratch memory. Inputs of `spec` are x, the
/// residual or none, weights, and bias or none.
void emit_unpacked_convolution(Lowering& lowering, const Unit& unit, const std::shared_ptr<Convolution>& conv,
                               Lowering::StepSpec spec);

}  // namespace oriel::cpu
