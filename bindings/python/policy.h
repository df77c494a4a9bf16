// A policy written in Python: the native one measures and weighs, Python proposes.
// Used by run; belongs to one run at a time, played on one thread.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "policies/plan.h"
#include "policies/policy.h"

namespace gatewright::python {

/// Registers what a Python policy is shown, RolloutView, and the causes it may state, CAUSES.
void bind_policy(pybind11::module_& module);

class PythonPolicy final : public Policy {
 public:
  /// `native` is the policy that `plan` compiles to; `policy` an instance of gatewright.Policy. When
  /// Python code raises, `stop` becomes true. Needs the GIL; throws what reading `policy` raises.
  PythonPolicy(std::shared_ptr<const Policy> native, const PlanSpec& plan, pybind11::object policy,
               std::atomic<bool>& stop);
  PythonPolicy(const PythonPolicy&) = delete;
  PythonPolicy& operator=(const PythonPolicy&) = delete;
  ~PythonPolicy() override;

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::span<const Stage> stages() const noexcept override;
  [[nodiscard]] std::span<const Probe> probes() const noexcept override;
  [[nodiscard]] std::span<const std::string> gate_names() const noexcept override;
  [[nodiscard]] Exposure exposure_after_halt(StageIndex stage) const noexcept override;
  /// Those of the native policy first, then Python's own.
  [[nodiscard]] std::size_t slots() const noexcept override;
  void initialise(PolicyMemory memory, Instant started_at) const noexcept override;
  void observe(PolicyMemory memory, const RolloutView& view,
               const Observation& observation) const noexcept override;
  void enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept override;
  [[nodiscard]] Proposal propose(ConstPolicyMemory memory,
                                 const RolloutView& view) const noexcept override;
  [[nodiscard]] double harm(ConstPolicyMemory memory, std::size_t gate) const noexcept override;
  [[nodiscard]] Finding finding(ConstPolicyMemory memory, std::size_t gate) const noexcept override;

  /// Raises the first exception that Python code raised, if any. Needs the GIL.
  void rethrow() const;

  // For the view that Python is shown.
  [[nodiscard]] Proposal native_proposal(ConstPolicyMemory memory,
                                         const RolloutView& view) const noexcept;
  [[nodiscard]] ConstPolicyMemory own(ConstPolicyMemory memory) const noexcept;
  [[nodiscard]] Duration dwell(StageIndex stage) const noexcept;
  [[nodiscard]] pybind11::tuple names(GateMask gates) const;

 private:
  template <typename Memory>
  [[nodiscard]] Memory native_part(Memory memory) const noexcept {
    return memory.first(native_->slots());
  }
  /// What Python answered; what it measures and when it wakes stays the native policy's.
  [[nodiscard]] Proposal parsed(const pybind11::object& answer, Proposal native) const;
  void keep_exception() const noexcept;

  std::shared_ptr<const Policy> native_;
  std::vector<Duration> dwells_;
  pybind11::object policy_, propose_, proposal_type_;
  pybind11::object observe_;  ///< None where the policy does not override it
  std::string name_;
  std::size_t own_slots_ = 0;
  std::atomic<bool>& stop_;
  mutable std::exception_ptr raised_;
};

}  // namespace gatewright::python
