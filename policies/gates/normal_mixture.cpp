// The one-sided normal mixture on window-stratified differences of means.
// Used through the catalogue.
// Never overflows or returns NaN for finite summaries, however many samples they hold.
#include "policies/gates/normal_mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "policies/gates/covariate_sums.h"
#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

constexpr double kDegreesOfFreedomMin = 30.0;
constexpr double kDefaultMinSamples = 100.0;

/// What is remembered of one arm.
enum ArmSlot : std::size_t {
  kCount,
  kSum,
  kSumOfSquares,
  kDegreesOfFreedom,  ///< within windows
  kSquares,           ///< about the window's mean
  kWeight,            ///< P or Q: variance of A per unit of this arm's variance
  kArmSlots,
};

/// Slot 0 is A; then the candidate, then the baseline.
constexpr std::size_t kArms = 1;
constexpr std::size_t kSlots = kArms + 2 * kArmSlots;

/// What is remembered of one arm's covariate, after all of the above; candidate, then baseline.
enum CovariateSlot : std::size_t {
  kCovariateSquares,  ///< about the window's mean
  kProducts,          ///< likewise, with the number
  kWeightTheta,       ///< as kWeight, times the window's theta
  kWeightThetaTheta,  ///< likewise, squared
  kCovariateSlots,
};

template <typename Number>
std::span<Number> covariate_of(std::span<Number> slots, bool of_baseline) noexcept {
  return slots.subspan(kSlots + (of_baseline ? std::size_t{kCovariateSlots} : 0), kCovariateSlots);
}

template <typename Number>
std::span<Number> candidate_of(std::span<Number> slots) noexcept {
  return slots.subspan(kArms, kArmSlots);
}

template <typename Number>
std::span<Number> baseline_of(std::span<Number> slots) noexcept {
  return slots.subspan(kArms + kArmSlots, kArmSlots);
}

void add(std::span<double> arm, const Summary& summary, double weight) noexcept {
  const double count = static_cast<double>(summary.count);
  arm[kCount] += count;
  arm[kSum] += summary.sum;
  arm[kSumOfSquares] += summary.sum_of_squares;
  arm[kDegreesOfFreedom] += count - 1.0;
  arm[kSquares] += gates::squares_about_mean(count, summary.sum, summary.sum_of_squares);
  arm[kWeight] += weight * weight / count;
}

double variance(std::span<const double> arm) noexcept {
  return std::max(arm[kSquares] / arm[kDegreesOfFreedom],
                  gates::least_variance(arm[kSumOfSquares] / arm[kCount]));
}

/// Per request, for a mean of `count` of them.
gates::Spread spread(std::span<const double> arm, std::span<const double> covariate,
                     double count) noexcept {
  const double divisor = arm[kDegreesOfFreedom] * count;
  return {.y = arm[kSquares] / divisor,
          .x = covariate[kCovariateSquares] / divisor,
          .xy = covariate[kProducts] / divisor};
}

/// What is left of an arm's variance, on average over the windows by their weights; `factor` times its
/// numbers are compared.
double residual_variance(std::span<const double> arm, std::span<const double> covariate,
                         double factor) noexcept {
  const gates::Spread left = spread(arm, covariate, 1.0);
  const double share_1 = covariate[kWeightTheta] / arm[kWeight];
  const double share_2 = covariate[kWeightThetaTheta] / arm[kWeight];
  return std::max(factor * factor * left.y - 2.0 * factor * left.xy * share_1 + left.x * share_2,
                  factor * factor * gates::least_variance(arm[kSumOfSquares] / arm[kCount]));
}

double event_variance(std::span<const double> arm) noexcept {
  return std::max(variance(arm), gates::smoothed_event_variance(arm[kSum], arm[kCount]));
}

}  // namespace

double one_sided_normal_rho(double v, double alpha) noexcept {
  const double log_odds = -2.0 * std::log(2.0 * std::min(alpha, 0.25));
  return v / (log_odds + std::log1p(log_odds));
}

double log_one_sided_normal_mixture(double s, double v, double rho) noexcept {
  return std::numbers::ln2 + 0.5 * std::log(rho / (v + rho)) +
         gates::log_scaled_normal_cdf(s / std::sqrt(v + rho));
}

