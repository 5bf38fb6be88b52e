// LSTM, GRU and RNN: the products with the inputs of many steps at once, then step by step the product with the hidden
// state and the cell. Weights are packed at compile.
#include <algorithm>
#include <cstring>

#include "devices/cpu/lowering.h"
#include "ir/alignment.h"
#include "kernels/elementwise/unary.h"
#include "kernels/gemm/gemm_f32.h"
#include "kernels/rnn/cell.h"
#include "ops/recurrent.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

enum class Kind : std::uint8_t { kRnn, kGru, kLstm };

// Bytes of gates that lie between the product with the inputs and the cells that read them.
constexpr std::int64_t kGateBytes = std::int64_t{8} << 20;
// Multiply-adds of all steps from which directions and rows are shared out among threads.
constexpr std::int64_t kWorthTasks = std::int64_t{1} << 18;
// Multiply-adds of one step from which its product is shared out.
constexpr std::int64_t kWorthSplit = std::int64_t{1} << 18;

Kind kind_of(const Node& node) {
  if (node.op().name == "LSTM") return Kind::kLstm;
  return node.op().name == "GRU" ? Kind::kGru : Kind::kRnn;
}

std::int64_t gates_of(Kind kind) { return kind == Kind::kLstm ? 4 : kind == Kind::kGru ? 3 : 1; }

std::vector<std::string> default_activations(Kind kind) {
  if (kind == Kind::kLstm) return {"Sigmoid", "Tanh", "Tanh"};
  if (kind == Kind::kGru) return {"Sigmoid", "Tanh"};
  return {"Tanh"};
}

