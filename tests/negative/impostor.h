// The honest policy, to be broken in one place, and the names of the invariants that noticed.
// Used by the tests of the checkers; passes everything on that a test does not override.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/policy.h"
#include "sim/run.h"

namespace gatewright::sim::testing {

using Invariants = std::set<std::string>;

inline Invariants invariants_of(const std::vector<Violation>& violations) {
  Invariants invariants;
  for (const Violation& violation : violations) invariants.insert(violation.invariant);
  return invariants;
}

class Impostor : public Policy {
 public:
  explicit Impostor(std::shared_ptr<const Policy> honest) : honest_(std::move(honest)) {}
  std::string_view name() const noexcept override { return honest_->name(); }
  std::span<const Stage> stages() const noexcept override { return honest_->stages(); }
  std::span<const Probe> probes() const noexcept override { return honest_->probes(); }
  std::span<const std::string> gate_names() const noexcept override {
    return honest_->gate_names();
  }
  Exposure exposure_after_halt(StageIndex stage) const noexcept override {
    return honest_->exposure_after_halt(stage);
  }
  std::size_t slots() const noexcept override { return honest_->slots(); }
  void initialise(PolicyMemory memory, Instant started_at) const noexcept override {
    honest_->initialise(memory, started_at);
  }
  void observe(PolicyMemory memory, const RolloutView& view,
               const Observation& observation) const noexcept override {
    honest_->observe(memory, view, observation);
  }
  void enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept override {
    honest_->enter_stage(memory, view);
  }
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    return honest_->propose(memory, view);
  }
  double harm(ConstPolicyMemory memory, std::size_t gate) const noexcept override {
    return honest_->harm(memory, gate);
  }

 protected:
  Action leave(const RolloutView& view) const noexcept {
    return static_cast<std::size_t>(view.stage) + 1 == stages().size() ? Action::complete
                                                                       : Action::advance;
  }
  std::shared_ptr<const Policy> honest_;
};

}  // namespace gatewright::sim::testing
