// The common part of recurrent operators.
#include "ops/recurrent.h"

#include <cctype>

namespace oriel::ops {
namespace {

using Kind = CellActivation::Kind;

struct ActivationRow {
  const char* name;
  Kind kind;
  int parameters;
  double alpha;
  double beta;
};

constexpr ActivationRow kActivations[] = {
    {"relu", Kind::kRelu, 0, 0, 0},
    {"tanh", Kind::kTanh, 0, 0, 0},
    {"sigmoid", Kind::kSigmoid, 0, 0, 0},
    {"affine", Kind::kAffine, 2, 1.0, 0.0},
    {"leakyrelu", Kind::kLeakyRelu, 1, 0.01, 0},
    {"thresholdedrelu", Kind::kThresholdedRelu, 1, 1.0, 0},
    {"scaledtanh", Kind::kScaledTanh, 2, 1.0, 1.0},
    {"hardsigmoid", Kind::kHardSigmoid, 2, 0.2, 0.5},
    {"elu", Kind::kElu, 1, 1.0, 0},
    {"softsign", Kind::kSoftsign, 0, 0, 0},
    {"softplus", Kind::kSoftplus, 0, 0, 0},
};

std::size_t direction_count(const Attributes& attributes) {
  const std::string direction = attributes.get_string("direction");
  if (direction == "bidirectional") return 2;
  if (direction == "forward" || direction == "reverse") return 1;
  fail(ErrorCode::kInvalidGraph, "attribute direction is \"{}\", expected forward, reverse or bidirectional",
       direction);
}

std::vector<double> widen_all(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.size()));
  dispatch_float(tensor.type(), [&]<typename T>() {
    const T* in = tensor.data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = widen(in[i]);
  });
  return values;
}

void require_dims(const Inputs& inputs, std::size_t i, const Dims& dims) {
  ORIEL_REQUIRE(inputs[i].dims() == dims, "input {} of shape {}, expected {}", i, to_string(inputs[i].dims()),
                to_string(dims));
}

/// Slice `d` of a parameter whose first axis is the direction; `missing` zeros where the operand is absent.
std::vector<double> direction_slice(const Inputs& inputs, std::size_t i, const Dims& dims, std::int64_t d, bool zeros) {
  const std::int64_t size = count_elements(Dims(dims.begin() + 1, dims.end()));
  if (!inputs.has(i)) return std::vector<double>(zeros ? static_cast<std::size_t>(size) : 0, 0.0);
  require_dims(inputs, i, dims);
  const std::vector<double> all = widen_all(inputs[i]);
  return {all.begin() + d * size, all.begin() + (d + 1) * size};
}

}  // namespace

double CellActivation::operator()(double x) const {
  switch (kind) {
    case Kind::kRelu:
      return std::max(0.0, x);
    case Kind::kTanh:
      return std::tanh(x);
    case Kind::kSigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case Kind::kAffine:
      return alpha * x + beta;
    case Kind::kLeakyRelu:
      return x >= 0 ? x : alpha * x;
    case Kind::kThresholdedRelu:
      return x >= alpha ? x : 0.0;
    case Kind::kScaledTanh:
      return alpha * std::tanh(beta * x);
    case Kind::kHardSigmoid:
      return std::min(std::max(alpha * x + beta, 0.0), 1.0);
    case Kind::kElu:
      return x >= 0 ? x : alpha * std::expm1(x);
    case Kind::kSoftsign:
      return x / (1.0 + std::abs(x));
    case Kind::kSoftplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  }
  return x;
}

std::vector<CellActivation> read_activations(const Attributes& attributes, const std::vector<std::string>& defaults,
                                             std::size_t directions) {
  std::vector<std::string> names;
  if (attributes.has("activations")) names = attributes.get_strings("activations");
  if (names.empty()) {
    for (std::size_t d = 0; d < directions; ++d) names.insert(names.end(), defaults.begin(), defaults.end());
  }
  const std::size_t wanted = directions * defaults.size();
  if (names.size() < wanted || names.size() > 2 * defaults.size()) {
    fail(ErrorCode::kInvalidGraph, "{} activations, expected {}", names.size(), wanted);
  }
  std::vector<float> alphas;
  std::vector<float> betas;
  if (attributes.has("activation_alpha")) alphas = attributes.get_floats("activation_alpha");
  if (attributes.has("activation_beta")) betas = attributes.get_floats("activation_beta");
  std::size_t next_alpha = 0;
  std::size_t next_beta = 0;
  std::vector<CellActivation> activations;
  for (std::size_t i = 0; i < wanted; ++i) {
    std::string lower = names[i];
    for (char& ch : lower) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
    const ActivationRow* row =
        std::find_if(std::begin(kActivations), std::end(kActivations), [&](const auto& r) { return lower == r.name; });
    if (row == std::end(kActivations)) fail(ErrorCode::kInvalidGraph, "activation \"{}\" is not known", names[i]);
    CellActivation a{row->kind, row->alpha, row->beta};
    if (row->parameters > 0 && next_alpha < alphas.size()) a.alpha = alphas[next_alpha++];
    if (row->parameters > 1 && next_beta < betas.size()) a.beta = betas[next_beta++];
    activations.push_back(a);
  }
  return activations;
}