std::optional<Activation> fused(const ops::CellActivation& f) {
  using Name = ops::CellActivation::Kind;
  const auto a = static_cast<float>(f.alpha);
  const auto b = static_cast<float>(f.beta);
  switch (f.kind) {
    case Name::kRelu:
      return Activation{ActivationKind::kRelu};
    case Name::kTanh:
      return Activation{ActivationKind::kTanh};
    case Name::kSigmoid:
      return Activation{ActivationKind::kSigmoid};
    case Name::kLeakyRelu:
      return Activation{ActivationKind::kLeakyRelu, a};
    case Name::kHardSigmoid:
      return Activation{ActivationKind::kHardSigmoid, a, b};
    case Name::kElu:
      return Activation{ActivationKind::kElu, a};
    case Name::kSoftplus:
      return Activation{ActivationKind::kSoftplus};
    case Name::kAffine:
      if (f.alpha == 1.0 && f.beta == 0.0) return Activation{};
      return std::nullopt;
    case Name::kScaledTanh:
      if (f.alpha == 1.0 && f.beta == 1.0) return Activation{ActivationKind::kTanh};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

bool is_f32_constant(const Value* value) { return value->is_constant() && value->element() == ElementType::kF32; }

std::string decline(const Node& node, const CompileOptions&) {
  if (node.input(0)->element() != ElementType::kF32) {
    return formatted("no kernel for {}", element_name(node.input(0)->element()));
  }
  if (!is_f32_constant(node.input(1)) || !is_f32_constant(node.input(2))) return "weights that are no f32 constants";
  if (node.input(3) != nullptr && !is_f32_constant(node.input(3))) return "biases that are no f32 constants";
  const Kind kind = kind_of(node);
  const std::int64_t gates = gates_of(kind);
  const bool both = node.attributes().get_string("direction") == "bidirectional";
  const Dims& w = node.input(1)->constant()->dims();
  const Dims& r = node.input(2)->constant()->dims();
  const std::int64_t directions = both ? 2 : 1;
  if (w.size() != 3 || r.size() != 3 || r[0] != directions || w[0] != directions || w[1] != gates * r[2] ||
      r[1] != w[1] || count_elements(w) == 0 || count_elements(r) == 0) {
    return formatted("weights of shapes {} and {}", to_string(w), to_string(r));
  }
  if (node.input(3) != nullptr && node.input(3)->constant()->dims() != Dims{directions, 2 * w[1]}) {
    return formatted("biases of shape {}", to_string(node.input(3)->constant()->dims()));
  }
  for (std::size_t i = 5; i < node.num_inputs(); ++i) {
    if (node.input(i) != nullptr && node.input(i)->element() != ElementType::kF32) return "states that are not of f32";
  }
  if (node.input(4) != nullptr && node.input(4)->element() != ElementType::kI32 &&
      node.input(4)->element() != ElementType::kI64) {
    return "lengths that are no i32 or i64";
  }
  try {
    for (const ops::CellActivation& f :
         ops::read_activations(node.attributes(), default_activations(kind), static_cast<std::size_t>(directions))) {
      if (!fused(f)) return "an activation that cells have no kernel for";
    }
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// What is packed once for one direction.
struct Direction {
  std::size_t w = 0;          // offsets into Network::packed
  std::size_t r = 0;          // all gates; of a GRU that resets first, update and reset gate alone
  std::size_t candidate = 0;  // of such a GRU: its hidden gate
  std::vector<float> input_bias;
  std::vector<float> hidden_bias;  // of a GRU with linear_before_reset, whose reset gate scales it; else empty
  Activation f[3];
  bool backward = false;
};

struct Network {
  Kind kind = Kind::kRnn;
  std::int64_t width = 0;
  std::int64_t hidden = 0;
  std::int64_t columns = 0;         // of all gates
  std::int64_t hidden_columns = 0;  // that Direction::r gives
  bool batch_first = false;
  bool input_forget = false;
  bool linear_first = false;
  float clip = 0.0F;
  std::vector<Direction> directions;
  std::shared_ptr<const PackedWeights> packed;

  bool resets_first() const { return kind == Kind::kGru && !linear_first; }
  const float* at(std::size_t offset) const {
    return reinterpret_cast<const float*>(static_cast<const char*>(packed->data()) + offset);
  }
};

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

std::shared_ptr<const Network> make_network(const Node& node, Lowering& lowering) {
  const Attributes& attributes = node.attributes();
  auto network = std::make_shared<Network>();
  Network& n = *network;
  n.kind = kind_of(node);
  n.width = node.input(1)->constant()->dim(2);
  n.hidden = node.input(2)->constant()->dim(2);
  n.columns = gates_of(n.kind) * n.hidden;
  n.batch_first = attributes.get_int("layout") != 0;
  n.clip = attributes.get_float("clip", 0.0F);
  n.input_forget = n.kind == Kind::kLstm && attributes.get_int("input_forget") != 0;
  n.linear_first = n.kind == Kind::kGru && attributes.get_int("linear_before_reset") != 0;
  n.hidden_columns = n.resets_first() ? 2 * n.hidden : n.columns;
  const std::string direction = attributes.get_string("direction");
  n.directions.resize(direction == "bidirectional" ? 2 : 1);
  const std::vector<std::string> names = default_activations(n.kind);
  const std::vector<ops::CellActivation> functions = ops::read_activations(attributes, names, n.directions.size());
  const std::size_t w_bytes = round_up(gemm_f32_packed_bytes(n.columns, n.width));
  const std::size_t r_bytes = round_up(gemm_f32_packed_bytes(n.hidden_columns, n.hidden));
  const std::size_t candidate_bytes = n.resets_first() ? round_up(gemm_f32_packed_bytes(n.hidden, n.hidden)) : 0;
  const std::size_t each = w_bytes + r_bytes + candidate_bytes;
  const Tensor& input_weights = *node.input(1)->constant();
  const Tensor& hidden_weights = *node.input(2)->constant();
  const auto* w = static_cast<const float*>(input_weights.raw());
  const auto* r = static_cast<const float*>(hidden_weights.raw());
  const Tensor biases = node.input(3) != nullptr ? aligned(*node.input(3)->constant()) : Tensor();
  const float* b = biases.defined() ? biases.data<float>() : nullptr;
  // Each piece is one packed matrix; its units are panels.
  struct Piece {
    const float* from;
    std::int64_t rows, k;
    std::size_t begin, end;  // bytes
    std::int64_t first_unit;
  };
  std::vector<Piece> pieces;
  WeightForm form;
  form.bytes = each * n.directions.size();
  form.parameters = "recurrent";
  form.sources = {input_weights, hidden_weights};
  const auto pack = [&](const float* from, std::int64_t rows, std::int64_t k, std::size_t offset) {
    pieces.push_back({from, rows, k, offset, offset + round_up(gemm_f32_packed_bytes(rows, k)), form.units});
    form.units += gemm_f32_panels(rows);
    for (const std::int64_t v : {rows, k, static_cast<std::int64_t>(offset)}) append_bytes(form.parameters, v);
  };
  for (std::size_t d = 0; d < n.directions.size(); ++d) {
    Direction& to = n.directions[d];
    to.backward = d == 1 || direction == "reverse";
    for (std::size_t i = 0; i < names.size(); ++i) to.f[i] = *fused(functions[d * names.size() + i]);
    to.w = d * each;
    to.r = to.w + w_bytes;
    to.candidate = to.r + r_bytes;
    const auto step = static_cast<std::int64_t>(d);
    const float* recurrent = r + step * n.columns * n.hidden;
    pack(w + step * n.columns * n.width, n.columns, n.width, to.w);
    pack(recurrent, n.hidden_columns, n.hidden, to.r);
    if (n.resets_first()) pack(recurrent + n.hidden_columns * n.hidden, n.hidden, n.hidden, to.candidate);
    if (b == nullptr) continue;
    const float* input = b + step * 2 * n.columns;
    const float* hidden = input + n.columns;
    to.input_bias.assign(input, input + n.columns);
    if (n.linear_first) to.hidden_bias.assign(static_cast<std::size_t>(n.columns), 0.0F);
    for (std::int64_t j = 0; j < n.columns; ++j) {
      const bool scaled = n.linear_first && j >= 2 * n.hidden;
      (scaled ? to.hidden_bias : to.input_bias)[static_cast<std::size_t>(j)] += hidden[j];
    }
  }
  form.pack = [pieces](void* to, std::int64_t first, std::int64_t last) {
    for (const Piece& p : pieces) {
      const std::int64_t panels = gemm_f32_panels(p.rows);
      const std::int64_t begin = std::max<std::int64_t>(first - p.first_unit, 0);
      const std::int64_t end = std::min(last - p.first_unit, panels);
      if (begin >= end) continue;
      char* at = static_cast<char*>(to) + p.begin;
      gemm_f32_pack(p.from, p.k, true, p.rows, p.k, begin, end, reinterpret_cast<float*>(at));
      const std::size_t used = gemm_f32_packed_bytes(p.rows, p.k);
      if (end == panels) std::memset(at + used, 0, p.end - p.begin - used);
    }
  };
  n.packed = lowering.weights().add(std::move(form));
  return network;
}

// One run: extents, the parts of its scratch memory, and the walk over time.
class Walk {
 public:
  Walk(const Network& network, const Inputs& inputs, OutputSink& outputs, RunContext& context)
      : n_(network), inputs_(inputs), context_(context), threads_(context.threads.threads()) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() == 3 && x.dim(2) == n_.width, "input of shape {}, expected {} values a step",
                  to_string(x.dims()), n_.width);
    sequence_ = x.dim(n_.batch_first ? 1 : 0);
    batch_ = x.dim(n_.batch_first ? 0 : 1);
    directions_ = static_cast<std::int64_t>(n_.directions.size());
    x_ = x.data<float>();
    const Dims states = n_.batch_first ? Dims{batch_, directions_, n_.hidden} : Dims{directions_, batch_, n_.hidden};
    check_operands(states);
    const auto wants = [&](std::size_t i) { return i < outputs.size() && outputs.wanted(i); };
    if (wants(0)) {
      const Dims dims = n_.batch_first ? Dims{batch_, sequence_, directions_, n_.hidden}
                                       : Dims{sequence_, directions_, batch_, n_.hidden};
      y_ = outputs.allocate(0, ElementType::kF32, dims).data<float>();
    }
    if (wants(1)) last_hidden_ = outputs.allocate(1, ElementType::kF32, states).data<float>();
    if (n_.kind == Kind::kLstm && wants(2)) last_cell_ = outputs.allocate(2, ElementType::kF32, states).data<float>();
  }

  void run() {
    if (batch_ == 0) return;
    arrange();
    read_lengths();
    load_states();
    for (std::int64_t done = 0; done < sequence_; done += block_) {
      const std::int64_t steps = std::min(block_, sequence_ - done);
      for (std::int64_t d = 0; d < directions_; ++d) multiply_inputs(d, done, steps);
      if (tasks_ == 1 || serial_) {
        for (std::int64_t d = 0; d < directions_; ++d) walk(d, 0, batch_, done, steps, 0, split_);
      } else {
        parallel(context_, tasks_, 1, [&](std::int64_t first, std::int64_t last, int slot) {
          for (std::int64_t t = first; t < last; ++t) {
            const std::int64_t chunk = t % chunks_;
            walk(t / chunks_, chunk * rows_, std::min(batch_, (chunk + 1) * rows_), done, steps, slot, false);
          }
        });
      }
      context_.check();
    }
    store_states(hidden_, last_hidden_);
    store_states(cell_, last_cell_);
  }

 private:
  void check_operands(const Dims& states) const {
    if (inputs_.has(4)) {
      ORIEL_REQUIRE(inputs_[4].dims() == Dims{batch_}, "lengths of shape {}, expected {}", to_string(inputs_[4].dims()),
                    to_string(Dims{batch_}));
    }
    for (std::size_t i = 5; i < 7; ++i) {
      if (!inputs_.has(i)) continue;
      ORIEL_REQUIRE(inputs_[i].dims() == states, "states of shape {}, expected {}", to_string(inputs_[i].dims()),
                    to_string(states));
    }
    if (inputs_.has(7)) {
      ORIEL_REQUIRE(inputs_[7].dims() == (Dims{directions_, 3 * n_.hidden}), "peepholes of shape {}, expected {}",
                    to_string(inputs_[7].dims()), to_string(Dims{directions_, 3 * n_.hidden}));
    }
  }

  GemmF32Problem input_problem(std::int64_t steps) const {
    GemmF32Problem p;
    p.m = n_.batch_first && batch_ > 1 ? steps : steps * batch_;
    p.batch = n_.batch_first && batch_ > 1 ? batch_ : 1;
    p.n = n_.columns;
    p.k = n_.width;
    p.threads = p.m * p.batch * p.n * p.k >= kWorthTasks ? threads_ : 1;
    return p;
  }

  GemmF32Plan hidden_plan(std::int64_t rows, std::int64_t columns, bool split) const {
    GemmF32Problem p;
    p.m = rows;
    p.n = columns;
    p.k = n_.hidden;
    p.threads = split ? threads_ : 1;
    return gemm_f32_plan(p);
  }

  // Shares the work out and takes the scratch memory.
  void arrange() {
    const std::int64_t step_work = batch_ * n_.columns * n_.hidden;
    rows_ = batch_;
    chunks_ = 1;
    if (threads_ > 1 && directions_ * sequence_ * step_work >= kWorthTasks) {
      const std::int64_t wanted = (threads_ + directions_ - 1) / directions_;
      rows_ = std::min(batch_, std::max<std::int64_t>(2, (batch_ + wanted - 1) / wanted));
      chunks_ = (batch_ + rows_ - 1) / rows_;
      tasks_ = directions_ * chunks_;
    } else {
      tasks_ = directions_;
      serial_ = true;
    }
    split_ = tasks_ == 1 && !serial_ && step_work >= kWorthSplit;
    const std::int64_t step_bytes = directions_ * batch_ * n_.columns * static_cast<std::int64_t>(sizeof(float));
    block_ = std::clamp<std::int64_t>(kGateBytes / step_bytes, 1, std::max<std::int64_t>(sequence_, 1));
    const bool ragged = inputs_.has(4);
    gemm_scratch_ = gemm_f32_plan(input_problem(block_)).scratch_bytes;
    if (sequence_ > 0 && sequence_ % block_ != 0) {
      gemm_scratch_ = std::max(gemm_scratch_, gemm_f32_plan(input_problem(sequence_ % block_)).scratch_bytes);
    }
    for (std::int64_t rows = ragged || batch_ % rows_ != 0 ? 1 : rows_; rows <= rows_; ++rows) {
      gemm_scratch_ = std::max(gemm_scratch_, hidden_plan(rows, n_.hidden_columns, split_).scratch_bytes);
      if (n_.resets_first()) {
        gemm_scratch_ = std::max(gemm_scratch_, hidden_plan(rows, n_.hidden, split_).scratch_bytes);
      }
    }
    gemm_scratch_ = round_up(gemm_scratch_);
    std::size_t total = 0;
    const auto take = [&total](std::int64_t count, std::size_t size) {
      const std::size_t at = total;
      total += round_up(static_cast<std::size_t>(count) * size);
      return at;
    };
    const std::int64_t rows = directions_ * batch_;
    const std::size_t lengths = take(batch_, sizeof(std::int64_t));
    const std::size_t hidden = take(rows * n_.hidden, sizeof(float));
    const std::size_t cell = take(n_.kind == Kind::kLstm ? rows * n_.hidden : 0, sizeof(float));
    const std::size_t recurrent = take(n_.kind == Kind::kGru ? rows * n_.hidden_columns : 0, sizeof(float));
    const std::size_t reset = take(n_.resets_first() ? rows * n_.hidden : 0, sizeof(float));
    const std::size_t candidate = take(n_.resets_first() ? rows * n_.hidden : 0, sizeof(float));
    const std::size_t gates = take(rows * block_ * n_.columns, sizeof(float));
    const std::size_t gemm = take(threads_, gemm_scratch_);
    char* base = static_cast<char*>(context_.scratch(total + 64));
    lengths_ = reinterpret_cast<std::int64_t*>(base + lengths);
    hidden_ = reinterpret_cast<float*>(base + hidden);
    cell_ = n_.kind == Kind::kLstm ? reinterpret_cast<float*>(base + cell) : nullptr;
    recurrent_ = reinterpret_cast<float*>(base + recurrent);
    reset_ = reinterpret_cast<float*>(base + reset);
    candidate_ = reinterpret_cast<float*>(base + candidate);
    gates_ = reinterpret_cast<float*>(base + gates);
    gemm_ = base + gemm;
  }

  void read_lengths() {
    std::fill_n(lengths_, batch_, sequence_);
    if (!inputs_.has(4)) return;
    const Tensor& t = inputs_[4];
    for (std::int64_t b = 0; b < batch_; ++b) {
      lengths_[b] = t.type() == ElementType::kI32 ? t.data<std::int32_t>()[b] : t.data<std::int64_t>()[b];
      ORIEL_REQUIRE(lengths_[b] >= 0 && lengths_[b] <= sequence_, "a sequence of {} steps in {}", lengths_[b],
                    sequence_);
    }
  }

  std::int64_t state_row(std::int64_t d, std::int64_t b) const {
    return n_.batch_first ? b * directions_ + d : d * batch_ + b;
  }

  void load_states() {
    for (std::size_t i = 5; i < 7; ++i) {
      float* to = i == 5 ? hidden_ : cell_;
      if (to == nullptr) continue;
      const float* from = inputs_.has(i) ? inputs_[i].data<float>() : nullptr;
      for (std::int64_t d = 0; d < directions_; ++d) {
        for (std::int64_t b = 0; b < batch_; ++b) {
          float* row = to + (d * batch_ + b) * n_.hidden;
          if (from == nullptr || lengths_[b] == 0) {
            std::fill_n(row, n_.hidden, 0.0F);
          } else {
            std::copy_n(from + state_row(d, b) * n_.hidden, n_.hidden, row);
          }
        }
      }
    }
  }

  void store_states(const float* from, float* to) const {
    if (to == nullptr) return;
    for (std::int64_t d = 0; d < directions_; ++d) {
      for (std::int64_t b = 0; b < batch_; ++b) {
        std::copy_n(from + (d * batch_ + b) * n_.hidden, n_.hidden, to + state_row(d, b) * n_.hidden);
      }
    }
  }

  // The earliest step of a block: `done` steps have been walked, from the end where the direction is backward.
  std::int64_t first_time(std::int64_t d, std::int64_t done, std::int64_t steps) const {
    return n_.directions[static_cast<std::size_t>(d)].backward ? sequence_ - done - steps : done;
  }

  float* gates_of_direction(std::int64_t d) const { return gates_ + d * block_ * batch_ * n_.columns; }

  // Gates [step][row][column] of one direction: W x + b.
  void multiply_inputs(std::int64_t d, std::int64_t done, std::int64_t steps) {
    const Direction& direction = n_.directions[static_cast<std::size_t>(d)];
    const std::int64_t time = first_time(d, done, steps);
    const GemmF32Plan plan = gemm_f32_plan(input_problem(steps));
    GemmF32Operands o;
    o.lda = n_.width;
    o.b = n_.at(direction.w);
    o.c = gates_of_direction(d);
    o.ldc = n_.columns;
    o.column_bias = direction.input_bias.empty() ? nullptr : direction.input_bias.data();
    if (plan.problem.batch > 1) {
      o.a = x_ + time * n_.width;
      o.a_stride = sequence_ * n_.width;
      o.c_stride = n_.columns;
      o.ldc = batch_ * n_.columns;
    } else {
      o.a = x_ + time * batch_ * n_.width;
    }
    multiply(plan, o, plan.problem.threads > 1, 0);
  }

  void multiply(const GemmF32Plan& plan, const GemmF32Operands& o, bool split, int slot) const {
    if (split) {
      parallel(context_, plan.units, 1, [&](std::int64_t first, std::int64_t last, int s) {
        gemm_f32_run(plan, o, first, last, gemm_ + static_cast<std::size_t>(s) * gemm_scratch_);
      });
    } else {
      gemm_f32_run(plan, o, 0, plan.units, gemm_ + static_cast<std::size_t>(slot) * gemm_scratch_);
    }
  }

  // Rows [begin, end) of a direction through the steps of a block. At any time the rows whose sequence lasts beyond it
  // take part, in either direction.
  void walk(std::int64_t d, std::int64_t begin, std::int64_t end, std::int64_t done, std::int64_t steps, int slot,
            bool split) const {
    const bool backward = n_.directions[static_cast<std::size_t>(d)].backward;
    const std::int64_t time = first_time(d, done, steps);
    Plans plans;
    for (std::int64_t s = 0; s < steps; ++s) {
      if (context_.stop_requested()) return;
      const std::int64_t at = backward ? steps - 1 - s : s;
      for (std::int64_t first = begin; first < end;) {
        std::int64_t last = first;
        while (last < end && lengths_[last] > time + at) ++last;
        if (last > first) {
          if (plans.rows != last - first) {
            plans.rows = last - first;
            plans.hidden = hidden_plan(plans.rows, n_.hidden_columns, split);
            if (n_.resets_first()) plans.candidate = hidden_plan(plans.rows, n_.hidden, split);
          }
          float* gates = gates_of_direction(d) + (at * batch_ + first) * n_.columns;
          advance(d, first, last - first, gates, plans, split, slot);
        }
        const std::int64_t idle = last;
        while (last < end && lengths_[last] <= time + at) ++last;
        if (y_ != nullptr) {
          for (std::int64_t b = first; b < last; ++b) {
            float* to = y_ + y_row(time + at, d, b) * n_.hidden;
            if (b < idle) {
              std::copy_n(hidden_ + (d * batch_ + b) * n_.hidden, n_.hidden, to);
            } else {
              std::fill_n(to, n_.hidden, 0.0F);
            }
          }
        }
        first = last;
      }
    }
  }

  struct Plans {
    std::int64_t rows = 0;
    GemmF32Plan hidden;
    GemmF32Plan candidate;
  };

  std::int64_t y_row(std::int64_t time, std::int64_t d, std::int64_t b) const {
    return n_.batch_first ? (b * sequence_ + time) * directions_ + d : (time * directions_ + d) * batch_ + b;
  }

  // One step of `rows` rows from row `first` on: new states from gates that hold W x + b.
  void advance(std::int64_t d, std::int64_t first, std::int64_t rows, float* gates, const Plans& plans, bool split,
               int slot) const {
    const Direction& direction = n_.directions[static_cast<std::size_t>(d)];
    const std::int64_t row = d * batch_ + first;
    float* hidden = hidden_ + row * n_.hidden;
    GemmF32Operands o;
    o.a = hidden;
    o.lda = n_.hidden;
    o.b = n_.at(direction.r);
    o.ldc = n_.hidden_columns;
    if (n_.kind == Kind::kGru) {
      float* recurrent = recurrent_ + row * n_.hidden_columns;
      o.c = recurrent;
      o.column_bias = direction.hidden_bias.empty() ? nullptr : direction.hidden_bias.data();
      multiply(plans.hidden, o, split, slot);
      GruCell c;
      c.hidden = n_.hidden;
      c.x = gates;
      c.x_row = n_.columns;
      c.h = recurrent;
      c.h_row = n_.hidden_columns;
      c.state = hidden;
      c.state_row = n_.hidden;
      c.output_row = n_.hidden;
      c.f_gate = direction.f[0];
      c.f_cell = direction.f[1];
      c.clip = n_.clip;
      c.linear_before_reset = n_.linear_first;
      if (n_.resets_first()) {
        float* reset = reset_ + row * n_.hidden;
        float* candidate = candidate_ + row * n_.hidden;
        c.output = reset;
        gru_reset_f32(c, 0, rows);
        GemmF32Operands inner;
        inner.a = reset;
        inner.lda = n_.hidden;
        inner.b = n_.at(direction.candidate);
        inner.c = candidate;
        inner.ldc = n_.hidden;
        multiply(plans.candidate, inner, split, slot);
        c.candidate = candidate;
        c.candidate_row = n_.hidden;
      }
      c.output = hidden;
      gru_cell_f32(c, 0, rows);
      return;
    }
    o.c = gates;
    o.residual = gates;
    o.residual_ld = n_.columns;
    if (n_.kind == Kind::kRnn) {
      o.activation = n_.clip > 0.0F ? Activation{ActivationKind::kClip, -n_.clip, n_.clip} : direction.f[0];
      multiply(plans.hidden, o, split, slot);
      if (n_.clip > 0.0F) {
        activate_f32(direction.f[0], gates, hidden, rows * n_.hidden);
      } else {
        std::copy_n(gates, rows * n_.hidden, hidden);
      }
      return;
    }
    multiply(plans.hidden, o, split, slot);
    LstmCell c;
    c.hidden = n_.hidden;
    c.gates = gates;
    c.gates_row = n_.columns;
    if (inputs_.has(7)) {
      const float* peephole = inputs_[7].data<float>() + d * 3 * n_.hidden;
      for (int i = 0; i < 3; ++i) c.peephole[i] = peephole + i * n_.hidden;
    }
    c.cell = cell_ + row * n_.hidden;
    c.cell_row = n_.hidden;
    c.output = hidden;
    c.output_row = n_.hidden;
    c.f_gate = direction.f[0];
    c.f_cell = direction.f[1];
    c.f_hidden = direction.f[2];
    c.clip = n_.clip;
    c.input_forget = n_.input_forget;
    lstm_cell_f32(c, 0, rows);
  }

  const Network& n_;
  const Inputs& inputs_;
  RunContext& context_;
  int threads_;
  std::int64_t sequence_ = 0;
  std::int64_t batch_ = 0;
  std::int64_t directions_ = 1;
  const float* x_ = nullptr;
  float* y_ = nullptr;
  float* last_hidden_ = nullptr;
  float* last_cell_ = nullptr;

  std::int64_t rows_ = 1;    // of a task
  std::int64_t chunks_ = 1;  // tasks of a direction
  std::int64_t tasks_ = 1;
  bool serial_ = false;
  bool split_ = false;
  std::int64_t block_ = 1;  // steps whose gates are held at once

  std::int64_t* lengths_ = nullptr;
  float* hidden_ = nullptr;     // [direction][row][hidden]
  float* cell_ = nullptr;       // likewise; null but for LSTM
  float* recurrent_ = nullptr;  // GRU: R h
  float* reset_ = nullptr;      // GRU that resets first: r h, and its product
  float* candidate_ = nullptr;
  float* gates_ = nullptr;
  char* gemm_ = nullptr;
  std::size_t gemm_scratch_ = 0;
};

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const std::shared_ptr<const Network> network = make_network(node, lowering);
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 8; ++i) {
    const bool packed = i >= 1 && i <= 3;
    spec.inputs.push_back(packed || i >= node.num_inputs() ? -1 : lowering.plain(node.input(i)));
  }
  for (const Value* v : node.outputs()) {
    spec.outputs.push_back(v->users().empty() && !lowering.leaves(v) ? -1 : lowering.plain_output(v));
  }
  spec.kernel = network->kind == Kind::kLstm ? "lstm_f32" : network->kind == Kind::kGru ? "gru_f32" : "rnn_f32";
  spec.algorithm = "packed";
  spec.packed_bytes = static_cast<std::int64_t>(network->packed->size());
  spec.run = [network](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    Walk(*network, inputs, outputs, context).run();
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> recurrent_rules() {
  return {{"LSTM", decline, lower}, {"GRU", decline, lower}, {"RNN", decline, lower}};
}

}  // namespace oriel::cpu
