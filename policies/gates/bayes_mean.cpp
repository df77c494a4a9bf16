// Normal or gamma posteriors of two means.
// Used through the catalogue.
// Never subtracts a probability from 1 to get a small one.
#include "policies/gates/bayes_mean.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "policies/gates/incomplete_beta.h"
#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

/// ln P(standard normal <= z).
double log_normal_cdf(double z) noexcept { return gates::log_scaled_normal_cdf(z) - 0.5 * z * z; }

/// Normal: a flat prior on each mean and the sample variances, so that the difference is normal
/// with Welch's variance.
///
/// Gamma: values are exponential with mean mu, 1 / mu has a flat prior on its logarithm, so that mu
/// is sum / Gamma(n); the ratio of two such means is a beta variable's odds.
class BayesMean final : public GateTest {
 public:
  struct Settings {
    bool gamma = false;
    double probability = 0.95;
    std::uint64_t min_samples = 0;
  };
  BayesMean(const HarmSpec& harm, const Settings& settings)
      : harm_(harm),
        is_gamma_(settings.gamma),
        log_doubt_(std::log1p(-settings.probability)),
        min_count_(std::max(2.0, static_cast<double>(settings.min_samples))) {}

  std::string_view name() const noexcept override { return "bayes_mean"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override { return {}; }
  std::size_t slots() const noexcept override { return 2 * kArmSlots; }
  bool compares_arms() const noexcept override { return harm_.relation != Relation::absolute; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto* samples = std::get_if<Samples>(&observation.event);
    if (samples == nullptr) return;
    add(slots.first(kArmSlots), samples->candidate);
    add(slots.subspan(kArmSlots), samples->baseline);
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    const auto candidate = slots.first(kArmSlots), baseline = slots.subspan(kArmSlots);
    if (candidate[kCount] < min_count_ || (compares_arms() && baseline[kCount] < min_count_))
      return {};
    double above = 0.0, below = 0.0;
    if (is_gamma_) {
      above = log_above_by_gamma(candidate, baseline);
      below = log_below_by_gamma(candidate, baseline);
    } else {
      const double z = standardised_difference(candidate, baseline);
      above = log_normal_cdf(z);
      below = log_normal_cdf(-z);
    }
    const bool up = harm_.direction == Direction::up;
    return {.harm = gates::as_share((up ? below : above) / log_doubt_),
            .safety = gates::as_share((up ? above : below) / log_doubt_),
            .enough = true};
  }

 private:
  enum ArmSlot : std::size_t { kCount, kSum, kSumOfSquares, kArmSlots };
  using Arm = std::span<const double>;

  static void add(std::span<double> arm, const Summary& summary) noexcept {
    arm[kCount] += static_cast<double>(summary.count);
    arm[kSum] += summary.sum;
    arm[kSumOfSquares] += summary.sum_of_squares;
  }
  static double mean(Arm arm) noexcept { return arm[kSum] / arm[kCount]; }
  static double variance_of_mean(Arm arm) noexcept {
    const double variance = std::max(
        gates::squares_about_mean(arm[kCount], arm[kSum], arm[kSumOfSquares]) / (arm[kCount] - 1.0),
        gates::least_variance(arm[kSumOfSquares] / arm[kCount]));
    return variance / arm[kCount];
  }

  double standardised_difference(Arm candidate, Arm baseline) const noexcept {
    if (!compares_arms())
      return gates::standardised(mean(candidate) - harm_.margin, variance_of_mean(candidate));
    const double factor = harm_.relation == Relation::ratio ? harm_.margin : 1.0;
    const double shift = harm_.relation == Relation::ratio ? 0.0 : harm_.margin;
    const double z = gates::standardised(
        mean(candidate) - factor * mean(baseline) - shift,
        variance_of_mean(candidate) + factor * factor * variance_of_mean(baseline));
    return std::clamp(z, -1e100, 1e100);  // whose square still is a number
  }

  /// Gamma(n_b) / (Gamma(n_b) + Gamma(n_c)) at the edge, mu_c = ratio mu_b.
  double share_at_edge(Arm candidate, Arm baseline) const noexcept {
    const double edge = harm_.margin * baseline[kSum];
    return edge / (edge + candidate[kSum]);
  }
  double log_above_by_gamma(Arm candidate, Arm baseline) const noexcept {
    if (!(candidate[kSum] > 0.0)) return -1e6;
    if (!compares_arms())
      return gates::log_gamma_below(candidate[kCount], candidate[kSum] / harm_.margin);
    if (!(baseline[kSum] > 0.0)) return 0.0;
    const double x = share_at_edge(candidate, baseline);
    return gates::log_beta_cdf({.a = candidate[kCount], .b = baseline[kCount], .x = 1.0 - x});
  }
  double log_below_by_gamma(Arm candidate, Arm baseline) const noexcept {
    if (!(candidate[kSum] > 0.0)) return 0.0;
    if (!compares_arms())
      return gates::log_gamma_above(candidate[kCount], candidate[kSum] / harm_.margin);
    if (!(baseline[kSum] > 0.0)) return -1e6;
    const double x = share_at_edge(candidate, baseline);
    return gates::log_beta_cdf({.a = baseline[kCount], .b = candidate[kCount], .x = x});
  }

  HarmSpec harm_;
  bool is_gamma_;
  double log_doubt_;
  double min_count_;
};

std::unique_ptr<GateTest> make_bayes_mean(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  const bool gamma = gates::parameter<std::string>(gate.test, "law", "normal") == "gamma";
  if (metric.kind == MetricKind::event)
    gates::report(diagnostics, "test",
                  "bayes_mean weighs numbers per request, and " + gate.metric +
                      " is an event; use bayes_rate");
  if (gamma && (metric.kind != MetricKind::positive || gate.harm.relation == Relation::difference ||
                !(gate.harm.margin > 0.0)))
    gates::report(diagnostics, "test.law",
                  "gamma posteriors need a positive metric, and a ratio or a level above 0");
  const double probability = gates::probability_of(gate, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<BayesMean>(
      gate.harm, BayesMean::Settings{
                     .gamma = gamma, .probability = probability, .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo bayes_mean_info() {
  return {
      .name = "bayes_mean",
      .guarantee = Guarantee::none,
      .about = "fails when the posterior probability of a harmful mean passes a limit",
      .source = "Gelman et al., Bayesian Data Analysis (2013), sections 2.5 and 2.6",
      .parameters =
          {
              gates::probability_parameter(),
              {.name = "law",
               .kind = ParameterInfo::Kind::choice,
               .default_text = "normal",
               .about = "normal: of the means, whatever the values; gamma: of exponential values",
               .choices = {"normal", "gamma"}},
          },
      .make = make_bayes_mean,
  };
}

}  // namespace gatewright
