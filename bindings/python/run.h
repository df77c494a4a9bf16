// One scenario played many times under one policy, for Python.
// Used by the package's run(); the GIL is released while worlds are played.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/operating_characteristics.h"
#include "bindings/python/study.h"
#include "bindings/python/watch.h"
#include "sim/run.h"

namespace gatewright::python {

/// Registers Run and run().
void bind_run(pybind11::module_& module);

/// How often a world is played, and how its estimates are stated. The package has checked the ranges.
struct Sampling {
  std::uint64_t runs = 400;
  std::uint64_t first_replication = 0;
  std::uint64_t seed = 0;
  unsigned threads = 0;  ///< 0: one per hardware thread
  double confidence = 0.95;
};

/// Records per contender.
using FieldRecords = std::vector<std::vector<sim::RunRecord>>;

/// Plays the field in the world, adding the replications to those that `watch` has counted.
[[nodiscard]] FieldRecords play(std::span<const sim::Contender> field,
                                const sim::PreparedScenario& world, const Sampling& sampling,
                                Watch& watch);

}  // namespace gatewright::python
