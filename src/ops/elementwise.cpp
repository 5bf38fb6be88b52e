// What elementwise operators share: inference, and the loop of functions of f64.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

// Elementwise f over two contents where one may be a single element; empty where they do not fit.
std::vector<Dim> combine(const std::vector<Dim>& a, const std::vector<Dim>& b, Dim (*f)(const Dim&, const Dim&)) {
  const std::size_t n = a.size() == 1 ? b.size() : a.size();
  if ((a.size() != n && a.size() != 1) || (b.size() != n && b.size() != 1)) return {};
  std::vector<Dim> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(f(a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]));
  return out;
}

}  // namespace

void require_float(const InferContext& c, std::size_t i) {
  require_element(c, i, {ElementType::kF32, ElementType::kF64, ElementType::kF16, ElementType::kBF16});
}

void require_numeric(const InferContext& c, std::size_t i) {
  require_element(c, i,
                  {ElementType::kF32, ElementType::kF64, ElementType::kF16, ElementType::kBF16, ElementType::kI8,
                   ElementType::kI16, ElementType::kI32, ElementType::kI64, ElementType::kU8, ElementType::kU16,
                   ElementType::kU32, ElementType::kU64});
}

void require_integer(const InferContext& c, std::size_t i) {
  require_element(c, i,
                  {ElementType::kI8, ElementType::kI16, ElementType::kI32, ElementType::kI64, ElementType::kU8,
                   ElementType::kU16, ElementType::kU32, ElementType::kU64});
}

void infer_classify(InferContext& c) {
  if (!is_float(c.element(0)) || is_sub_byte(c.element(0))) unsupported_type(c.element(0));
  c.set(0, ElementType::kBool, c.shape(0));
}

void infer_float(InferContext& c) {
  require_float(c, 0);
  infer_same(c);
}

void infer_numeric(InferContext& c) {
  require_numeric(c, 0);
  infer_same(c);
}

void infer_binary(InferContext& c, ElementType result) {
  require_same_element(c, 0, 1);
  c.set(0, result == ElementType::kUndefined ? c.element(0) : result, broadcast(c.shape(0), c.shape(1)));
}

void infer_binary_content(InferContext& c, Dim (*f)(const Dim&, const Dim&)) {
  const std::vector<Dim>* a = c.content(0);
  const std::vector<Dim>* b = c.content(1);
  if (a == nullptr || b == nullptr || a->empty() || b->empty()) return;
  if (std::vector<Dim> out = combine(*a, *b, f); !out.empty()) c.set_content(0, std::move(out));
}

void infer_unary_content(InferContext& c, Dim (*f)(const Dim&)) {
  const std::vector<Dim>* x = c.content(0);
  if (x == nullptr) return;
  std::vector<Dim> out;
  for (const Dim& d : *x) out.push_back(f(d));
  c.set_content(0, std::move(out));
}

void infer_variadic(InferContext& c) {
  require_numeric(c, 0);
  Shape shape = c.shape(0);
  for (std::size_t i = 1; i < c.num_inputs(); ++i) {
    require_same_element(c, 0, i);
    shape = broadcast(shape, c.shape(i));
  }
  c.set(0, c.element(0), std::move(shape));
}

void infer_variadic_content(InferContext& c, Dim (*f)(const Dim&, const Dim&)) {
  if (c.content(0) == nullptr) return;
  std::vector<Dim> out = *c.content(0);
  for (std::size_t i = 1; i < c.num_inputs(); ++i) {
    const std::vector<Dim>* x = c.content(i);
    if (x == nullptr) return;
    out = combine(out, *x, f);
  }
  if (!out.empty()) c.set_content(0, std::move(out));
}

void reference_float(const Inputs& inputs, OutputSink& outputs, RunContext& context,
                     const std::function<double(double)>& f) {
  dispatch_float(inputs[0].type(), [&]<typename T>() { reference_unary<T>(inputs, outputs, context, f); });
}

}  // namespace oriel::ops
