// The threshold curves of a policy's gates, from one recording, as one table.
// Used by the package's calibrate(); computes nothing that analysis does not.
#pragma once

#include <pybind11/pybind11.h>

namespace gatewright::python {

/// Registers calibrate().
void bind_calibrate(pybind11::module_& module);

}  // namespace gatewright::python