std::vector<AttributeDef> recurrent_attributes() {
  return {{"activation_alpha", std::vector<float>{}, AttributeDef::Need::kOptional},
          {"activation_beta", std::vector<float>{}, AttributeDef::Need::kOptional},
          {"activations", std::vector<std::string>{}, AttributeDef::Need::kOptional},
          {"clip", 0.0F, AttributeDef::Need::kOptional},
          {"direction", std::string("forward")},
          {"hidden_size", std::int64_t{0}, AttributeDef::Need::kOptional},
          {"layout", std::int64_t{0}}};
}

void infer_recurrent(InferContext& c, std::int64_t gates) {
  require_same_element(c, 0, 1);
  require_same_element(c, 0, 2);
  const auto directions = static_cast<std::int64_t>(direction_count(c.attributes()));
  const bool batch_first = c.attributes().get_int("layout") != 0;
  Dim sequence = Dim::unknown();
  Dim batch = Dim::unknown();
  Dim hidden = Dim::unknown();
  const Shape& x = c.shape(0);
  const Shape& w = c.shape(1);
  const Shape& r = c.shape(2);
  for (std::size_t i = 0; i < 3; ++i) {
    if (c.shape(i).is_ranked() && c.shape(i).rank() != 3) {
      fail(ErrorCode::kInvalidGraph, "input {} is of shape {}, expected a rank of 3", i, c.shape(i).to_string());
    }
    if (i > 0 && c.shape(i).is_ranked() && !c.shape(i)[0].may_equal(Dim(directions))) {
      fail(ErrorCode::kInvalidGraph, "input {} is of shape {}, expected {} directions", i, c.shape(i).to_string(),
           directions);
    }
  }
  if (x.is_ranked()) {
    sequence = x[batch_first ? 1 : 0];
    batch = x[batch_first ? 0 : 1];
    if (w.is_ranked() && !x[2].may_equal(w[2])) {
      fail(ErrorCode::kInvalidGraph, "input of shape {} and weights of shape {}", x.to_string(), w.to_string());
    }
  }
  if (r.is_ranked()) hidden = r[2];
  if (!hidden.is_known() && w.is_ranked() && w[1].is_known()) hidden = Dim(w[1].value() / gates);
  if (!hidden.is_known() && c.attributes().has("hidden_size")) hidden = Dim(c.attributes().get_int("hidden_size"));
  if ((w.is_ranked() && !w[1].may_equal(hidden * Dim(gates))) ||
      (r.is_ranked() && !r[1].may_equal(hidden * Dim(gates)))) {
    fail(ErrorCode::kInvalidGraph, "weights of shapes {} and {}, expected {} gates of {} units", w.to_string(),
         r.to_string(), gates, hidden.to_string());
  }
  const Dim d(directions);
  const Shape y = batch_first ? Shape{batch, sequence, d, hidden} : Shape{sequence, d, batch, hidden};
  const Shape state = batch_first ? Shape{batch, d, hidden} : Shape{d, batch, hidden};
  for (std::size_t i = 0; i < c.num_outputs(); ++i) c.set(i, c.element(0), i == 0 ? y : state);
}

double CellWeights::from_input(std::int64_t gate, std::int64_t j, const std::vector<double>& x) const {
  const std::int64_t row = gate * hidden + j;
  double sum = input_bias[static_cast<std::size_t>(row)];
  const double* weights = w.data() + row * inputs;
  for (std::size_t i = 0; i < x.size(); ++i) sum += weights[i] * x[i];
  return sum;
}

double CellWeights::from_hidden(std::int64_t gate, std::int64_t j, const std::vector<double>& h) const {
  const std::int64_t row = gate * hidden + j;
  double sum = hidden_bias[static_cast<std::size_t>(row)];
  const double* weights = r.data() + row * hidden;
  for (std::size_t i = 0; i < h.size(); ++i) sum += weights[i] * h[i];
  return sum;
}

