// When units of an assignment were last seen: which of them a chunk shows for the first time.
// Used by Field where a policy counts units (kAssignedUnits), one for all contenders that count the same ones;
// it knows no exposure and no arm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "policies/plan.h"
#include "sim/arms/columns.h"
#include "sim/router/split.h"
#include "sim/scenario.h"
#include "sim/world.h"

namespace gatewright::sim {

/// What counts as one unit: what the assignment means to split.
enum class CountedUnit : std::uint8_t { request, user, session, tenant };

/// Blocks of time are what happens to users behind a cache, so users are counted there. Without
/// sessions each request is one of its own.
[[nodiscard]] CountedUnit counted_unit(const Assignment& assignment, const Users& users) noexcept;
/// The columns that tell the units of an assignment, and those that its lists name.
[[nodiscard]] Wants wants_of(CountedUnit unit, const Assignment& assignment) noexcept;

/// Since when a unit is new differs from contender to contender, when it was seen last does not.
class UnitSightings {
 public:
  explicit UnitSightings(CountedUnit unit) : unit_(unit) {}

  [[nodiscard]] CountedUnit unit() const noexcept { return unit_; }
  void start() noexcept;
  /// Takes in a chunk of telemetry window `window`, whose wanted columns are filled; once, however
  /// often the chunk is filled.
  void fill(std::uint64_t window, std::size_t chunk, const Columns& columns);
  /// The units among `places` that no earlier request showed in window `since` or later. Those that
  /// the assignment lists do not count.
  [[nodiscard]] std::uint64_t count_new(Split::Places places, std::uint64_t since,
                                        const Columns& columns,
                                        const Assignment& assignment) const noexcept;

 private:
  [[nodiscard]] std::uint32_t number_of(const Columns& columns, std::size_t place) const noexcept;

  CountedUnit unit_;
  std::vector<std::uint32_t> seen_in_;  ///< per unit: the window that saw it last, from 1; 0: none
  Column<std::uint32_t> before_{};      ///< per request of the chunk: the same, before it
  std::optional<std::uint64_t> window_;
  std::size_t chunk_ = 0;
};

}  // namespace gatewright::sim
