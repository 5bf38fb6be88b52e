// Support vector machines of ai.onnx.ml.
#include "ops/ml_svm.h"

namespace oriel::ops {

SvmKernel SvmKernel::read(const Attributes& attributes) {
  SvmKernel k;
  const std::string& name = attributes.get_string("kernel_type");
  if (name == "LINEAR") {
    k.kind = Kind::kLinear;
  } else if (name == "POLY") {
    k.kind = Kind::kPoly;
  } else if (name == "RBF") {
    k.kind = Kind::kRbf;
  } else if (name == "SIGMOID") {
    k.kind = Kind::kSigmoid;
  } else {
    fail(ErrorCode::kInvalidGraph, "attribute kernel_type is \"{}\"", name);
  }
  const std::vector<float> parameters = floats_of(attributes, "kernel_params");
  if (parameters.empty()) return k;
  if (parameters.size() != 3)
    fail(ErrorCode::kInvalidGraph, "attribute kernel_params has {} values, expected 3", parameters.size());
  k.gamma = parameters[0];
  k.coef0 = parameters[1];
  k.degree = parameters[2];
  return k;
}

double SvmKernel::operator()(const double* x, const float* y, std::int64_t size) const {
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) sum += kind == Kind::kRbf ? (x[i] - y[i]) * (x[i] - y[i]) : x[i] * y[i];
  switch (kind) {
    case Kind::kLinear:
      return sum;
    case Kind::kPoly:
      return std::pow(gamma * sum + coef0, degree);
    case Kind::kRbf:
      return std::exp(-gamma * sum);
    case Kind::kSigmoid:
      return std::tanh(gamma * sum + coef0);
  }
  return sum;
}

std::vector<AttributeDef> svm_attributes() {
  std::vector<AttributeDef> list;
  for (const char* name : {"coefficients", "kernel_params", "rho", "support_vectors"}) {
    list.push_back({name, std::vector<float>{}, AttributeDef::Need::kOptional});
  }
  list.push_back({"kernel_type", std::string("LINEAR")});
  list.push_back({"post_transform", std::string("NONE")});
  return list;
}

std::vector<double> couple_probabilities(const std::vector<double>& pairwise, std::size_t n) {
  // Minimises sum over i, j of (r_ji p_i - r_ij p_j)^2 under sum p = 1, one coordinate of Q p = (p' Q p) 1 at a time.
  std::vector<double> q(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      q[i * n + i] += pairwise[j * n + i] * pairwise[j * n + i];
      q[i * n + j] = -pairwise[j * n + i] * pairwise[i * n + j];
    }
  }
  std::vector<double> p(n, 1.0 / static_cast<double>(n));
  std::vector<double> product(n);
  const std::size_t rounds = std::max<std::size_t>(100, n);
  const double tolerance = 0.005 / static_cast<double>(n);
  for (std::size_t round = 0; round < rounds; ++round) {
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      product[i] = 0;
      for (std::size_t j = 0; j < n; ++j) product[i] += q[i * n + j] * p[j];
      total += p[i] * product[i];
    }
    double error = 0;
    for (std::size_t i = 0; i < n; ++i) error = std::max(error, std::fabs(product[i] - total));
    if (!(error >= tolerance)) break;
    for (std::size_t i = 0; i < n; ++i) {
      const double step = (total - product[i]) / q[i * n + i];
      p[i] += step;
      total = (total + step * (step * q[i * n + i] + 2 * product[i])) / (1 + step) / (1 + step);
      for (std::size_t j = 0; j < n; ++j) {
        product[j] = (product[j] + step * q[i * n + j]) / (1 + step);
        p[j] /= 1 + step;
      }
    }
  }
  return p;
}

}  // namespace oriel::ops
