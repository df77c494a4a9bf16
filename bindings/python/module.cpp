// gatewright._core: the compiled half of the Python package; docstrings and types are in the other.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <variant>

#include "bindings/python/arrow.h"
#include "bindings/python/calibrate.h"
#include "bindings/python/gate.h"
#include "bindings/python/policy.h"
#include "bindings/python/records.h"
#include "bindings/python/run.h"
#include "bindings/python/study.h"
#include "bindings/python/sweep.h"
#include "bindings/python/table.h"

namespace gatewright::python {

namespace py = pybind11;

namespace {

/// The table's own memory as a read-only array that keeps the table alive.
template <typename Number>
py::array in_place(const std::vector<Number>& values, const py::dtype& type, py::handle table) {
  py::array array(type, static_cast<py::ssize_t>(values.size()), values.data(), table);
  array.attr("flags").attr("writeable") = false;
  return array;
}

struct AsPython {
  py::handle table;
  template <typename Number>
  py::object operator()(const std::vector<Number>& values) const {
    return in_place(values, py::dtype::of<Number>(), table);
  }
  py::object operator()(const Truths& values) const {
    return in_place(values.bytes(), py::dtype::of<bool>(), table);
  }
  py::object operator()(const Texts& values) const {
    py::list list;
    for (std::size_t row = 0; row < values.size(); ++row) list.append(values[row]);
    return list;
  }
};

void bind_table(py::module_& module) {
  py::class_<Table, std::shared_ptr<Table>>(module, "Table")
      .def_property_readonly("rows", &Table::rows)
      .def_property_readonly("columns",
                             [](const Table& table) {
                               py::list names;
                               for (const NamedValues& column : table.columns())
                                 names.append(column.name);
                               return py::tuple(names);
                             })
      .def(
          "column",
          [](const py::object& self, const std::string& name) {
            const NamedValues* column = self.cast<const Table&>().find(name);
            if (column == nullptr) throw py::key_error(name);
            return std::visit(AsPython{self}, column->values);
          },
          py::arg("name"))
      .def("schema", [](const std::shared_ptr<Table>& table) { return arrow_schema(table); })
      .def("stream", [](const std::shared_ptr<Table>& table) { return arrow_stream(table); });
}

}  // namespace

}  // namespace gatewright::python

PYBIND11_MODULE(_core, module) {
  using namespace gatewright::python;
  module.doc() = "The compiled half of gatewright.";
  module.attr("__version__") = GATEWRIGHT_VERSION;
  bind_table(module);
  bind_study(module);
  bind_records(module);
  bind_gate(module);
  bind_policy(module);
  bind_run(module);
  bind_sweep(module);
  bind_calibrate(module);
}
