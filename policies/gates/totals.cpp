// The z of two rates.
// Used by the gate tests on totals.
// Never divides by an event count of zero.
#include "policies/gates/totals.h"

#include <cmath>

namespace gatewright::gates {
namespace {

/// Baseline rate = candidate rate at the edge: the variance is that of the pooled rate.
double pooled_z(const ArmTotals& baseline, const ArmTotals& candidate) noexcept {
  const double rate = (baseline.sum + candidate.sum) / (baseline.count + candidate.count);
  return standardised(candidate.mean() - baseline.mean(),
                      rate * (1.0 - rate) * (1.0 / baseline.count + 1.0 / candidate.count));
}

/// Without any event there is nothing to weigh.
double log_ratio_z(const ArmTotals& baseline, const ArmTotals& candidate, double ratio) noexcept {
  if (baseline.sum == 0.0 && candidate.sum == 0.0) return 0.0;
  const double half = baseline.sum == 0.0 || candidate.sum == 0.0 ? 0.5 : 0.0;
  const double b = (baseline.sum + half) / (baseline.count + half);
  const double c = (candidate.sum + half) / (candidate.count + half);
  return standardised(std::log(c / b) - std::log(ratio),
                      (1.0 - c) / (candidate.sum + half) + (1.0 - b) / (baseline.sum + half));
}

}  // namespace

double rate_z(const HarmSpec& harm, const ArmTotals& baseline,
              const ArmTotals& candidate) noexcept {
  const double margin = harm.margin;
  if (harm.relation == HarmSpec::Relation::absolute)
    return standardised(candidate.mean() - margin, margin * (1.0 - margin) / candidate.count);
  const bool is_ratio = harm.relation == HarmSpec::Relation::ratio;
  if (margin == (is_ratio ? 1.0 : 0.0)) return pooled_z(baseline, candidate);
  if (is_ratio) return log_ratio_z(baseline, candidate, margin);
  return standardised(
      candidate.mean() - baseline.mean() - margin,
      candidate.event_variance() / candidate.count + baseline.event_variance() / baseline.count);
}

}  // namespace gatewright::gates
