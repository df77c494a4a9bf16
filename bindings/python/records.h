// The records of many runs as Python sees them: a sequence of RunRecord, and a table of columns.
// Used by run; names stages and gates, which records know by number only.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/python/table.h"
#include "sim/run.h"

namespace gatewright::python {

void bind_records(pybind11::module_& module);

/// Records of one policy in order of replication, with the names that they refer to.
struct Records {
  std::vector<sim::RunRecord> records;
  std::vector<std::string> stages;
  std::vector<std::string> gates;
  GateMask protective = ~GateMask{};
  std::vector<std::size_t> looking_for_a_winner{};  ///< gates that are A/B tests
};

[[nodiscard]] std::shared_ptr<Records> name_records(std::vector<sim::RunRecord> records,
                                                    const Policy& policy);

/// One column per field of RunRecord, one column "failing.GATE" per gate, one "found.GATE" per A/B test;
/// `violations` is their number.
[[nodiscard]] Table as_table(const Records& records);

/// Sixteen hexadecimal digits.
[[nodiscard]] std::string hexadecimal(std::uint64_t fingerprint);

}  // namespace gatewright::python