gates::LogE log_e_of(NormalSum sum, double tightest_at, const Budget& budget) noexcept {
  const auto side = [&](double towards, double error) {
    return log_one_sided_normal_mixture(towards, sum.v, one_sided_normal_rho(tightest_at, error));
  };
  return {.harm = side(sum.s, budget.false_alarm),
          .safety = side(-sum.s, budget.missed_harm),
          .enough = true};
}

NormalMixture::NormalMixture(const HarmSpec& harm, const Settings& settings)
    : statistic_kind_(settings.log_scale  ? Statistic::Kind::mean_log
                      : settings.is_event ? Statistic::Kind::rate
                                          : Statistic::Kind::mean),
      is_event_(settings.is_event),
      compares_arms_(harm.relation != Relation::absolute),
      has_covariate_(!settings.covariate.empty()),
      sign_(gates::sign_of_harm(harm)),
      factor_(harm.relation == Relation::ratio && !settings.log_scale ? harm.margin : 1.0),
      shift_(harm.relation != Relation::ratio ? harm.margin
             : settings.log_scale             ? std::log(harm.margin)
                                              : 0.0),
      // With equal arms of n samples V / sigma^2 = n / 2; one arm alone has V / sigma^2 = n.
      v_opt_(compares_arms_ ? 0.5 * settings.tightest_at : settings.tightest_at),
      min_count_(settings.min_samples > 0 ? static_cast<double>(settings.min_samples)
                                          : kDefaultMinSamples),
      covariate_(settings.covariate) {}

Statistic NormalMixture::statistic() const {
  Statistic statistic;
  statistic.kind = statistic_kind_;
  statistic.covariate = covariate_;
  return statistic;
}

std::size_t NormalMixture::slots() const noexcept {
  return kSlots + (has_covariate_ ? std::size_t{2 * kCovariateSlots} : 0);
}

void NormalMixture::update(std::span<double> slots, const Observation& observation) const noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr || samples->candidate.count == 0) return;
  const Summary& baseline = samples->baseline;
  const Summary& candidate = samples->candidate;
  const double n_c = static_cast<double>(candidate.count);
  if (!compares_arms_) {
    slots[0] += candidate.sum - n_c * shift_;
    add(candidate_of(slots), candidate, n_c);
    return;
  }
  if (baseline.count == 0) return;
  const double n_b = static_cast<double>(baseline.count);
  const double weight = n_c * (n_b / (n_c + n_b));
  slots[0] += weight * (candidate.sum / n_c - factor_ * (baseline.sum / n_b) - shift_);
  if (has_covariate_ && samples->covariates) add_covariates(slots, *samples, weight);
  add(candidate_of(slots), candidate, weight);
  add(baseline_of(slots), baseline, weight);
}

double NormalMixture::slope_for(std::span<const double> slots,
                                const Samples& samples) const noexcept {
  const auto candidate = candidate_of(slots), baseline = baseline_of(slots);
  if (candidate[kDegreesOfFreedom] < kDegreesOfFreedomMin ||
      baseline[kDegreesOfFreedom] < kDegreesOfFreedomMin)
    return 0.0;
  const auto count = [](const Summary& arm) { return static_cast<double>(arm.count); };
  return gates::slope(spread(candidate, covariate_of(slots, false), count(samples.candidate)),
                      spread(baseline, covariate_of(slots, true), count(samples.baseline)),
                      factor_);
}

void NormalMixture::add_covariates(std::span<double> slots, const Samples& samples,
                                   double weight) const noexcept {
  const double theta = slope_for(slots, samples);
  const auto add_arm = [&](const Summary& arm, const Covariate& covariate,
                           std::span<double> of_arm) {
    const double count = static_cast<double>(arm.count);
    const gates::Spread spread = gates::spread_of(arm, covariate);
    const double share = weight * weight / count;
    of_arm[kCovariateSquares] += spread.x;
    of_arm[kProducts] += spread.xy;
    of_arm[kWeightTheta] += theta * share;
    of_arm[kWeightThetaTheta] += theta * theta * share;
    return weight * theta * (covariate.sum / count);
  };
  const double of_candidate =
      add_arm(samples.candidate, samples.covariates->candidate, covariate_of(slots, false));
  const double of_baseline =
      add_arm(samples.baseline, samples.covariates->baseline, covariate_of(slots, true));
  slots[0] -= of_candidate - of_baseline;
}

NormalMixture::Sums NormalMixture::sums(std::span<const double> slots) noexcept {
  return {.difference = slots[0],
          .weight_candidate = candidate_of(slots)[kWeight],
          .weight_baseline = baseline_of(slots)[kWeight]};
}

