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
#include "sim/prepared.h"
#include "sim/router/router.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/telemetry/delivery.h"
#include "sim/telemetry/measurement.h"
#include "sim/telemetry/probe_windows.h"
#include "sim/threshold_recorder.h"
#include "sim/users/unit_sightings.h"
#include "sim/windows/window_world.h"
#include "sim/world.h"

namespace gatewright::sim {

class Driver {
 public:
  /// `contender` outlives the driver; `index` is its place in the field.
  Driver(const Contender& contender, const PreparedScenario& scenario, std::uint32_t index);
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
  /// Reports of telemetry window k have arrived.
  void deliver(std::uint64_t k, Instant now, EventQueue& queue);
  /// Where telemetry has faults, reports arrive one by one: sends those of telemetry window k.
  void send_reports(std::uint64_t k, Delivery::Times times, EventQueue& queue);
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
  /// `words`: random words per stream of a chunk of arrivals, `draws` those that this contender needed.
  void add_words(const std::array<std::uint64_t, kDraws>& words, Draws draws) noexcept;
  void add_requests(const Columns& columns, const Split& split, Buckets buckets,
                    const ChunkCosts& costs);
  /// What of a window was drawn without its requests.
  void add_window(const WindowCounts& counts) noexcept;
  /// The first halves of the window's tallies, per probe, where reports can be cut short. Before
  /// close_window().
  void cut_short(std::span<const Tally* const> halves) noexcept {
    probes_.cut_short(halves, delivery_.faults());
  }
  /// The window's end; `tallies` per probe. Returns whether anything will be reported of it.
  bool close_window(std::uint64_t k, Instant end, std::uint64_t arrival_words,
                    std::span<const Tally* const> tallies);

  /// The record of a rollout that is over.
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

  const Contender& contender_;
  const std::uint32_t index_;
  const Scenario& scenario_;
  const Duration longest_actuation_;
  const Wants assignment_wants_;
  const bool has_servers_;
  std::vector<Measurement> measurements_;  ///< per probe
  std::array<Wants, 2> measured_wants_{};  ///< per arm
  std::optional<CountedUnit> unit_;
  RolloutState initial_state_;

  Router router_;
  ProbeWindows probes_;
  Delivery delivery_;
  ImpactMeter impact_;
  Checker checker_;

  RolloutState state_;
  Decision decision_;
  RunRecord record_;
  RunTrace* trace_ = nullptr;
  ThresholdRecorder* recorder_ = nullptr;
  bool running_ = false;
  Instant until_ = kNever;
  std::uint16_t served_at_halt_ = 0;
  std::optional<ImpactMeter::Cold> cold_;  ///< once a rollback holds that found the old model cold
  std::optional<StageIndex> approval_asked_;  ///< for leaving this stage
  Instant wake_queued_ = kNever;              ///< of the earliest wake-up in the queue
  std::uint64_t sequence_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t arrival_words_ = 0;
  std::array<std::uint64_t, kDraws> words_{};
};

}  // namespace gatewright::sim