void reference_recurrent(const Inputs& inputs, OutputSink& outputs, RunContext& context, std::int64_t gates, bool lstm,
                         const std::vector<std::string>& default_activations, const CellStep& step) {
  const Attributes& attributes = inputs.attributes();
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() == 3 && inputs[2].rank() == 3, "inputs of shapes {} and {}, expected a rank of 3",
                to_string(x.dims()), to_string(inputs[2].dims()));
  const bool batch_first = attributes.get_int("layout") != 0;
  const auto directions = static_cast<std::int64_t>(direction_count(attributes));
  const std::int64_t sequence = x.dim(batch_first ? 1 : 0);
  const std::int64_t batch = x.dim(batch_first ? 0 : 1);
  const std::int64_t width = x.dim(2);
  const std::int64_t hidden = inputs[2].dim(2);
  const std::vector<CellActivation> activations =
      read_activations(attributes, default_activations, static_cast<std::size_t>(directions));
  const Dims state_dims = batch_first ? Dims{batch, directions, hidden} : Dims{directions, batch, hidden};
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(batch), sequence);
  if (inputs.has(4)) {
    require_dims(inputs, 4, {batch});
    lengths = inputs[4].to_i64();
    for (const std::int64_t n : lengths)
      ORIEL_REQUIRE(n >= 0 && n <= sequence, "a sequence of {} steps in {}", n, sequence);
  }
  const auto state_at = [&](std::int64_t d, std::int64_t b) {
    return (batch_first ? b * directions + d : d * batch + b) * hidden;
  };
  const auto initial = [&](std::size_t i) {
    if (!inputs.has(i)) return std::vector<double>(static_cast<std::size_t>(count_elements(state_dims)), 0.0);
    require_dims(inputs, i, state_dims);
    return widen_all(inputs[i]);
  };
  const std::vector<double> values = widen_all(x);
  std::vector<double> all_h = initial(5);
  std::vector<double> all_c = lstm ? initial(6) : std::vector<double>();
  const auto wants = [&](std::size_t i) { return i < outputs.size() && outputs.wanted(i); };
  Tensor* y = nullptr;
  if (wants(0)) {
    const Dims dims =
        batch_first ? Dims{batch, sequence, directions, hidden} : Dims{sequence, directions, batch, hidden};
    y = &outputs.allocate(0, x.type(), dims);
    fill_zero(*y);
  }
  const auto store = [&](Tensor& tensor, std::int64_t at, const double* from, std::size_t count) {
    dispatch_float(tensor.type(), [&]<typename T>() {
      T* to = tensor.data<T>() + at;
      for (std::size_t j = 0; j < count; ++j) to[j] = narrow<T>(from[j]);
    });
  };
  for (std::int64_t d = 0; d < directions; ++d) {
    CellWeights cell;
    cell.inputs = width;
    cell.hidden = hidden;
    cell.w = direction_slice(inputs, 1, {directions, gates * hidden, width}, d, true);
    cell.r = direction_slice(inputs, 2, {directions, gates * hidden, hidden}, d, true);
    const std::vector<double> bias = direction_slice(inputs, 3, {directions, 2 * gates * hidden}, d, true);
    cell.input_bias.assign(bias.begin(), bias.begin() + gates * hidden);
    cell.hidden_bias.assign(bias.begin() + gates * hidden, bias.end());
    if (lstm) cell.peephole = direction_slice(inputs, 7, {directions, 3 * hidden}, d, false);
    cell.clip = attributes.get_float("clip", 0.0F);
    const bool backward = d == 1 || attributes.get_string("direction") == "reverse";
    const CellActivation* functions = activations.data() + static_cast<std::size_t>(d) * default_activations.size();
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t length = lengths[static_cast<std::size_t>(b)];
      const auto first = all_h.begin() + state_at(d, b);
      std::vector<double> h(first, first + hidden);
      std::vector<double> c;
      if (lstm) c.assign(all_c.begin() + state_at(d, b), all_c.begin() + state_at(d, b) + hidden);
      std::vector<double> now(static_cast<std::size_t>(width));
      for (std::int64_t s = 0; s < length; ++s) {
        context.check();
        const std::int64_t t = backward ? length - 1 - s : s;
        std::copy_n(values.begin() + (batch_first ? b * sequence + t : t * batch + b) * width, width, now.begin());
        step(cell, functions, now, h, c);
        if (y == nullptr) continue;
        const std::int64_t row = batch_first ? (b * sequence + t) * directions + d : (t * directions + d) * batch + b;
        store(*y, row * hidden, h.data(), h.size());
      }
      if (length == 0) {
        std::fill(h.begin(), h.end(), 0.0);
        std::fill(c.begin(), c.end(), 0.0);
      }
      std::copy(h.begin(), h.end(), first);
      if (lstm) std::copy(c.begin(), c.end(), all_c.begin() + state_at(d, b));
    }
  }
  if (wants(1)) store(outputs.allocate(1, x.type(), state_dims), 0, all_h.data(), all_h.size());
  if (lstm && wants(2)) store(outputs.allocate(2, x.type(), state_dims), 0, all_c.data(), all_c.size());
}

}  // namespace oriel::ops
