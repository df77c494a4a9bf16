// What a rollout costs its users, counted with potential outcomes as the requests go by.
// Used by Driver, one per contender; definitions in docs/methods/numbers.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policies/time.h"
#include "sim/arms/columns.h"
#include "sim/router/router.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// What the requests of a chunk cost under one split: the same for every contender that shares it.
struct ChunkCosts {
  double excess_usd = 0.0;  ///< of served requests: candidate minus baseline
  double shadow_usd = 0.0;  ///< of mirrored requests
};

/// Wanted columns: both arms' costs where any request is served, the candidate's where any is mirrored.
[[nodiscard]] ChunkCosts costs_of(const Columns& columns, const Split& split) noexcept;

class ImpactMeter {
 public:
  explicit ImpactMeter(const Scenario& scenario);

  /// Back to the start of a rollout.
  void start() noexcept;

  /// When harm sets in, since the start; nothing in a healthy world.
  [[nodiscard]] const std::optional<Duration>& harmful_since() const noexcept {
    return harmful_from_;
  }
  /// The same in seconds; infinity in a healthy world.
  [[nodiscard]] double harmful_from_seconds() const noexcept { return harmful_from_seconds_; }

  /// Adds the exposure of a timeline from its first segment to `until`.
  void add_exposure(std::span<const ExposureSegment> timeline, Instant until) noexcept;

  /// Adds the requests of a chunk. Wanted columns: users, and both arms' refusals and qualities, where
  /// any request is served after harm set in.
  void add_requests(const Columns& columns, const Split& split, const ChunkCosts& costs);

  [[nodiscard]] const Impact& impact() const noexcept { return impact_; }

 private:
  [[nodiscard]] bool is_bad(const ArmColumns& arm, std::uint16_t place) const noexcept;
  void add_harm(const Columns& columns, std::uint16_t place);

  Objectives objectives_;
  std::uint32_t users_;
  std::optional<Duration> harmful_from_;
  double harmful_from_seconds_;
  Impact impact_;
  std::vector<std::uint32_t>
      served_minute_;  ///< per user, the last minute counted, from 1; empty: none
  std::vector<std::uint32_t> bad_minute_;
};

}  // namespace gatewright::sim
