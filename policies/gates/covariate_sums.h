// Spread of a number and of its covariate, and the slope that takes most of it away.
// Used by the gate tests that adjust for a covariate.
// Never adjusts for what an arm can change: the choice of covariates is the catalogue's.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"
#include "policies/observation.h"

namespace gatewright::gates {

/// Squares and products about the means, of one arm: of the number, of the covariate, of both.
struct Spread {
  double y = 0.0, x = 0.0, xy = 0.0;

  /// Of y - theta x.
  [[nodiscard]] double residual(double theta) const noexcept {
    return std::max(0.0, y - 2.0 * theta * xy + theta * theta * x);
  }
};

/// `count` > 0 requests.
[[nodiscard]] inline Spread spread_of(const Summary& summary, const Covariate& covariate) noexcept {
  const auto n = static_cast<double>(summary.count);
  return {.y = squares_about_mean(n, summary.sum, summary.sum_of_squares),
          .x = squares_about_mean(n, covariate.sum, covariate.sum_of_squares),
          .xy = covariate.sum_of_products - summary.sum * (covariate.sum / n)};
}

/// The theta that makes the variance of candidate - factor x baseline, each less theta times its
/// covariate, smallest: Deng, Xu, Kohavi, Walker, "Improving the sensitivity of online controlled
/// experiments by utilizing pre-experiment data", WSDM 2013, section 3. The spreads are per request and
/// divided by the requests of the mean that they are of. A covariate without spread explains nothing.
[[nodiscard]] inline double slope(const Spread& candidate, const Spread& baseline,
                                  double factor) noexcept {
  const double explained = candidate.x + baseline.x;
  const double theta = (candidate.xy + factor * baseline.xy) / explained;
  return explained > 0.0 && std::isfinite(theta) ? theta : 0.0;
}

/// The covariate that a gate asks for. Prompts are what they are before an arm sees them, so both arms'
/// have one mean; of all metrics only their length is of that kind.
[[nodiscard]] inline std::string covariate_of(const GateSpec& gate) {
  const auto named = parameter<std::string>(gate.test, "covariate", "none");
  return named == "none" ? std::string() : named;
}

[[nodiscard]] inline ParameterInfo covariate_parameter() {
  return {.name = "covariate",
          .kind = ParameterInfo::Kind::choice,
          .default_text = "none",
          .about =
              "what is known of a request before an arm answers, and explains part of the spread "
              "(CUPED)",
          .choices = {"none", "input_tokens"}};
}

/// Refuses a covariate where there is nothing to adjust.
inline void check_covariate(const GateSpec& gate, const MetricInfo& metric,
                            Diagnostics& diagnostics) {
  if (covariate_of(gate).empty()) return;
  if (metric.kind == MetricKind::event)
    report(diagnostics, "test.covariate",
           gate.metric + " is an event, of which the length of a prompt explains next to nothing");
  if (gate.harm.relation == HarmSpec::Relation::absolute)
    report(diagnostics, "test.covariate",
           "a covariate takes away what the two arms' prompts differ in; state harm against the "
           "baseline");
  if (covariate_of(gate) == gate.metric)
    report(diagnostics, "test.covariate", "a metric explains itself wholly");
  if (metric.scope != MetricScope::all && metric.scope != MetricScope::answered)
    report(diagnostics, "test.covariate",
           gate.metric + " is not told of each request and its prompt");
}

}  // namespace gatewright::gates
