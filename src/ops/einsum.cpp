// Einsum: the sum of products of operands over the indices that the output term lacks, in Einstein's notation. Indices
// of extent 1 broadcast, ellipses align at their last axis; without "->" the output has the ellipsis and the letters
// used once.
#include "ops/einsum.h"

#include <array>

#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

Term parse_term(std::string_view text) {
  Term term;
  bool ellipsis = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char ch = text[i];
    if (ch == ' ') continue;
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')) {
      term.push_back(ch);
    } else if (ch == '.' && text.substr(i, 3) == "..." && !ellipsis) {
      term.push_back(kEllipsis);
      ellipsis = true;
      i += 2;
    } else {
      fail(ErrorCode::kInvalidGraph, "the term \"{}\" of the equation is malformed", text);
    }
  }
  return term;
}

}  // namespace

Equation parse_equation(const std::string& text, std::size_t operands) {
  Equation e;
  const std::size_t arrow = text.find("->");
  std::string_view left = std::string_view(text).substr(0, arrow);
  for (;;) {
    const std::size_t comma = left.find(',');
    e.operands.push_back(parse_term(left.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  if (e.operands.size() != operands) {
    fail(ErrorCode::kInvalidGraph, "the equation \"{}\" has {} terms for {} inputs", text, e.operands.size(), operands);
  }
  std::array<int, kFirstEllipsisIndex> uses{};
  bool ellipsis = false;
  for (const Term& term : e.operands) {
    for (const int index : term) {
      if (index == kEllipsis) {
        ellipsis = true;
      } else {
        ++uses[static_cast<std::size_t>(index)];
      }
    }
  }
  if (arrow == std::string::npos) {
    if (ellipsis) e.output.push_back(kEllipsis);
    for (int index = 0; index < kFirstEllipsisIndex; ++index) {
      if (uses[static_cast<std::size_t>(index)] == 1) e.output.push_back(index);
    }
    return e;
  }
  e.output = parse_term(std::string_view(text).substr(arrow + 2));
  for (std::size_t i = 0; i < e.output.size(); ++i) {
    const int index = e.output[i];
    if (index != kEllipsis && uses[static_cast<std::size_t>(index)] == 0) {
      fail(ErrorCode::kInvalidGraph, "the equation \"{}\" has the output index {} that no input has", text,
           static_cast<char>(index));
    }
    if (std::find(e.output.begin(), e.output.begin() + static_cast<std::ptrdiff_t>(i), index) !=
        e.output.begin() + static_cast<std::ptrdiff_t>(i)) {
      fail(ErrorCode::kInvalidGraph, "the equation \"{}\" repeats an output index", text);
    }
  }
  return e;
}

Term expand_term(const Term& term, std::size_t axes) {
  Term out;
  for (const int index : term) {
    if (index != kEllipsis) {
      out.push_back(index);
      continue;
    }
    for (std::size_t k = axes; k-- > 0;) out.push_back(kFirstEllipsisIndex + static_cast<int>(k));
  }
  return out;
}

bool has_ellipsis(const Term& term) { return std::find(term.begin(), term.end(), kEllipsis) != term.end(); }

std::size_t ellipsis_axes(const Term& term, std::size_t rank) {
  const std::size_t letters = term.size() - (has_ellipsis(term) ? 1 : 0);
  if (rank < letters || (rank > letters && !has_ellipsis(term))) {
    fail(ErrorCode::kInvalidGraph, "an input of rank {} has a term of {} indices", rank, letters);
  }
  return rank - letters;
}

namespace {

// Extents of indices. D is Dim or a number.
template <typename D>
class Extents {
 public:
  D* find(int index) {
    for (auto& [known, extent] : extents_) {
      if (known == index) return &extent;
    }
    return nullptr;
  }
  void set(int index, D extent) { extents_.emplace_back(index, std::move(extent)); }

 private:
  std::vector<std::pair<int, D>> extents_;
};

void infer(InferContext& c) {
  const Equation e = parse_equation(c.attributes().get_string("equation"), c.num_inputs());
  require_numeric(c, 0);
  Extents<Dim> extents;
  std::size_t axes = 0;
  bool axes_known = true;
  for (std::size_t i = 0; i < c.num_inputs(); ++i) {
    require_same_element(c, 0, i);
    const Shape& shape = c.shape(i);
    if (!shape.is_ranked()) {
      axes_known = axes_known && !has_ellipsis(e.operands[i]);
      continue;
    }
    const std::size_t own = ellipsis_axes(e.operands[i], shape.rank());
    axes = std::max(axes, own);
    const Term term = expand_term(e.operands[i], own);
    for (std::size_t axis = 0; axis < term.size(); ++axis) {
      if (Dim* known = extents.find(term[axis])) {
        *known = broadcast(Shape{*known}, Shape{shape[axis]})[0];
      } else {
        extents.set(term[axis], shape[axis]);
      }
    }
  }
  if (!axes_known && has_ellipsis(e.output)) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  // An operand of unknown rank may widen every index that it names.
  for (std::size_t i = 0; i < c.num_inputs(); ++i) {
    if (c.shape(i).is_ranked()) continue;
    for (const int index : e.operands[i]) {
      if (Dim* known = extents.find(index); known != nullptr && known->min() <= 1) *known = Dim::unknown();
    }
  }
  std::vector<Dim> dims;
  for (const int index : expand_term(e.output, axes)) {
    const Dim* known = extents.find(index);
    dims.push_back(known != nullptr ? *known : Dim::unknown());
  }
  c.set(0, c.element(0), Shape(std::move(dims)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Equation e = parse_equation(inputs.attributes().get_string("equation"), inputs.size());
  Extents<std::int64_t> extents;
  std::size_t axes = 0;
  std::vector<Term> terms;
  Term order;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Dims& dims = inputs[i].dims();
    const std::size_t own = ellipsis_axes(e.operands[i], dims.size());
    axes = std::max(axes, own);
    terms.push_back(expand_term(e.operands[i], own));
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      const int index = terms[i][axis];
      if (std::int64_t* known = extents.find(index)) {
        *known = broadcast(Dims{*known}, Dims{dims[axis]})[0];
      } else {
        extents.set(index, dims[axis]);
        order.push_back(index);
      }
    }
  }
  // The loops: output indices outside, summed ones inside.
  Term loops = expand_term(e.output, axes);
  const std::size_t kept = loops.size();
  for (const int index : order) {
    if (std::find(loops.begin(), loops.end(), index) == loops.end()) loops.push_back(index);
  }
  Dims output_dims;
  Dims summed_dims;
  for (std::size_t k = 0; k < loops.size(); ++k) {
    (k < kept ? output_dims : summed_dims).push_back(*extents.find(loops[k]));
  }
  std::vector<Dims> output_strides(inputs.size(), Dims(output_dims.size(), 0));
  std::vector<Dims> summed_strides(inputs.size(), Dims(summed_dims.size(), 0));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Dims strides = row_major_strides(inputs[i].dims());
    for (std::size_t axis = 0; axis < strides.size(); ++axis) {
      if (inputs[i].dim(axis) == 1) continue;
      const auto loop = static_cast<std::size_t>(std::find(loops.begin(), loops.end(), terms[i][axis]) - loops.begin());
      (loop < kept ? output_strides[i][loop] : summed_strides[i][loop - kept]) += strides[axis];
    }
  }
  const std::int64_t products = count_elements(summed_dims);
  Tensor& out = outputs.allocate(0, inputs[0].type(), output_dims);
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    std::vector<const T*> data;
    for (std::size_t i = 0; i < inputs.size(); ++i) data.push_back(inputs[i].data<T>());
    T* y = out.data<T>();
    Dims at(output_dims.size(), 0);
    Dims inner(summed_dims.size(), 0);
    for (std::int64_t o = 0; o < out.size(); ++o) {
      context.check();
      Wide<T> sum(0);
      for (std::int64_t p = 0; p < products; ++p) {
        Wide<T> product(1);
        for (std::size_t i = 0; i < data.size(); ++i) {
          product = wrapping_multiply(product,
                                      widen(data[i][ravel(at, output_strides[i]) + ravel(inner, summed_strides[i])]));
        }
        sum = wrapping_add(sum, product);
        advance(inner, summed_dims);
      }
      y[o] = narrow<T>(sum);
      advance(at, output_dims);
    }
  });
}

}  // namespace

OpDef op_einsum() {
  return {.name = "Einsum",
          .min_inputs = 1,
          .max_inputs = -1,
          .attributes = {{"equation", std::string(), AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
