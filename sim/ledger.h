// What the requests of contenders that have always gone the same ways came to: counts, impact, random
// words, the windows of their probes.
// Used by Field, one for all such contenders together; it never knows who they are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "sim/effects/exposure_history.h"
#include "sim/impact.h"
#include "sim/prepared.h"
#include "sim/router/router.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/telemetry/measurement.h"
#include "sim/telemetry/probe_windows.h"
#include "sim/windows/window_world.h"
#include "sim/world.h"

namespace gatewright::sim {

/// What is kept of a ledger in the record of a rollout.
struct LedgerTotals {
  std::uint64_t windows = 0;
  std::uint64_t requests = 0;
  std::uint64_t candidate_requests = 0;
  std::uint64_t arrival_words = 0;
  std::array<std::uint64_t, kDraws> words{};  ///< per stream, as far as they were needed
  Impact impact{};
};

/// The ways that requests went in the present window, which all who share a ledger share.
struct Ways {
  std::span<const ExposureSegment> timeline;
  Instant until{};  ///< requests count until then
  ExposureHistory history;
  const std::optional<ImpactMeter::Cold>& cold;
};

/// A copy is what the ledger of contenders that part from the others begins with.
class Ledger {
 public:
  /// The probes and the scenario outlive the ledger.
  Ledger(std::span<const Probe> probes, const PreparedScenario& scenario);

  [[nodiscard]] std::span<const Probe> probes() const noexcept { return asked_; }
  /// Back to the start of a rollout.
  void start() noexcept;

  /// `words`: random words per stream of a chunk of arrivals, `draws` those that were needed here.
  void add_words(const std::array<std::uint64_t, kDraws>& words, Draws draws) noexcept;
  void add_requests(const Columns& columns, const Split& split, Buckets buckets,
                    const ChunkCosts& costs, const Ways& ways);
  /// What of a window was drawn without its requests.
  void add_window(const WindowCounts& counts) noexcept;
  /// The first halves of the window's tallies, per probe, where reports can be cut short. Before
  /// close_window().
  void cut_short(std::span<const Tally* const> halves, const ReportFaults& faults) noexcept {
    probes_.cut_short(halves, faults);
  }
  /// The end of window k; `tallies` per probe, of which those in `wanted` report what closes. Returns
  /// whether anything will be reported of it.
  struct Closing {
    std::uint64_t k = 0;
    Instant end{};
    std::uint64_t arrival_words = 0;
    ProbeMask wanted = 0;
  };
  bool close_window(const Closing& closing, std::span<const Tally* const> tallies,
                    const Ways& ways);
  /// Reports of telemetry window k; empty if there are none. Valid until the next call of
  /// close_window().
  [[nodiscard]] std::span<Report> take(std::uint64_t k) { return probes_.take(k); }

  [[nodiscard]] LedgerTotals totals() const noexcept;

 private:
  std::span<const Probe> asked_;
  ProbeWindows probes_;
  ImpactMeter impact_;
  LedgerTotals totals_;  ///< but for the impact
};

}  // namespace gatewright::sim
