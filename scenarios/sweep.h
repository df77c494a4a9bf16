// A grid of settings: its cells, and which of them play in one world.
// Used by the sweeps of the command line and of Python; reads and plays nothing.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace gatewright::scenarios {

/// One setting of a grid: a path and the texts that it is set to.
struct SweepAxis {
  std::string path;
  std::vector<std::string> values;

  /// Settings of the policy leave the world as it is.
  [[nodiscard]] bool moves_world() const {
    return path != "policy" && !path.starts_with("policy.");
  }
  /// Settings of effects leave the healthy twin as it is.
  [[nodiscard]] bool moves_twin() const {
    return moves_world() && !path.starts_with("candidate.effects.");
  }
};

/// A cell by the index of its value on each axis, or on some of them.
using SweepChoice = std::vector<std::size_t>;

/// Every combination of the axes' values; the last axis moves fastest.
class SweepGrid {
 public:
  explicit SweepGrid(std::vector<SweepAxis> axes) : axes_(std::move(axes)) {}

  [[nodiscard]] const std::vector<SweepAxis>& axes() const noexcept { return axes_; }
  [[nodiscard]] std::size_t cells() const noexcept;
  [[nodiscard]] SweepChoice choice(std::size_t cell) const;
  /// Path and text of each setting of a cell.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> settings(std::size_t cell) const;
  /// Equal for cells that share a world.
  [[nodiscard]] SweepChoice world_of(std::size_t cell) const;
  /// Equal for cells whose worlds have one healthy twin.
  [[nodiscard]] SweepChoice twin_of(std::size_t cell) const;

 private:
  [[nodiscard]] SweepChoice part_of(std::size_t cell, bool (SweepAxis::*moves)() const) const;

  std::vector<SweepAxis> axes_;
};

}  // namespace gatewright::scenarios
