// Reports on their way to the engine where telemetry has faults: each arrives by itself, once, twice,
// late or never.
// Used by Driver, one per contender; without faults reports of a window arrive together and this is
// not asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policies/policy.h"
#include "policies/time.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/telemetry/report_faults.h"

namespace gatewright::sim {

class Delivery {
 public:
  Delivery(const Telemetry& telemetry, std::span<const Probe> probes);

  /// Back to the start of a rollout: nothing under way.
  void start(RunKey key);

  [[nodiscard]] const ReportFaults& faults() const noexcept { return faults_; }

  /// When reports closed, and when they arrive unless something is wrong with them.
  struct Times {
    Instant closed{};
    Instant arrives{};
  };
  /// One arrival; a report that comes twice has two.
  struct Arrival {
    Instant at{};
    std::uint64_t number = 0;
  };
  /// Takes the reports over; their arrivals, in order of sending where they are at one instant. Valid
  /// until the next call.
  [[nodiscard]] std::span<const Arrival> send(std::span<Report> reports, Times times);

  /// The report of an arrival; valid until the next call of send().
  [[nodiscard]] const Report& receive(std::uint64_t number) noexcept;

 private:
  /// A report until its last arrival.
  struct UnderWay {
    Report report;
    std::uint32_t arrivals = 0;
  };
  [[nodiscard]] std::size_t place_for(Report& report);
  void arrive(std::size_t number, Instant at);

  ReportFaults faults_;
  DelayLaw delay_;
  RunKey key_;
  std::vector<UnderWay> under_way_;
  std::vector<std::size_t> free_;
  /// Per probe: reports that wait for the next one of theirs, each once per arrival.
  std::vector<std::vector<std::size_t>> held_;
  std::vector<Arrival> arrivals_;
};

}  // namespace gatewright::sim
