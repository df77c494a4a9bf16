// Ratios of means, cross-multiplied within windows.
// Used through the catalogue.
// Never divides by a mean that may be 0.
#include "policies/gates/ratio_mixture.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/covariate_sums.h"
#include "policies/gates/making.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

constexpr double kDegreesOfFreedomMin = 30.0;
constexpr double kDefaultMinSamples = 100.0;

/// What is remembered of one arm. The last three weigh its spreads in the variance of D.
enum ArmSlot : std::size_t {
  kCount,
  kDegreesOfFreedom,
  kSquaresY,
  kSquaresX,
  kProducts,
  kWeightY,
  kWeightX,
  kWeightXY,
  kArmSlots,
};
/// D and the sum of h; then the candidate, then the baseline.
constexpr std::size_t kDifference = 0, kWeight = 1, kArms = 2;
constexpr std::size_t kSlots = kArms + 2 * kArmSlots;

/// A window's part of D as a line in one arm's means: by_y mean y + by_x mean x.
struct Line {
  double by_y, by_x;
};

void add(std::span<double> arm, const Summary& summary, const Covariate& covariate, double weight,
         const Line& line) noexcept {
  const auto n = static_cast<double>(summary.count);
  const gates::Spread spread = gates::spread_of(summary, covariate);
  const double share = weight * weight / n;
  arm[kCount] += n;
  arm[kDegreesOfFreedom] += n - 1.0;
  arm[kSquaresY] += spread.y;
  arm[kSquaresX] += spread.x;
  arm[kProducts] += spread.xy;
  arm[kWeightY] += share * line.by_y * line.by_y;
  arm[kWeightX] += share * line.by_x * line.by_x;
  arm[kWeightXY] += share * line.by_y * line.by_x;
}

double variance(std::span<const double> arm) noexcept {
  return std::max(0.0, arm[kSquaresY] * arm[kWeightY] + arm[kSquaresX] * arm[kWeightX] +
                           2.0 * arm[kProducts] * arm[kWeightXY]) /
         arm[kDegreesOfFreedom];
}

}  // namespace

RatioMixture::RatioMixture(const HarmSpec& harm, const Settings& settings)
    : per_(settings.per),
      sign_(gates::sign_of_harm(harm)),
      ratio_(harm.margin),
      // With equal arms of n samples the sum of h is n / 2.
      v_opt_(0.5 * settings.tightest_at),
      min_count_(settings.min_samples > 0 ? static_cast<double>(settings.min_samples)
                                          : kDefaultMinSamples) {}

Statistic RatioMixture::statistic() const {
  Statistic statistic;
  statistic.covariate = per_;
  return statistic;
}

std::size_t RatioMixture::slots() const noexcept { return kSlots; }

void RatioMixture::update(std::span<double> slots, const Observation& observation) const noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr || !samples->covariates) return;
  const auto& [x_b, x_c] = *samples->covariates;
  const Summary& y_b = samples->baseline;
  const Summary& y_c = samples->candidate;
  if (y_b.count == 0 || y_c.count == 0) return;
  const auto n_b = static_cast<double>(y_b.count), n_c = static_cast<double>(y_c.count);
  const double weight = n_c * (n_b / (n_c + n_b));
  const double mean_y_b = y_b.sum / n_b, mean_x_b = x_b.sum / n_b;
  const double mean_y_c = y_c.sum / n_c, mean_x_c = x_c.sum / n_c;
  slots[kDifference] += weight * (mean_y_c * mean_x_b - ratio_ * mean_y_b * mean_x_c);
  slots[kWeight] += weight;
  add(slots.subspan(kArms, kArmSlots), y_c, x_c, weight,
      {.by_y = mean_x_b, .by_x = -ratio_ * mean_y_b});
  add(slots.subspan(kArms + kArmSlots, kArmSlots), y_b, x_b, weight,
      {.by_y = -ratio_ * mean_x_c, .by_x = mean_y_c});
}

Evidence RatioMixture::evidence(std::span<const double> slots,
                                const Budget& budget) const noexcept {
  const auto candidate = slots.subspan(kArms, kArmSlots);
  const auto baseline = slots.subspan(kArms + kArmSlots, kArmSlots);
  for (const auto& arm : {candidate, baseline})
    if (arm[kCount] < min_count_ || arm[kDegreesOfFreedom] < kDegreesOfFreedomMin) return {};
  // In units in which v grows by one half per sample of each arm, as in normal_mixture.
  const double v = slots[kWeight];
  const double per_weight = variance(candidate) / v + variance(baseline) / v;
  const double s = sign_ * gates::standardised(slots[kDifference], per_weight);
  return gates::evidence_of(log_e_of({s, v}, v_opt_, budget), budget);
}

namespace {

std::unique_ptr<GateTest> make_ratio_mixture(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  const auto per = gates::parameter<std::string>(gate.test, "per", "output_tokens");
  if (metric.kind != MetricKind::positive || gate.metric == per)
    gates::report(diagnostics, "test",
                  "ratio_mixture compares an amount per " + per + ", and " + gate.metric +
                      " is no such amount");
  if (gate.harm.relation != HarmSpec::Relation::ratio)
    gates::report(
        diagnostics, "harm",
        "ratio_mixture compares two ratios; state harm as a ratio, such as rises_by: 20%");
  const double tightest_at = gates::parameter(gate.test, "tightest_at", 1000.0);
  if (diagnostics.size() > problems) return nullptr;
  diagnostics.push_back(
      {.severity = Severity::note,
       .path = "test",
       .message = "compares " + gate.metric + " per " + per +
                  ": a candidate whose answers are longer is not worse by that, and what its users "
                  "wait for or cost in all is for another gate to say",
       .file = {},
       .line = 0,
       .column = 0});
  return std::make_unique<RatioMixture>(
      gate.harm, RatioMixture::Settings{
                     .per = per, .tightest_at = tightest_at, .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo ratio_mixture_info() {
  return {
      .name = "ratio_mixture",
      .guarantee = Guarantee::anytime,
      .about =
          "an amount per token compared window by window, such as latency per output token; "
          "valid at every look, asymptotically in the samples",
      .source =
          "Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49 (2021) 1055, section 3.2; "
          "delta method after Deng, Knoblich, Lu, KDD 2018",
      .parameters =
          {
              {.name = "per",
               .kind = ParameterInfo::Kind::choice,
               .default_text = "output_tokens",
               .about = "the denominator",
               .choices = {"output_tokens", "input_tokens"}},
              {.name = "tightest_at",
               .kind = ParameterInfo::Kind::count,
               .default_text = "1000",
               .about =
                   "samples per arm (harmonic mean of the arms) at which the least evidence is "
                   "asked for",
               .choices = {},
               .smallest = 1.0,
               .largest = 1e12},
          },
      .make = make_ratio_mixture,
  };
}

}  // namespace gatewright
