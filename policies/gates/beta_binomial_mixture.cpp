// The beta-binomial mixture on counts of events.
// Used through the catalogue.
// Never subtracts large logarithms (see incomplete_beta.h).
#include "policies/gates/beta_binomial_mixture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "policies/gates/incomplete_beta.h"
#include "policies/gates/making.h"
#include "policies/gates/many_logs.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using gates::BetaPlace;
using gates::log_mass_below;
using Relation = HarmSpec::Relation;

/// From x to 1, or from 0 to x.
double log_mass(const BetaPlace& at, BetaMixture::Side side) noexcept {
  return log_mass_below(side == BetaMixture::Side::above ? at.mirrored() : at);
}

BetaMixture::Side opposite(BetaMixture::Side side) noexcept {
  return side == BetaMixture::Side::above ? BetaMixture::Side::below : BetaMixture::Side::above;
}

BetaMixture::Side side_of_harm(Direction direction) noexcept {
  return direction == Direction::up ? BetaMixture::Side::above : BetaMixture::Side::below;
}

/// Events are fair coins when the arms are equal.
constexpr double kFairEdge = 0.5;

/// Ratio: that. Absolute: requests are coins with the
/// margin's probability, and tightest_at events come from tightest_at / margin of them.
double edge_of(const HarmSpec& harm) noexcept {
  return harm.relation == Relation::absolute ? harm.margin : kFairEdge;
}

BetaMixture::Tuning fair_tuning(double tightest_at) noexcept {
  return {.v_opt = tightest_at * 0.25, .alpha_opt = 0.05};
}

BetaMixture::Tuning tuning_of(const HarmSpec& harm, double tightest_at) noexcept {
  if (harm.relation != Relation::absolute) return fair_tuning(tightest_at);
  return {.v_opt = tightest_at * (1.0 - harm.margin), .alpha_opt = 0.05};
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
      nodes_(compares_arms_ ? nodes_for(harm.direction, settings.tightest_at) : nullptr),
      harm_(edge_of(harm), side_of_harm(harm.direction), tuning_of(harm, settings.tightest_at)),
      safety_(edge_of(harm), opposite(side_of_harm(harm.direction)),
              tuning_of(harm, settings.tightest_at)) {}

std::shared_ptr<const BetaBinomialMixture::Nodes> BetaBinomialMixture::make_nodes(
    Direction direction, double tightest_at) {
  const BetaMixture::Side side = side_of_harm(direction);
  const BetaMixture harm(kFairEdge, side, fair_tuning(tightest_at));
  const BetaMixture safety(kFairEdge, opposite(side), fair_tuning(tightest_at));
  auto nodes = std::make_shared<Nodes>();
  for (std::size_t node = 0; node < kNodes; ++node) {
    const double share = (static_cast<double>(node) + 0.5) / static_cast<double>(kNodes);
    const double harm_p = harm.prior_quantile_above(share);
    const double safety_p = safety.prior_quantile_above(share);
    nodes->theta[node] = harm_p / (1.0 - harm_p);
    nodes->theta[kNodes + node] = safety_p / (1.0 - safety_p);
  }
  std::ranges::transform(nodes->theta, nodes->log_theta.begin(),
                         [](double theta) { return std::log(theta); });
  return nodes;
}

std::shared_ptr<const BetaBinomialMixture::Nodes> BetaBinomialMixture::nodes_for(
    Direction direction, double tightest_at) {
  if (tightest_at != Settings{}.tightest_at) return make_nodes(direction, tightest_at);
  if (direction == Direction::up) {
    static const std::shared_ptr<const Nodes> up = make_nodes(direction, Settings{}.tightest_at);
    return up;
  }
  static const std::shared_ptr<const Nodes> down = make_nodes(direction, Settings{}.tightest_at);
  return down;
}

Statistic BetaBinomialMixture::statistic() const {
  Statistic statistic;
  statistic.kind = Statistic::Kind::rate;
  return statistic;
}

std::size_t BetaBinomialMixture::slots() const noexcept {
  return compares_arms_ ? kNodesFrom + 2 * kNodes : std::size_t{kNodesFrom};
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
  std::array<double, 2 * kNodes> log_mean;
  for (std::size_t node = 0; node < 2 * kNodes; ++node)
    log_mean[node] = 1.0 + pi * (nodes_->theta[node] - 1.0);
  gates::take_logs(log_mean);
  for (std::size_t node = 0; node < 2 * kNodes; ++node)
    slots[kNodesFrom + node] += k_c * nodes_->log_theta[node] - events * log_mean[node];
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
  return {.harm = gates::log_mean_exp(slots.subspan(kNodesFrom, kNodes)),
          .safety = gates::log_mean_exp(slots.subspan(kNodesFrom + kNodes, kNodes)),
          .enough = true};
}

Evidence BetaBinomialMixture::evidence(std::span<const double> slots,
                                       const Budget& budget) const noexcept {
  return gates::evidence_of(log_e(slots), budget);
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
  const double tightest_at =
      gates::parameter(gate.test, "tightest_at", BetaBinomialMixture::Settings{}.tightest_at);
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
              gates::tightest_at_parameter(
                  {.default_text = "50",
                   .about =
                       "events (of both arms, where arms are compared) at which the least evidence "
                       "is asked for",
                   .largest = 1e9}),
          },
      .make = make_beta_binomial_mixture,
  };
}

}  // namespace gatewright
