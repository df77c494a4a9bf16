// The beta-binomial mixture on counts of events.
// Used through the catalogue.
// Never subtracts large logarithms: deviances keep full precision up to 1e12 requests.
#include "policies/gates/beta_binomial_mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "policies/gates/making.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

/// x ln(x / mean) + mean - x without cancellation near x = mean. Loader, "Fast and accurate
/// computation of binomial probabilities" (2000).
double deviance_part(double x, double mean) noexcept {
  const double sum = x + mean;
  if (std::abs(x - mean) >= 0.1 * sum) return x * std::log(x / mean) + mean - x;
  const double v = (x - mean) / sum;
  const double v2 = v * v;
  double total = (x - mean) * v;
  double power = 2.0 * x * v;
  for (int j = 3; j <= 19; j += 2) {  // |v| < 0.1: what follows is below 1e-18 of the whole
    power *= v2;
    total += power / j;
  }
  return total;
}

/// ln Gamma(x) minus Stirling's (x - 1/2) ln x - x + ln sqrt(2 pi), for x > 0: Abramowitz and
/// Stegun 6.1.41, whose next term is below 1e-13 from 16 on, and the recurrence of Gamma down to
/// there.
double stirling_error(double x) noexcept {
  double steps = 0.0;
  for (; x < 16.0; x += 1.0) steps += (x + 0.5) * std::log1p(1.0 / x) - 1.0;
  const double w = 1.0 / (x * x);
  return steps + (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w / 1680.0))) / x;
}

/// A Beta(a, b) density without its constant, and a place within (0, 1).
struct BetaPlace {
  double a, b, x;
  BetaPlace mirrored() const noexcept { return {.a = b, .b = a, .x = 1.0 - x}; }
};

// Masses are integrals of p^(a-1) (1-p)^(b-1), given as logarithms less ln(x^a (1-x)^b), so that
// nothing large is ever subtracted from anything large.

/// From 0 to 1: the deviance of a : b from x, and what Stirling's formula leaves of the beta
/// function.
double log_whole_mass(const BetaPlace& at) noexcept {
  const auto& [a, b, x] = at;
  const double n = a + b;
  return deviance_part(a, n * x) + deviance_part(b, n * (1.0 - x)) +
         0.5 * std::log(2.0 * std::numbers::pi * (n / a / b)) + stirling_error(a) +
         stirling_error(b) - stirling_error(n);
}

/// From 0 to x, for x below about the mean: DLMF 8.17.22 by Lentz's method (Thompson and Barnett,
/// Journal of Computational Physics 64 (1986) 490). Ten terms or so far from the mean, and at the
/// mean some root of the counts: 30,000 terms after 1e12 tosses of a fair coin.
double log_mass_below_by_fraction(const BetaPlace& at) noexcept {
  constexpr int kTermsMax = 100'000;
  constexpr double kTiny = 1e-300, kPrecision = 1e-15;
  const auto& [a, b, x] = at;
  const auto away_from_0 = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1.0;
  double d = 1.0 / away_from_0(1.0 - (a + b) * x / (a + 1.0));
  double fraction = d;
  for (int m = 1; m <= kTermsMax; ++m) {
    const double twice = 2.0 * m;
    const double even = m * (b - m) / (a + twice - 1.0) * (x / (a + twice));
    d = 1.0 / away_from_0(1.0 + even * d);
    c = away_from_0(1.0 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) / (a + twice) * ((a + b + m) * x / (a + twice + 1.0));
    d = 1.0 / away_from_0(1.0 + odd * d);
    c = away_from_0(1.0 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1.0) < kPrecision) break;
  }
  return std::log(fraction / a);
}

/// From 0 to x.
double log_mass_below(const BetaPlace& at) noexcept {
  if (at.x < (at.a + 1.0) / (at.a + at.b + 2.0)) return log_mass_below_by_fraction(at);
  const double whole = log_whole_mass(at);
  return whole + std::log1p(-std::exp(log_mass_below_by_fraction(at.mirrored()) - whole));
}

