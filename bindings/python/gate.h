// One gate of a plan as Python holds it: how it weighs windows, without stages, engine or rollout.
// Used by the package's gate_test(); its memory is an array that the caller owns.
#pragma once

#include <pybind11/pybind11.h>

namespace gatewright::python {

/// Registers Gate, and GATE_TESTS, the names of the catalogue.
void bind_gate(pybind11::module_& module);

}  // namespace gatewright::python
