// Wilson's and Newcombe's intervals, inverted into p-values.
// Used through the catalogue.
// Never subtracts what it could divide.
#include "policies/gates/wilson.h"

#include <cmath>
#include <string>

#include "policies/gates/fixed_looks.h"
#include "policies/gates/making.h"

namespace gatewright {
namespace {

using gates::ArmTotals;
using Relation = HarmSpec::Relation;

RateSeen seen(const ArmTotals& arm) noexcept { return {.events = arm.sum, .count = arm.count}; }

/// The z at which the limit of the difference on the side of the margin touches it; negative where
/// the difference is below the margin. The limits move outwards with z.
double newcombe_z(const RateSeen& baseline, const RateSeen& candidate, double margin) noexcept {
  const double difference = candidate.events / candidate.count - baseline.events / baseline.count;
  const bool is_above = difference > margin;
  double inside = 0.0, outside = 1.0;
  const auto reaches = [&](double z) {
    const RateLimits limits = newcombe_limits(baseline, candidate, z);
    return is_above ? limits.lower <= margin : limits.upper >= margin;
  };
  constexpr double kMost = 1e7;  // more than 1e12 requests can show
  while (outside < kMost && !reaches(outside)) outside *= 2.0;
  for (int halving = 0; halving < 52; ++halving) {
    const double z = 0.5 * (inside + outside);
    (reaches(z) ? outside : inside) = z;
  }
  return is_above ? inside : -inside;
}

class Wilson final : public gates::FixedLooksTest {
 public:
  explicit Wilson(const GateSpec& gate)
      : FixedLooksTest(gate, Statistic::Kind::rate),
        harm_(gate.harm),
        sign_(gates::sign_of_harm(gate.harm)) {}

  std::string_view name() const noexcept override { return "wilson"; }

 private:
  LogP log_p(const ArmTotals& baseline, const ArmTotals& candidate) const noexcept override {
    // Wilson's limit touches the margin at the z of the score test.
    const double z = sign_ * (harm_.relation == Relation::absolute
                                  ? gates::rate_z(harm_, baseline, candidate)
                                  : newcombe_z(seen(baseline), seen(candidate), harm_.margin));
    return {.harm = gates::log_normal_tail(z), .safety = gates::log_normal_tail(-z)};
  }

  HarmSpec harm_;
  double sign_;
};

std::unique_ptr<GateTest> make_wilson(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(
        diagnostics, "test",
        "wilson bounds rates, and " + gate.metric + " is a number per request; use welch_t");
  if (gate.harm.relation == Relation::ratio)
    gates::report(
        diagnostics, "harm",
        "wilson needs an absolute rate or a difference; use two_proportion_z for a ratio");
  gates::check_two_sided(gate, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<Wilson>(gate);
}

}  // namespace

RateLimits wilson_limits(const RateSeen& seen, double z) noexcept {
  const double n = seen.count, w = z * z / n;
  const double rate = seen.events / n;
  const double half = z * std::sqrt((rate * (1.0 - rate) + 0.25 * w) / n);
  // The product of the two roots is rate^2 / (1 + w), and of their complements likewise: near 0 and
  // 1 the small one is had by division.
  const double upper = (rate + 0.5 * w + half) / (1.0 + w);
  const double lower_complement = (1.0 - rate + 0.5 * w + half) / (1.0 + w);
  return {.lower = upper > 0.0 ? rate * rate / ((1.0 + w) * upper) : 0.0,
          .upper = lower_complement > 0.0
                       ? 1.0 - (1.0 - rate) * (1.0 - rate) / ((1.0 + w) * lower_complement)
                       : 1.0};
}

RateLimits newcombe_limits(const RateSeen& baseline, const RateSeen& candidate, double z) noexcept {
  const double b = baseline.events / baseline.count, c = candidate.events / candidate.count;
  const RateLimits of_b = wilson_limits(baseline, z), of_c = wilson_limits(candidate, z);
  return {.lower = c - b - std::hypot(c - of_c.lower, of_b.upper - b),
          .upper = c - b + std::hypot(of_c.upper - c, b - of_b.lower)};
}

GateTestInfo wilson_info() {
  return {
      .name = "wilson",
      .guarantee = Guarantee::none,
      .about =
          "bounds a rate by Wilson's interval, a difference by Newcombe's; keeps the budget "
          "over a stated number of looks",
      .source =
          "Wilson, JASA 22 (1927) 209; Newcombe, Statistics in Medicine 17 (1998) 873, "
          "method 10",
      .parameters = gates::fixed_looks_parameters(),
      .make = make_wilson,
  };
}

}  // namespace gatewright
