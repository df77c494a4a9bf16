// The z test of two rates at fixed looks.
// Used through the catalogue.
// Never takes the variance at the rates seen, which vanishes where one of them is near 0.
#include "policies/gates/two_proportion_z.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "policies/gates/fixed_looks.h"
#include "policies/gates/making.h"

namespace gatewright {
namespace {

using gates::ArmTotals;

/// The likeliest candidate's rate of those on the edge p_c = ratio p_b: the root of a quadratic.
double likeliest_with_ratio(const ArmTotals& b, const ArmTotals& c, double ratio) noexcept {
  const double events = b.sum + c.sum;
  const double a2 = 2.0 * ratio * (b.count + c.count);
  const double a1 = ratio * c.count + c.sum + b.count + ratio * b.sum;
  return ratio * (2.0 * events / (a1 + std::sqrt(std::max(0.0, a1 * a1 - 2.0 * a2 * events))));
}

/// The same for p_c = p_b + difference: the middle root of a cubic, by its trigonometric form.
double likeliest_with_difference(const ArmTotals& b, const ArmTotals& c,
                                 double difference) noexcept {
  const double d = difference, theta = b.count / c.count;
  const double p_b = b.mean(), p_c = c.mean();
  const double a3 = 1.0 + theta;
  const double a2 = -(1.0 + theta + p_c + theta * p_b + d * (theta + 2.0)) / a3;
  const double a1 = (d * d + d * (2.0 * p_c + theta + 1.0) + p_c + theta * p_b) / a3;
  const double a0 = -p_c * d * (1.0 + d) / a3;
  const double v = a2 * a2 * a2 / 27.0 - a1 * a2 / 6.0 + 0.5 * a0;
  const double u = std::copysign(std::sqrt(std::max(0.0, a2 * a2 / 9.0 - a1 / 3.0)), v);
  const double cosine = u != 0.0 ? std::clamp(v / (u * u * u), -1.0, 1.0) : 1.0;
  return 2.0 * u * std::cos((std::numbers::pi + std::acos(cosine)) / 3.0) - a2 / 3.0;
}

/// Distance of the candidate from the edge in standard errors at the likeliest rates on the edge:
/// Farrington and Manning, Statistics in Medicine 9 (1990) 1447; without a margin the pooled z.
double score_z(const HarmSpec& harm, const ArmTotals& baseline,
               const ArmTotals& candidate) noexcept {
  const bool is_ratio = harm.relation == HarmSpec::Relation::ratio;
  if (harm.margin == (is_ratio ? 1.0 : 0.0)) return gates::rate_z(harm, baseline, candidate);
  const double factor = is_ratio ? harm.margin : 1.0, shift = is_ratio ? 0.0 : harm.margin;
  const double p_c = std::clamp(is_ratio ? likeliest_with_ratio(baseline, candidate, factor)
                                         : likeliest_with_difference(baseline, candidate, shift),
                                0.0, 1.0);
  const double p_b = std::clamp((p_c - shift) / factor, 0.0, 1.0);
  return gates::standardised(
      candidate.mean() - factor * baseline.mean() - shift,
      p_c * (1.0 - p_c) / candidate.count + factor * factor * p_b * (1.0 - p_b) / baseline.count);
}

class TwoProportionZ final : public gates::FixedLooksTest {
 public:
  explicit TwoProportionZ(const GateSpec& gate)
      : FixedLooksTest(gate, Statistic::Kind::rate),
        harm_(gate.harm),
        sign_(gates::sign_of_harm(gate.harm)) {}

  std::string_view name() const noexcept override { return "two_proportion_z"; }

 private:
  LogP log_p(const ArmTotals& baseline, const ArmTotals& candidate) const noexcept override {
    const double z = sign_ * score_z(harm_, baseline, candidate);
    return {.harm = gates::log_normal_tail(z), .safety = gates::log_normal_tail(-z)};
  }

  HarmSpec harm_;
  double sign_;
};

std::unique_ptr<GateTest> make_two_proportion_z(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(diagnostics, "test",
                  "two_proportion_z compares rates, and " + gate.metric +
                      " is a number per request; use welch_t");
  if (gate.harm.relation == HarmSpec::Relation::absolute)
    gates::report(diagnostics, "harm",
                  "two_proportion_z compares two arms; use wilson for an absolute rate");
  gates::check_two_sided(gate, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<TwoProportionZ>(gate);
}

}  // namespace

GateTestInfo two_proportion_z_info() {
  return {
      .name = "two_proportion_z",
      .guarantee = Guarantee::none,
      .about =
          "score test of two rates, the pooled z where the margin is none; keeps the budget "
          "over a stated number of looks",
      .source =
          "pooled two-proportion z; Farrington, Manning, Statistics in Medicine 9 (1990) 1447 "
          "for margins",
      .parameters = gates::fixed_looks_parameters(),
      .make = make_two_proportion_z,
  };
}

}  // namespace gatewright