/// From x to 1, or from 0 to x.
double log_mass(const BetaPlace& at, BetaMixture::Side side) noexcept {
  return log_mass_below(side == BetaMixture::Side::above ? at.mirrored() : at);
}

BetaMixture::Side opposite(BetaMixture::Side side) noexcept {
  return side == BetaMixture::Side::above ? BetaMixture::Side::below : BetaMixture::Side::above;
}

BetaMixture::Side side_of_harm(const HarmSpec& harm) noexcept {
  return harm.direction == Direction::up ? BetaMixture::Side::above : BetaMixture::Side::below;
}

/// Ratio: events are fair coins when the arms are equal. Absolute: requests are coins with the
/// margin's probability, and tightest_at events come from tightest_at / margin of them.
double edge_of(const HarmSpec& harm) noexcept {
  return harm.relation == Relation::absolute ? harm.margin : 0.5;
}

BetaMixture::Tuning tuning_of(const HarmSpec& harm, double tightest_at) noexcept {
  return {.v_opt = tightest_at * (harm.relation == Relation::absolute ? 1.0 - harm.margin : 0.25),
          .alpha_opt = 0.05};
}

/// ln of the mean of exp(x).
double log_mean_exp(std::span<const double> x) noexcept {
  const double largest = *std::ranges::max_element(x);
  double sum = 0.0;
  for (const double value : x) sum += std::exp(value - largest);
  return largest + std::log(sum / static_cast<double>(x.size()));
}

enum Slot : std::size_t { kCandidate, kBaseline, kEvents, kNodesFrom };

}  // namespace

BetaMixture::BetaMixture(double edge, Side side, const Tuning& tuning) noexcept
    : edge_(edge), side_(side) {
  const double variance = edge * (1.0 - edge);
  const double rho = one_sided_normal_rho(tuning.v_opt, tuning.alpha_opt);
  const double r = std::max(rho - variance, 1e-3 * variance);
  a_ = r / (1.0 - edge);
  b_ = r / edge;
  log_prior_ = log_mass({.a = a_, .b = b_, .x = edge_}, side_);
}

double BetaMixture::log_e(double events, double others) const noexcept {
  return log_mass({.a = a_ + events, .b = b_ + others, .x = edge_}, side_) - log_prior_;
}

double BetaMixture::prior_quantile_above(double share_above) const noexcept {
  // The mass on the outer side of p, as a share of the side's, is what bisection can see precisely.
  const double outer = side_ == Side::above ? share_above : 1.0 - share_above;
  const auto log_density = [this](double p) { return a_ * std::log(p) + b_ * std::log1p(-p); };
  const double wanted = std::log(outer) + log_prior_ + log_density(edge_);
  double inside = edge_, outside = side_ == Side::above ? 1.0 : 0.0;
  for (int halving = 0; halving < 64; ++halving) {
    const double p = 0.5 * (inside + outside);
    const double log_outer = log_mass({.a = a_, .b = b_, .x = p}, side_) + log_density(p);
    (log_outer > wanted ? inside : outside) = p;
  }
  return inside;
}

BetaBinomialMixture::BetaBinomialMixture(const HarmSpec& harm, const Settings& settings)
    : compares_arms_(harm.relation != Relation::absolute),
      ratio_(harm.margin),
      min_count_(std::max(1.0, static_cast<double>(settings.min_samples))),
      harm_(edge_of(harm), side_of_harm(harm), tuning_of(harm, settings.tightest_at)),
      safety_(edge_of(harm), opposite(side_of_harm(harm)), tuning_of(harm, settings.tightest_at)) {
  if (!compares_arms_) return;
  for (std::size_t node = 0; node < kNodes; ++node) {
    const double share = (static_cast<double>(node) + 0.5) / static_cast<double>(kNodes);
    const double harm_p = harm_.prior_quantile_above(share);
    const double safety_p = safety_.prior_quantile_above(share);
    theta_[node] = harm_p / (1.0 - harm_p);
    theta_[kNodes + node] = safety_p / (1.0 - safety_p);
  }
  std::ranges::transform(theta_, log_theta_.begin(), [](double theta) { return std::log(theta); });
}

