// One look at two arms, and what it finds.
// Used by compile for the test of a stage, and through the catalogue.
// Never calls a winner before the sample is complete.
#include "policies/gates/ab_test.h"

#include <cmath>
#include <string>

#include "policies/gates/binomial_tail.h"
#include "policies/gates/fixed_looks.h"
#include "policies/gates/making.h"
#include "policies/gates/wilson.h"

namespace gatewright {
namespace {

using gates::ArmTotals;
using Relation = HarmSpec::Relation;

/// What is compared, and how.
enum class Law : std::uint8_t { rates, means, coins };

Law law_of(const GateSpec& gate) {
  const MetricInfo* metric = find_metric(gate.metric);
  GATEWRIGHT_ASSERT(metric != nullptr);
  if (metric->scope == MetricScope::interleaved) return Law::coins;
  return metric->kind == MetricKind::event ? Law::rates : Law::means;
}

GateSpec with_one_look(GateSpec gate) {
  gate.test.parameters["looks"] = 1.0;
  return gate;
}

/// Candidate - baseline, with the variance of that and Satterthwaite's degrees of freedom.
struct MeanDifference {
  double value, variance, degrees;
};
MeanDifference mean_difference(const ArmTotals& b, const ArmTotals& c) noexcept {
  const double of_b = b.variance() / b.count, of_c = c.variance() / c.count;
  const double both = of_b + of_c;
  const double share = both > 0.0 ? of_c / both : 0.5;
  const double degrees =
      1.0 / (share * share / (c.count - 1.0) + (1.0 - share) * (1.0 - share) / (b.count - 1.0));
  return {.value = c.mean() - b.mean(), .variance = both, .degrees = degrees};
}

class AbTest final : public gates::FixedLooksTest {
 public:
  explicit AbTest(const GateSpec& gate)
      : FixedLooksTest(with_one_look(gate),
                       law_of(gate) == Law::means ? Statistic::Kind::mean : Statistic::Kind::rate),
        law_(law_of(gate)),
        is_up_(gate.harm.direction == Direction::up),
        min_effect_(gates::parameter(gate.test, "min_effect", 0.0)) {}

  std::string_view name() const noexcept override { return "ab_test"; }

  Finding finding(std::span<const double> slots, const Budget& budget) const noexcept override {
    if (!has_looked(slots)) return Finding::inconclusive;
    const Evidence evidence = this->evidence(slots, budget);
    if (evidence.harm >= 1.0) return Finding::baseline_wins;
    if (evidence.safety >= 1.0) return Finding::candidate_wins;
    return are_equivalent(at_look(slots), budget.false_alarm) ? Finding::equivalent
                                                              : Finding::inconclusive;
  }

 private:
  LogP log_p(const ArmTotals& baseline, const ArmTotals& candidate) const noexcept override {
    const LogP up = tails_up(baseline, candidate);
    return is_up_ ? up : LogP{.harm = up.safety, .safety = up.harm};
  }

  /// Of a candidate that is above, and below.
  [[nodiscard]] LogP tails_up(const ArmTotals& b, const ArmTotals& c) const noexcept {
    switch (law_) {
      case Law::coins:
        return gates::binomial_tails(c.sum, {.trials = c.count, .p = 0.5}, gates::Tail::exact);
      case Law::rates: {
        const double z = gates::rate_z({.relation = Relation::difference, .margin = 0.0}, b, c);
        return {.harm = gates::log_normal_tail(z), .safety = gates::log_normal_tail(-z)};
      }
      case Law::means:
        break;
    }
    const MeanDifference difference = mean_difference(b, c);
    const double t = gates::standardised(difference.value, difference.variance);
    return {.harm = gates::log_student_tail(t, difference.degrees),
            .safety = gates::log_student_tail(-t, difference.degrees)};
  }

  /// Whether the interval of the difference that leaves out `error` on each side is within min_effect.
  [[nodiscard]] bool are_equivalent(const Arms& arms, double error) const noexcept {
    const auto& [b, c] = arms;
    const auto is_within = [this](const RateLimits& limits, double none) {
      return limits.lower > none - min_effect_ && limits.upper < none + min_effect_;
    };
    if (law_ == Law::means) {
      const MeanDifference difference = mean_difference(b, c);
      const double t =
          gates::standardised(min_effect_ - std::abs(difference.value), difference.variance);
      return gates::log_student_tail(t, difference.degrees) < std::log(error);
    }
    const double z = gates::normal_quantile_above(error);
    const RateSeen of_candidate{.events = c.sum, .count = c.count};
    if (law_ == Law::coins) return is_within(wilson_limits(of_candidate, z), 0.5);
    return is_within(newcombe_limits({.events = b.sum, .count = b.count}, of_candidate, z), 0.0);
  }

  Law law_;
  bool is_up_;
  double min_effect_;
};

std::unique_ptr<GateTest> make_ab_test(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  static_cast<void>(gates::metric_of_requests(gate, diagnostics));
  if (law_of(gate) == Law::coins) {
    if (gate.harm.relation != Relation::absolute || gate.harm.margin != 0.5)
      gates::report(diagnostics, "harm",
                    "ab_test holds credited clicks against fair coins; write below: 50%");
  } else if (gate.harm.relation != Relation::difference || gate.harm.margin != 0.0) {
    gates::report(
        diagnostics, "harm",
        "ab_test compares two arms without a margin; write, say, rises_by or falls_by with "
        "a difference of 0, and min_effect for what matters");
  }
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<AbTest>(gate);
}

}  // namespace

GateTestInfo ab_test_info() {
  return {
      .name = "ab_test",
      .guarantee = Guarantee::fixed_looks,
      .about =
          "one look, when min_samples of each arm are in: candidate wins, baseline wins, "
          "equivalent or inconclusive",
      .source =
          "pooled two-proportion z; Newcombe, Statistics in Medicine 17 (1998) 873; Welch, "
          "Biometrika 34 (1947) 28; Schuirmann, J. Pharmacokinetics 15 (1987) 657",
      .parameters = {{.name = "min_effect",
                      .kind = ParameterInfo::Kind::number,
                      .default_text = "0",
                      .about = "least difference that matters, in the metric's unit; within it on "
                               "either side the arms are equivalent",
                      .choices = {},
                      .smallest = 0.0,
                      .largest = 1e12}},
      .make = make_ab_test,
  };
}

}  // namespace gatewright
