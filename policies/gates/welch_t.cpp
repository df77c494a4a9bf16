// Welch's t on totals, linear or of logarithms.
// Used through the catalogue.
// Never forms the squares of variances, which could overflow where variances do not.
#include "policies/gates/welch_t.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "policies/gates/covariate_sums.h"
#include "policies/gates/fixed_looks.h"
#include "policies/gates/incomplete_beta.h"
#include "policies/gates/making.h"

namespace gatewright {
namespace {

using gates::ArmTotals;
using Relation = HarmSpec::Relation;

bool is_log_scale(const GateSpec& gate) {
  return gates::parameter<std::string>(gate.test, "scale", "linear") == "log";
}

class WelchT final : public gates::FixedLooksTest {
 public:
  explicit WelchT(const GateSpec& gate)
      : FixedLooksTest(gate, is_log_scale(gate) ? Statistic::Kind::mean_log : Statistic::Kind::mean,
                       gates::covariate_of(gate)),
        adjusts_(!gates::covariate_of(gate).empty()),
        sign_(gates::sign_of_harm(gate.harm)),
        factor_(gate.harm.relation == Relation::ratio && !is_log_scale(gate) ? gate.harm.margin
                                                                             : 1.0),
        shift_(gate.harm.relation != Relation::ratio ? gate.harm.margin
               : is_log_scale(gate)                  ? std::log(gate.harm.margin)
                                                     : 0.0) {}

  std::string_view name() const noexcept override { return "welch_t"; }

 private:
  LogP log_p(const ArmTotals& baseline, const ArmTotals& candidate) const noexcept override {
    double difference = candidate.mean() - shift_;
    double variance = candidate.variance() / candidate.count;
    double degrees = candidate.count - 1.0;
    if (compares_arms()) {
      double of_baseline = factor_ * factor_ * baseline.variance() / baseline.count;
      difference -= factor_ * baseline.mean();
      if (adjusts_) {
        const gates::Spread b = spread_of_mean(baseline), c = spread_of_mean(candidate);
        const double theta = gates::slope(c, b, factor_);
        difference -= theta * (candidate.covariate.sum / candidate.count -
                               baseline.covariate.sum / baseline.count);
        // What rounding can resolve is a bound of what is left as well.
        variance = std::max(c.residual(theta), least_of_mean(candidate));
        of_baseline =
            factor_ * factor_ * std::max(b.residual(theta / factor_), least_of_mean(baseline));
      }
      const double both = variance + of_baseline;
      // Welch, Biometrika 34 (1947) 28, with Satterthwaite's degrees of freedom (1946).
      const double share = both > 0.0 ? variance / both : 0.5;
      degrees =
          1.0 / (share * share / degrees + (1.0 - share) * (1.0 - share) / (baseline.count - 1.0));
      variance = both;
    }
    const double t = sign_ * gates::standardised(difference, variance);
    return {.harm = gates::log_student_tail(t, degrees),
            .safety = gates::log_student_tail(-t, degrees)};
  }

  /// Of the arm's mean.
  static gates::Spread spread_of_mean(const ArmTotals& arm) noexcept {
    const double n = arm.count;
    const gates::Spread all = gates::spread_of({.count = static_cast<std::uint64_t>(n),
                                                .sum = arm.sum,
                                                .sum_of_squares = arm.sum_of_squares},
                                               arm.covariate);
    const double divisor = (n - 1.0) * n;
    return {.y = all.y / divisor, .x = all.x / divisor, .xy = all.xy / divisor};
  }
  static double least_of_mean(const ArmTotals& arm) noexcept {
    return gates::least_variance(arm.sum_of_squares / arm.count) / arm.count;
  }

  bool adjusts_;
  double sign_;
  double factor_;  ///< edge of harm: mean_c = factor mean_b + shift
  double shift_;
};

std::unique_ptr<GateTest> make_welch_t(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind == MetricKind::event)
    gates::report(diagnostics, "test",
                  "welch_t weighs numbers, and " + gate.metric +
                      " is an event; use two_proportion_z or wilson");
  gates::check_two_sided(gate, diagnostics);
  gates::check_log_scale(gate, metric, diagnostics);
  gates::check_covariate(gate, metric, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<WelchT>(gate);
}

}  // namespace

GateTestInfo welch_t_info() {
  std::vector<ParameterInfo> parameters = gates::fixed_looks_parameters();
  parameters.push_back(
      {.name = "scale",
       .kind = ParameterInfo::Kind::choice,
       .default_text = "linear",
       .about = "linear: means; log: geometric means, better for latency, tokens and cost",
       .choices = {"linear", "log"}});
  parameters.push_back(gates::covariate_parameter());
  return {
      .name = "welch_t",
      .guarantee = Guarantee::none,
      .about = "Welch's t test of two means; keeps the budget over a stated number of looks",
      .source =
          "Welch, Biometrika 34 (1947) 28; Satterthwaite, Biometrics 2 (1946) 110; Fieller, "
          "JRSS B 16 (1954) 175 for ratios; Deng, Xu, Kohavi, Walker, WSDM 2013, for covariates",
      .parameters = std::move(parameters),
      .make = make_welch_t,
  };
}

}  // namespace gatewright
