// The two log e-values of an anytime test, and the evidence that they are.
// Used by the gate tests whose evidence is an e-value or a likelihood ratio, on either side of the edge.
// Never knows how they came about.
#pragma once

#include "policies/gates/gate_test.h"
#include "policies/gates/numerics.h"

namespace gatewright::gates {

/// Logarithms of the e-values of harm and of safety; of little meaning before `enough`.
struct LogE {
  double harm = 0.0;
  double safety = 0.0;
  bool enough = false;
};

/// Each as a share of what its error asks for.
[[nodiscard]] inline Evidence evidence_of(const LogE& log_e, const Budget& budget) noexcept {
  return {.harm = share_of_log_e(log_e.harm, budget.false_alarm),
          .safety = share_of_log_e(log_e.safety, budget.missed_harm),
          .enough = log_e.enough};
}

}  // namespace gatewright::gates
