// Made-up records of runs under a made-up policy, so that every count is known beforehand.
// Used by the tests of this folder; nothing is played.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "policies/engine.h"
#include "policies/policy.h"
#include "sim/run.h"

namespace gatewright::analysis::testing {

using namespace std::chrono_literals;

/// Stages shadow, 1% and 100%; gates cost and latency; decides nothing. Gates named "ab ..." look for a
/// winner.
class PaperPolicy final : public Policy {
 public:
  explicit PaperPolicy(std::vector<std::string> gates = {"cost", "latency"},
                       GateMask protective = ~GateMask{})
      : gates_(std::move(gates)), protective_(protective) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "paper"; }
  [[nodiscard]] std::span<const Stage> stages() const noexcept override { return stages_; }
  [[nodiscard]] std::span<const Probe> probes() const noexcept override { return {}; }
  [[nodiscard]] std::span<const std::string> gate_names() const noexcept override { return gates_; }
  [[nodiscard]] GateMask protective_gates() const noexcept override { return protective_; }
  [[nodiscard]] Exposure exposure_after_halt(StageIndex) const noexcept override { return {}; }
  [[nodiscard]] std::size_t slots() const noexcept override { return 0; }
  void initialise(PolicyMemory, Instant) const noexcept override {}
  void observe(PolicyMemory, const RolloutView&, const Observation&) const noexcept override {}
  void enter_stage(PolicyMemory, const RolloutView&) const noexcept override {}
  [[nodiscard]] Proposal propose(ConstPolicyMemory, const RolloutView&) const noexcept override {
    return {};
  }
  [[nodiscard]] double harm(ConstPolicyMemory, std::size_t) const noexcept override { return 0.0; }
  [[nodiscard]] Finding finding(ConstPolicyMemory, std::size_t gate) const noexcept override {
    return gates_[gate].starts_with("ab ") ? Finding::inconclusive : Finding::none;
  }

 private:
  std::array<Stage, 3> stages_{Stage{"shadow", {.served = 0, .mirrored = 500}},
                               Stage{"1%", {.served = 100}}, Stage{"100%", {.served = 10'000}}};
  std::vector<std::string> gates_;
  GateMask protective_;
};

inline sim::Contender paper_contender(std::vector<std::string> gates = {"cost", "latency"},
                                      GateMask protective = ~GateMask{}) {
  return {.name = "paper",
          .engine = Engine(std::make_shared<PaperPolicy>(std::move(gates), protective)),
          .assignment = {}};
}

inline constexpr GateMask kCost = 1, kLatency = 2;

inline sim::RunRecord halted(std::uint16_t stage, GateMask failing, Duration after) {
  sim::RunRecord record;
  record.outcome = sim::Outcome::halted;
  record.cause = failing != 0 ? Cause::gate_failed : Cause::stage_timeout;
  record.stage = stage;
  record.failing = failing;
  record.first_exposure_at = 1min;
  record.ended_at = 1min + after;
  record.detection_delay = after;
  record.impact.user_impact_minutes = 40;
  record.impact.excess_cost_usd = -0.5;
  record.requests = 1000;
  return record;
}

inline sim::RunRecord completed(Duration after) {
  sim::RunRecord record;
  record.outcome = sim::Outcome::completed;
  record.cause = Cause::gates_passed;
  record.stage = 2;
  record.ended_at = after;
  record.requests = 3000;
  return record;
}

inline sim::RunRecord unfinished() {
  sim::RunRecord record;
  record.cause = Cause::none;
  record.stage = 1;
  record.ended_at = 12h;
  record.requests = 5000;
  return record;
}

/// Ten harmful runs: five halted in shadow by cost, two at 1% by both gates, one at 1% without a
/// gate, one completed, one unfinished. And their twins: one halted at 1% by latency, nine completed.
struct PaperRuns {
  std::vector<sim::RunRecord> as_written, healthy_twin;
  PaperRuns() {
    for (int minutes = 10; minutes < 15; ++minutes)
      as_written.push_back(halted(0, kCost, std::chrono::minutes(minutes)));
    as_written.push_back(halted(1, kCost | kLatency, 70min));
    as_written.push_back(halted(1, kCost | kLatency, 80min));
    as_written.push_back(halted(1, 0, 90min));
    as_written.push_back(completed(4h));
    as_written.push_back(unfinished());
    healthy_twin.push_back(halted(1, kLatency, 50min));
    for (int hour = 0; hour < 9; ++hour)
      healthy_twin.push_back(completed(std::chrono::hours(4 + hour)));
    for (std::size_t i = 0; i < 10; ++i) {
      as_written[i].replication = healthy_twin[i].replication = i;
      as_written[i].fingerprint = 100 + i;
      healthy_twin[i].fingerprint = 200 + i;
    }
  }
};

}  // namespace gatewright::analysis::testing