Statistic BetaBinomialMixture::statistic() const {
  Statistic statistic;
  statistic.kind = Statistic::Kind::rate;
  return statistic;
}

std::size_t BetaBinomialMixture::slots() const noexcept {
  return compares_arms_ ? kNodesFrom + theta_.size() : std::size_t{kNodesFrom};
}

void BetaBinomialMixture::update(std::span<double> slots,
                                 const Observation& observation) const noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr) return;
  const double n_c = static_cast<double>(samples->candidate.count);
  const double n_b = static_cast<double>(samples->baseline.count);
  const double k_c = samples->candidate.sum;
  if (compares_arms_ && (n_c == 0.0 || n_b == 0.0)) return;
  slots[kCandidate] += n_c;
  slots[kBaseline] += n_b;
  slots[kEvents] += k_c;
  const double events = k_c + samples->baseline.sum;
  if (!compares_arms_ || events == 0.0) return;
  const double pi = ratio_ * n_c / (ratio_ * n_c + n_b);
  for (std::size_t node = 0; node < theta_.size(); ++node)
    slots[kNodesFrom + node] +=
        k_c * log_theta_[node] - events * std::log1p(pi * (theta_[node] - 1.0));
}

BetaBinomialMixture::LogE BetaBinomialMixture::log_e(std::span<const double> slots) const noexcept {
  if (slots[kCandidate] < min_count_ || (compares_arms_ && slots[kBaseline] < min_count_))
    return {};
  if (!compares_arms_) {
    const double others = std::max(0.0, slots[kCandidate] - slots[kEvents]);
    return {.harm = harm_.log_e(slots[kEvents], others),
            .safety = safety_.log_e(slots[kEvents], others),
            .enough = true};
  }
  return {.harm = log_mean_exp(slots.subspan(kNodesFrom, kNodes)),
          .safety = log_mean_exp(slots.subspan(kNodesFrom + kNodes, kNodes)),
          .enough = true};
}

Evidence BetaBinomialMixture::evidence(std::span<const double> slots,
                                       const Budget& budget) const noexcept {
  const LogE log_e = this->log_e(slots);
  return {.harm = gates::share_of_log_e(log_e.harm, budget.false_alarm),
          .safety = gates::share_of_log_e(log_e.safety, budget.missed_harm),
          .enough = log_e.enough};
}

namespace {

std::unique_ptr<GateTest> make_beta_binomial_mixture(const GateSpec& gate,
                                                     Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(diagnostics, "test",
                  "beta_binomial_mixture counts events, and " + gate.metric +
                      " is a number per request; use normal_mixture");
  if (gate.harm.relation == Relation::difference)
    gates::report(diagnostics, "harm",
                  "beta_binomial_mixture needs a ratio to the baseline or an absolute rate; use "
                  "normal_mixture, or give a ratio");
  const double tightest_at = gates::parameter(gate.test, "tightest_at", 50.0);
  if (!(tightest_at >= 1.0 && std::isfinite(tightest_at)))
    gates::report(diagnostics, "test.tightest_at", "expected a number of events, at least 1");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<BetaBinomialMixture>(
      gate.harm,
      BetaBinomialMixture::Settings{.tightest_at = tightest_at, .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo beta_binomial_mixture_info() {
  return {
      .name = "beta_binomial_mixture",
      .guarantee = Guarantee::anytime,
      .about = "rates of rare events compared event by event; valid at every look, at any count",
      .source =
          "Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49 (2021) 1055, section 3.2; "
          "conditional on events after Przyborowski and Wilenski, Biometrika 31 (1940) 313",
      .parameters =
          {
              {.name = "tightest_at",
               .kind = ParameterInfo::Kind::count,
               .default_text = "50",
               .about =
                   "events (of both arms, where arms are compared) at which the least evidence "
                   "is asked for",
               .choices = {},
               .smallest = 1.0,
               .largest = 1e9},
          },
      .make = make_beta_binomial_mixture,
  };
}

}  // namespace gatewright
