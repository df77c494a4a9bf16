// A full grid of settings, each cell played as a run would play it, as one table.
// Used by the package's sweep(); cells that share a world share its replications, too.
#pragma once

#include <pybind11/pybind11.h>

namespace gatewright::python {

/// Registers sweep().
void bind_sweep(pybind11::module_& module);

}  // namespace gatewright::python
