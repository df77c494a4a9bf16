// The windows that a policy's probes have open, and the reports of those that closed.
// Used by Driver, one per contender; it knows numbers of windows, never delays or exposures.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "policies/decision.h"
#include "policies/observation.h"
#include "policies/policy.h"
#include "sim/telemetry/measurement.h"
#include "sim/telemetry/quantile.h"
#include "sim/telemetry/report_faults.h"

namespace gatewright::sim {

/// Window j of a probe opens j x `every` after its initial delay and closes `window` later: windows
/// longer than `every` overlap, and every window is whole. Reports are kept per telemetry window, in
/// order, until they are taken.
class ProbeWindows {
 public:
  /// Every probe fits the grid of telemetry windows of length `telemetry_window` (see check_fit).
  ProbeWindows(std::span<const Probe> probes, Duration telemetry_window);

  /// Back to the start of a rollout.
  void start() noexcept;

  /// Adds telemetry window `k`, tallied per probe in `tally_of_probe`, to the windows that cover it;
  /// then reports those that close with it and whose probe is in `wanted`. Returns whether there is
  /// anything to report. k rises by one from call to call.
  bool close(std::uint64_t k, std::span<const Tally* const> tally_of_probe, ProbeMask wanted);

  /// Windows that are cut short by a fault cover their first half only: the tallies of the first half
  /// of telemetry window k, per probe, and what says which windows are. Before close(k).
  void cut_short(std::span<const Tally* const> half_of_probe, const ReportFaults& faults) noexcept {
    halves_ = half_of_probe;
    faults_ = &faults;
  }

  /// Reports of telemetry window k; empty if there are none. Valid until the next call of close().
  [[nodiscard]] std::span<Report> take(std::uint64_t k);

 private:
  static constexpr std::array<double, 2> kNoGuesses = {std::numeric_limits<double>::quiet_NaN(),
                                                       std::numeric_limits<double>::quiet_NaN()};
  struct Grid {
    Probe probe;
    Measurement measurement;
    std::uint64_t delay, every, length;          ///< in telemetry windows
    std::vector<Tally> open;                     ///< window j at j modulo size
    std::array<double, 2> guesses = kNoGuesses;  ///< per arm: what a reading may be near
  };
  /// Reports of one telemetry window; those beyond `count` are spare memory.
  struct Packet {
    std::uint64_t window = 0;
    std::size_t count = 0;
    std::vector<Report> reports;
  };
  Packet& back_packet(std::uint64_t k);
  /// What window j of a probe takes of telemetry window `since`, counted from the probe's first; null:
  /// nothing.
  [[nodiscard]] const Tally* part_of(std::size_t probe, std::uint64_t j, std::uint64_t since,
                                     const Tally* whole) const noexcept;
  void write(Grid& grid, ProbeIndex probe, std::uint64_t window, const Tally& tally,
             Report& report);

  std::vector<Grid> grids_;
  Duration telemetry_window_;
  std::span<const Tally* const> halves_{};
  const ReportFaults* faults_ = nullptr;  ///< null: no window is cut short
  const Tally* tails_of_ = nullptr;       ///< read last in this close()
  std::array<Tail, 2> tails_;             ///< per arm, of its values
  std::vector<Packet> ring_;              ///< packets under way, from first_ on, in order
  std::size_t first_ = 0;
  std::size_t under_way_ = 0;
};

}  // namespace gatewright::sim
