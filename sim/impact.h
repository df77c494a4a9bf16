// What a rollout costs its users, counted with potential outcomes as the requests go by.
// Used by Ledger; definitions in docs/methods/numbers.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policies/time.h"
#include "sim/arms/columns.h"
#include "sim/effects/effect_table.h"
#include "sim/effects/exposure_history.h"
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
  /// Both outlive the meter.
  ImpactMeter(const Scenario& scenario, const EffectTable& effects);

  /// Back to the start of a rollout.
  void start() noexcept;

  /// Adds the exposure of a timeline from its first segment to `until`, as far as harm is present.
  void add_exposure(std::span<const ExposureSegment> timeline, Instant until,
                    const ExposureHistory& history) noexcept;

  /// Adds the requests of a chunk. Wanted columns: exposed users, harm, and both arms' refusals and, where
  /// the objectives mind them, qualities, where any request is served that might be harmed.
  void add_requests(const Columns& columns, const Split& split, const ChunkCosts& costs,
                    const ExposureHistory& history);

  /// A rollback that found the old model cold: from `from_seconds` on, and for as long as requests count,
  /// those that the candidate would have served wait `factor` times as long for the old model.
  struct Cold {
    double from_seconds = 0.0;
    std::uint16_t served = 0;  ///< exposure before the rollback
    double factor = 1.0;
  };
  /// Adds the requests of a chunk, of which the first `requests` count. An answer of the old model that
  /// is bad because it was cold is an impacted request. Wanted columns: users, and the baseline's
  /// refusals and qualities; the buckets are filled.
  void add_cold(const Columns& columns, Buckets buckets, std::size_t requests, const Cold& cold);

  /// Adds what was counted elsewhere.
  void add(const Impact& impact) noexcept;

  [[nodiscard]] const Impact& impact() const noexcept { return impact_; }

 private:
  [[nodiscard]] bool is_bad(const ArmColumns& arm, std::uint16_t place) const noexcept;
  void add_harm(const Columns& columns, std::uint16_t place);
  void add_bad(const Columns& columns, std::uint16_t place);
  void make_room_for_users();

  const EffectTable* effects_;
  Objectives objectives_;
  double timeout_seconds_;
  std::uint32_t users_;
  Impact impact_;
  /// The minutes that were counted for a user. Answers that servers delay come out of the order of
  /// their arrivals, by less than half an hour.
  struct Minutes {
    std::uint32_t last = 0;     ///< from 1; 0: none
    std::uint32_t counted = 0;  ///< bit b: minute last - b
    /// Whether `minute` had not been counted; it now is.
    bool add(std::uint32_t minute) noexcept;
  };
  std::vector<Minutes> served_minutes_;  ///< per user; empty: none
  std::vector<Minutes> bad_minutes_;
};

}  // namespace gatewright::sim
