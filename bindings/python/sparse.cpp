// SparseTensor: made from numpy's arrays, whose memory it shares, and looked at as arrays again.
#include "sparse.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "base/format.h"
#include "convert.h"
#include "runtime/session.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace oriel::python {
namespace {

struct CooView {
  std::shared_ptr<const SparseData> data;
};
struct CsrView {
  std::shared_ptr<const SparseData> data;
};
struct BlockView {
  std::shared_ptr<const SparseData> data;
};

template <typename... Args>
void require(bool condition, fmt::format_string<Args...> text, Args&&... args) {
  if (!condition) throw std::runtime_error(format_arguments(text, fmt::make_format_args(args...)));
}

nb::object read_only(const Tensor& t) {
  nb::object array = from_datum(Datum(t));
  array.attr("flags").attr("writeable") = false;
  return array;
}

Tensor indices_of(nb::handle array, const char* type) {
  const nb::object typed = nb::module_::import_("numpy").attr("ascontiguousarray")(array, "dtype"_a = type);
  return to_datum(typed).tensor();
}

Dims dims_of(const std::vector<std::int64_t>& shape) {
  for (const std::int64_t d : shape) require(d >= 0, "the dense shape has the dimension {}", d);
  return Dims(shape.begin(), shape.end());
}

PySparseTensor make(SparseData data) { return {std::make_shared<const SparseData>(std::move(data))}; }

PySparseTensor coo(const std::vector<std::int64_t>& shape, nb::handle values, nb::handle indices, nb::handle device) {
  require_cpu(device);
  SparseData s{.format = SparseFormat::kCoo,
               .dims = dims_of(shape),
               .values = to_datum(values).tensor(),
               .indices = indices_of(indices, "int64"),
               .rows = {}};
  require(s.values.rank() == 1, "Expecting values 1-D numpy values array for COO format. Got dims: {}",
          s.values.rank());
  const std::int64_t count = s.values.size();
  require(s.indices.size() == count || s.indices.size() == 2 * count,
          "Index size: {} must be equal to or twice the values size: {}", s.indices.size(), count);
  return make(std::move(s));
}

PySparseTensor csr(const std::vector<std::int64_t>& shape, nb::handle values, nb::handle inner, nb::handle outer,
                   nb::handle device) {
  require_cpu(device);
  SparseData s{.format = SparseFormat::kCsr,
               .dims = dims_of(shape),
               .values = to_datum(values).tensor(),
               .indices = indices_of(inner, "int64"),
               .rows = indices_of(outer, "int64")};
  require(s.values.rank() == 1 && s.indices.rank() == 1 && s.rows.rank() == 1,
          "Expecting 1-D values and indices for CSR(C) format");
  require(s.dims.size() == 2, "Expecting two dimensions for CSR(C) format. Got: {}", s.dims.size());
  require(s.indices.size() == s.values.size(), "inner index size: {} must be equal to the values size: {}",
          s.indices.size(), s.values.size());
  require(s.values.size() == 0 || s.rows.size() == s.dims[0] + 1,
          "outer index size: {} must be one more than the rows: {}", s.rows.size(), s.dims[0]);
  return make(std::move(s));
}

PySparseTensor blocks(const std::vector<std::int64_t>& shape, nb::handle values, nb::handle indices,
                      nb::handle device) {
  require_cpu(device);
  SparseData s{.format = SparseFormat::kBlock,
               .dims = dims_of(shape),
               .values = to_datum(values).tensor(),
               .indices = indices_of(indices, "int32"),
               .rows = {}};
  require(s.values.rank() >= 3, "Expecting to have at lest 3-D shape. Got:{}", s.values.rank());
  require(s.indices.rank() == 2, "Expecting 2-D block indices. Got: {}", s.indices.rank());
  return make(std::move(s));
}

template <typename View>
View view_as(const PySparseTensor& sparse, SparseFormat format, const char* name) {
  require(sparse.data->format == format, "This sparse tensor does not contain {} format", name);
  return {sparse.data};
}

}  // namespace

std::string SparseData::type_name() const { return "sparse_tensor(" + onnx_element_name(values.type()) + ")"; }

void bind_sparse(nb::module_& module) {
  nb::class_<CooView>(module, "SparseCooView").def("indices", [](const CooView& v) {
    return read_only(v.data->indices);
  });
  nb::class_<CsrView>(module, "SparseCsrView")
      .def("inner", [](const CsrView& v) { return read_only(v.data->indices); })
      .def("outer", [](const CsrView& v) { return read_only(v.data->rows); });
  nb::class_<BlockView>(module, "SparseBlockSparseView").def("indices", [](const BlockView& v) {
    return read_only(v.data->indices);
  });
  nb::class_<PySparseTensor>(module, "SparseTensor", "Values at some places of a tensor that is zero elsewhere.")
      .def_static("sparse_coo_from_numpy", &coo, "dense_shape"_a, "values"_a, "indices"_a, "device"_a)
      .def_static("sparse_csr_from_numpy", &csr, "dense_shape"_a, "values"_a, "inner"_a, "outer"_a, "device"_a)
      .def_static("blocksparse_from_numpy", &blocks, "dense_shape"_a, "values"_a, "indices"_a, "device"_a)
      .def("values", [](const PySparseTensor& s) { return read_only(s.data->values); })
      .def("get_coo_data", [](const PySparseTensor& s) { return view_as<CooView>(s, SparseFormat::kCoo, "COO"); })
      .def("get_csrc_data", [](const PySparseTensor& s) { return view_as<CsrView>(s, SparseFormat::kCsr, "CSR(C)"); })
      .def("get_blocksparse_data",
           [](const PySparseTensor& s) { return view_as<BlockView>(s, SparseFormat::kBlock, "BlockSparse"); })
      .def("to_cuda",
           [](const PySparseTensor&, nb::handle) -> PySparseTensor {
             throw std::runtime_error("Cuda is not available in this build");
           })
      .def("dense_shape",
           [](const PySparseTensor& s) { return std::vector<std::int64_t>(s.data->dims.begin(), s.data->dims.end()); })
      .def("data_type", [](const PySparseTensor& s) { return s.data->type_name(); })
      .def("device_name", [](const PySparseTensor&) { return "Cpu"; })
      .def("_format", [](const PySparseTensor& s) { return static_cast<int>(s.data->format); });
}

}  // namespace oriel::python
