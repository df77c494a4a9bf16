// One contender in one rollout: feeds its engine, obeys its decisions, keeps its record.
// Used by Field, which owns time and requests. Reaches the engine through step() alone, as a
// production driver does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policies/engine.h"
#include "sim/checkers.h"
#include "sim/effects/exposure_history.h"
#include "sim/event_queue.h"
#include "sim/impact.h"
#include "sim/ledger.h"
#include "sim/prepared.h"
#include "sim/router/router.h"
#include "sim/run.h"
#include "sim/telemetry/delivery.h"
#include "sim/telemetry/measurement.h"
#include "sim/telemetry/probe_windows.h"
#include "sim/threshold_recorder.h"
#include "sim/trail.h"
#include "sim/users/unit_sightings.h"
#include "sim/world.h"

namespace gatewright::sim {

class Driver {
 public:
  /// `contender` and `memory`, which the drivers of a field share, outlive the driver.
  Driver(const Contender& contender, const PreparedScenario& scenario, CheckerMemory& memory);
  Driver(const Driver&) = delete;  // the checker's machine refers to the contender's engine
  Driver& operator=(const Driver&) = delete;
  ~Driver() = default;

  // ---- events; what they cause goes into `queue` ----

  /// A new rollout; `trace` may be null.
  void start(RunKey key, RunTrace* trace, EventQueue& queue);
  /// From now on every step is shown to `recorder`, which outlives the driver; null: to none.
  void record_with(ThresholdRecorder* recorder) noexcept { recorder_ = recorder; }
  void wake(Instant now, EventQueue& queue);
  void actuate(std::uint64_t number, Instant now, EventQueue& queue);
  /// The reports of a telemetry window have arrived.
  void deliver(std::span<const Report> reports, Instant now, EventQueue& queue);
  /// Where telemetry has faults, reports arrive one by one: sends, and takes over, those of a window.
  void send_reports(std::span<Report> reports, Delivery::Times times, EventQueue& queue);
  /// One of them has arrived.
  void deliver_report(std::uint64_t number, Instant now, EventQueue& queue);
  /// A person acts; `number` says how.
  void operate(std::uint64_t number, Instant now, EventQueue& queue);
  /// The horizon: a rollout that is still running ends unfinished.
  void expire(Instant horizon) noexcept;

  // ---- one telemetry window of requests ----

  /// Requests count for this contender until then: completion, rollback or horizon.
  [[nodiscard]] Instant until() const noexcept { return until_; }
  [[nodiscard]] std::span<const ExposureSegment> timeline() const noexcept {
    return router_.timeline();
  }
  /// What worlds that depend on exposure go by.
  [[nodiscard]] ExposureHistory history() const noexcept {
    return ExposureHistory(router_.history());
  }
  [[nodiscard]] const Assignment& assignment() const noexcept { return contender_.assignment; }
  /// Whether evidence is still of use: not after the end.
  [[nodiscard]] bool is_measuring() const noexcept { return running_; }
  [[nodiscard]] std::span<const Measurement> measurements() const noexcept { return measurements_; }
  /// The units that it counts; nothing where no probe asks for them.
  [[nodiscard]] const std::optional<CountedUnit>& unit() const noexcept { return unit_; }
  /// The first telemetry window over the whole of which the present exposure stands still.
  [[nodiscard]] std::uint64_t still_since() const noexcept;
  /// Columns wanted of a chunk with these arrival times.
  [[nodiscard]] Wants wants(std::span<const double> times) const noexcept;
  [[nodiscard]] Ways ways() const noexcept { return {timeline(), until_, history(), cold_}; }
  /// Probes whose windows are to be reported.
  [[nodiscard]] ProbeMask wanted() const noexcept { return running_ ? decision_.measure : 0; }
  [[nodiscard]] std::span<const Probe> probes() const noexcept {
    return contender_.engine.policy().probes();
  }
  [[nodiscard]] const ReportFaults& faults() const noexcept { return delivery_.faults(); }
  [[nodiscard]] Bearing bearing() const noexcept {
    return {.running = running_,
            .is_cold = cold_.has_value(),
            .wanted = wanted(),
            .until = until_,
            .timeline = timeline()};
  }
  /// A window begins, and what is asked here of requests will be about it. Windows may be left out.
  void begin_window(Instant start) noexcept { router_.roll(start); }
  /// What its requests came to, once they count no more.
  void settle(const LedgerTotals& totals) noexcept { totals_ = totals; }
  [[nodiscard]] const LedgerTotals& totals() const noexcept { return totals_; }

  /// The record of a rollout that is over and settled.
  [[nodiscard]] RunRecord record() const;

 private:
  void step(Instant now, const Event& event, EventQueue& queue);
  void obey(const Decision& decision, Instant now, EventQueue& queue);
  void schedule_wake(Instant now, EventQueue& queue);
  void ask_for_approval(Instant now, EventQueue& queue);
  void end_if_rollback_holds(Instant now);
  void halt(const Decision& decision);
  /// Of a halt at that moment; nothing where no harm had reached a user.
  [[nodiscard]] std::optional<Duration> detection_delay_at(Instant now) const;

  // What a step reads and writes comes first, and lies together.
  const Contender& contender_;
  const Scenario& scenario_;
  RolloutState state_;
  Decision decision_;
  Instant until_ = kNever;
  Instant wake_queued_ = kNever;  ///< of the earliest wake-up in the queue
  std::uint64_t sequence_ = 0;
  RunTrace* trace_ = nullptr;
  ThresholdRecorder* recorder_ = nullptr;
  bool running_ = false;
  std::uint16_t served_at_halt_ = 0;
  std::optional<StageIndex> approval_asked_;  ///< for leaving this stage
  std::optional<ImpactMeter::Cold> cold_;  ///< once a rollback holds that found the old model cold
  Router router_;
  Checker checker_;
  RunRecord record_;

  const EffectTable& effects_;
  const Duration longest_actuation_;
  const Wants assignment_wants_;
  const bool has_servers_;
  const Wants judging_parts_;              ///< of an arm's answers, which impact calls bad or not
  std::vector<Measurement> measurements_;  ///< per probe
  std::array<Wants, 2> measured_wants_{};  ///< per arm
  std::optional<CountedUnit> unit_;
  RolloutState initial_state_;
  Delivery delivery_;
  LedgerTotals totals_;
};

}  // namespace gatewright::sim
