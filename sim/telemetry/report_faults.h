// What goes wrong with reports: which fault befalls which report, and what it makes of it.
// Used by Delivery, and by ProbeWindows for windows that are cut short; what happened to users, and
// what it cost them, stays as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policies/observation.h"
#include "policies/policy.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/telemetry/measurement.h"

namespace gatewright::sim {

/// What one closed window of a probe says, with the memory that its event borrows. Moving keeps that
/// memory in place; a copy borrows its own.
struct Report {
  Event event;
  std::array<std::vector<HistogramBin>, 2> bins;

  Report() = default;
  Report(Report&&) noexcept = default;
  Report& operator=(Report&&) noexcept = default;
  Report(const Report& other) : event(other.event), bins(other.bins) { borrow(); }
  Report& operator=(const Report& other) {
    event = other.event;
    bins = other.bins;
    borrow();
    return *this;
  }
  ~Report() = default;

 private:
  void borrow() noexcept {
    if (auto* told = std::get_if<Distributions>(&event)) {
      told->baseline = bins[0];
      told->candidate = bins[1];
    }
  }
};

/// One report: window `window` of a probe, which closed at `closed`.
struct ReportPlace {
  ProbeIndex probe{};
  std::uint64_t window = 0;
  Instant closed{};
};

inline constexpr std::size_t kTelemetryFaultKinds = 8;

class ReportFaults {
 public:
  /// The shares `lost`, `duplicated` and `reordered` are faults of any metric that last for ever.
  ReportFaults(const Telemetry& telemetry, std::span<const Probe> probes);

  void start(RunKey key) noexcept { key_ = key; }

  /// Whether any report can have a fault, or a fault of that kind.
  [[nodiscard]] bool any() const noexcept { return !faults_.empty(); }
  [[nodiscard]] bool any(TelemetryFaultKind kind) const noexcept {
    return (kinds_ >> static_cast<unsigned>(kind) & 1U) != 0;
  }

  /// The fault of that kind that befalls the report; null: none. One uniform draw per (window, probe,
  /// kind) decides, so that of several faults of one kind the largest share counts.
  [[nodiscard]] const TelemetryFault* find(TelemetryFaultKind kind,
                                           const ReportPlace& place) const noexcept;

  /// Does to the report what its faults of content do: counter_reset, not_a_number, unit_mistake (all
  /// at the candidate's part) and swapped_arms, in this order.
  void corrupt(const ReportPlace& place, Report& report) const;

 private:
  std::vector<TelemetryFault> faults_;
  std::vector<Measurement> measurements_;  ///< per probe
  std::vector<Probe> probes_;
  std::uint32_t kinds_ = 0;  ///< bit i: some fault is of kind i
  RunKey key_;
};

}  // namespace gatewright::sim