NormalMixture::Score NormalMixture::score(std::span<const double> slots,
                                          const Sums& since) const noexcept {
  const auto candidate = candidate_of(slots);
  const auto baseline = baseline_of(slots);
  const auto is_enough = [this](std::span<const double> arm) {
    return arm[kCount] >= min_count_ && arm[kDegreesOfFreedom] >= kDegreesOfFreedomMin;
  };
  if (!is_enough(candidate) || (compares_arms_ && !is_enough(baseline))) return {};

  double variance_c = is_event_ ? event_variance(candidate) : variance(candidate);
  double variance_b = 0.0;
  double edge = shift_;
  if (compares_arms_) {
    variance_b = factor_ * factor_ * (is_event_ ? event_variance(baseline) : variance(baseline));
    edge += factor_ * (baseline[kSum] / baseline[kCount]);
  }
  if (has_covariate_) {
    variance_c = residual_variance(candidate, covariate_of(slots, false), 1.0);
    variance_b = residual_variance(baseline, covariate_of(slots, true), factor_);
  }
  if (is_event_) {
    edge = std::clamp(edge, 0.0, 1.0);
    variance_c = std::max(variance_c, edge * (1.0 - edge));
  }

  const double unit = compares_arms_ ? 0.5 * variance_c + 0.5 * variance_b : variance_c;
  const Sums now = sums(slots);
  const double weight_c = now.weight_candidate - since.weight_candidate;
  const double weight_b = now.weight_baseline - since.weight_baseline;
  // Shares of the unit rather than variances: the quotient exists wherever the variances do.
  // Without any spread (every value 0) both arms count as one unit and A decides by its sign.
  const double v = unit > 0.0 ? variance_c / unit * weight_c + variance_b / unit * weight_b
                              : weight_c + weight_b;
  return {.s = sign_ * gates::standardised(now.difference - since.difference, unit),
          .v = v,
          .enough = true};
}

NormalMixture::LogE NormalMixture::log_e(std::span<const double> slots,
                                         const Budget& budget) const noexcept {
  const auto [s, v, enough] = score(slots, {});
  return enough ? log_e_of({s, v}, v_opt_, budget) : LogE{};
}

Evidence NormalMixture::evidence(std::span<const double> slots,
                                 const Budget& budget) const noexcept {
  return gates::evidence_of(log_e(slots, budget), budget);
}

NormalMixture::Settings difference_settings(const GateSpec& gate, Diagnostics& diagnostics) {
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  const bool log_scale = gates::parameter<std::string>(gate.test, "scale", "linear") == "log";
  gates::check_log_scale(gate, metric, diagnostics);
  const double tightest_at = gates::parameter(gate.test, "tightest_at", 1000.0);
  if (!(tightest_at >= 1.0 && std::isfinite(tightest_at)))
    gates::report(diagnostics, "test.tightest_at", "expected a number of samples, at least 1");
  return {.is_event = metric.kind == MetricKind::event,
          .log_scale = log_scale,
          .tightest_at = tightest_at,
          .min_samples = gate.min_samples};
}

ParameterInfo scale_parameter() {
  return {.name = "scale",
          .kind = ParameterInfo::Kind::choice,
          .default_text = "linear",
          .about = "linear: means; log: geometric means, better for latency, tokens and cost",
          .choices = {"linear", "log"}};
}

namespace {

std::unique_ptr<GateTest> make_normal_mixture(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  NormalMixture::Settings settings = difference_settings(gate, diagnostics);
  gates::check_covariate(gate, *find_metric(gate.metric), diagnostics);
  settings.covariate = gates::covariate_of(gate);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<NormalMixture>(gate.harm, settings);
}

}  // namespace

GateTestInfo normal_mixture_info() {
  return {
      .name = "normal_mixture",
      .guarantee = Guarantee::anytime,
      .about =
          "means compared window by window; valid at every look, asymptotically in the samples",
      .source =
          "Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49 (2021) 1055, section 3.2; "
          "covariates after Deng, Xu, Kohavi, Walker, WSDM 2013",
      .parameters =
          {
              scale_parameter(),
              gates::tightest_at_parameter(
                  {.default_text = "1000",
                   .about =
                       "samples per arm (harmonic mean of the arms) at which the least evidence is "
                       "asked for"}),
              gates::covariate_parameter(),
          },
      .make = make_normal_mixture,
  };
}

}  // namespace gatewright
