// Tables through the Arrow C data interface, without libarrow and without a copy.
// Used by the Python bindings alone; https://arrow.apache.org/docs/format/CDataInterface.html and
// CStreamInterface.html state the layout and who releases what.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "bindings/python/table.h"

namespace gatewright::python {

/// A capsule "arrow_schema": a struct type with one field per column.
[[nodiscard]] pybind11::capsule arrow_schema(std::shared_ptr<const Table> table);

/// A capsule "arrow_array_stream" that yields the whole table as one batch. Single use: whoever
/// takes the stream out of the capsule releases it; otherwise the capsule does.
[[nodiscard]] pybind11::capsule arrow_stream(std::shared_ptr<const Table> table);

}  // namespace gatewright::python
