// Shares of margins by the normal mixture and by the conditional law of rare events.
// Used by combined gates.
// Never stores more per share than one number per window's worth of evidence.
#include "policies/gates/margin_share.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "policies/gates/making.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

[[nodiscard]] double margin_at(const HarmSpec& harm, double share) noexcept {
  return harm.relation == Relation::ratio ? 1.0 + share * (harm.margin - 1.0) : share * harm.margin;
}

/// The normal mixture of the window-stratified difference. Its sum A is linear in what the margin
/// moves, so two more sums over windows, h and h mean_b, give A at every share.
class MeanShare final : public MarginShare {
 public:
  MeanShare(const GateSpec& gate, const NormalMixture::Settings& settings,
            std::span<const double> shares, const Budget& budget)
      : rho_harm_(one_sided_normal_rho(0.5 * settings.tightest_at, budget.false_alarm)),
        rho_safety_(one_sided_normal_rho(0.5 * settings.tightest_at, budget.missed_harm)) {
    for (const double share : shares) {
      HarmSpec harm = gate.harm;
      harm.margin = margin_at(gate.harm, share);
      if (harm.relation == Relation::ratio && !(harm.margin > 0.0)) break;  // nothing falls so far
      const bool is_factor = harm.relation == Relation::ratio && !settings.log_scale;
      edges_.push_back({.test = std::make_unique<NormalMixture>(harm, settings),
                        .factor = is_factor ? harm.margin : 1.0,
                        .shift = is_factor            ? 0.0
                                 : settings.log_scale ? std::log(harm.margin)
                                                      : harm.margin});
    }
  }

  std::size_t slots() const noexcept override { return kSums + edges_.front().test->slots(); }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto* samples = std::get_if<Samples>(&observation.event);
    if (samples == nullptr || samples->candidate.count == 0 || samples->baseline.count == 0) return;
    const double n_c = static_cast<double>(samples->candidate.count);
    const double n_b = static_cast<double>(samples->baseline.count);
    const double h = n_c * (n_b / (n_c + n_b));
    slots[kWeight] += h;
    slots[kWeightedBaseline] += h * (samples->baseline.sum / n_b);
    edges_.front().test->update(slots.subspan(kSums), observation);
  }

  bool log_e(std::span<const double> slots, std::span<LogE> at) const noexcept override {
    const std::size_t reached = std::min(edges_.size(), at.size());
    for (std::size_t i = 0; i < reached; ++i) {
      const Edge& edge = edges_[i];
      // What came in at this edge is what came in at none, less what this edge takes off.
      const double taken_off =
          (edge.factor - 1.0) * slots[kWeightedBaseline] + edge.shift * slots[kWeight];
      const auto [s, v, enough] = edge.test->score(slots.subspan(kSums), {.difference = taken_off});
      if (!enough) return false;
      at[i] = {.harm = log_one_sided_normal_mixture(s, v, rho_harm_),
               .safety = log_one_sided_normal_mixture(-s, v, rho_safety_)};
    }
    std::ranges::fill(at.subspan(reached), LogE{.harm = kImpossible, .safety = 0.0});
    return true;
  }

 private:
  enum Slot : std::size_t { kWeight, kWeightedBaseline, kSums };
  struct Edge {
    std::unique_ptr<const NormalMixture> test;
    double factor, shift;
  };
  std::vector<Edge> edges_;  ///< the first tolerates nothing
  double rho_harm_, rho_safety_;
};

/// Rates of rare events, by the conditional likelihood of beta_binomial_mixture: a window with n_c and
/// n_b requests and k_c and k_b events has, at rate ratio x, the log likelihood
///
///     l(x) = k_c ln x - (k_c + k_b) ln(x n_c + n_b),
///
/// and exp(l(x) - l(r)) is that test's likelihood ratio of theta = x / r at the edge r, whose mean is at
/// most 1 there for each x. So one sum of l over windows per ratio serves every edge, and the e-value
/// at r is the mean over those of a fixed set of ratios that lie beyond r: eight an octave, from an
/// eighth of the least edge to eight times the greatest.
class RateShare final : public MarginShare {
 public:
  RateShare(const GateSpec& gate, std::span<const double> shares)
      : is_up_(gate.harm.direction == Direction::up),
        min_count_(std::max(1.0, static_cast<double>(gate.min_samples))) {
    for (const double share : shares)
      if (const double edge = margin_at(gate.harm, share); edge > 0.0) ratios_.push_back(edge);
    edges_ = ratios_.size();
    const auto [least, greatest] = std::ranges::minmax(ratios_);
    constexpr double kPerOctave = 8.0, kOctaves = 3.0;
    for (double octave = std::log2(least) - kOctaves; octave <= std::log2(greatest) + kOctaves;
         octave += 1.0 / kPerOctave)
      ratios_.push_back(std::exp(octave * std::numbers::ln2));
    for (std::size_t i = 0; i < edges_; ++i)
      above_.push_back(static_cast<double>(std::ranges::count_if(
          std::span(ratios_).subspan(edges_), [&](double ratio) { return ratio > ratios_[i]; })));
  }

  std::size_t slots() const noexcept override { return kRatiosFrom + ratios_.size(); }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto* samples = std::get_if<Samples>(&observation.event);
    if (samples == nullptr || samples->candidate.count == 0 || samples->baseline.count == 0) return;
    const double n_c = static_cast<double>(samples->candidate.count);
    const double n_b = static_cast<double>(samples->baseline.count);
    const double k_c = samples->candidate.sum;
    const double events = k_c + samples->baseline.sum;
    slots[kCandidate] += n_c;
    slots[kBaseline] += n_b;
    if (events == 0.0) return;
    const double pi = n_c / (n_c + n_b);  // l is taken relative to equal rates
    for (std::size_t i = 0; i < ratios_.size(); ++i)
      slots[kRatiosFrom + i] +=
          k_c * std::log(ratios_[i]) - events * std::log1p(pi * (ratios_[i] - 1.0));
  }

  bool log_e(std::span<const double> slots, std::span<LogE> at) const noexcept override {
    if (slots[kCandidate] < min_count_ || slots[kBaseline] < min_count_) return false;
    const auto l = slots.subspan(kRatiosFrom);
    const auto mixed = l.subspan(edges_);
    const double most = *std::ranges::max_element(mixed);
    std::ranges::fill(at, LogE{});
    for (std::size_t node = 0; node < mixed.size(); ++node) {
      const double likelihood = std::exp(mixed[node] - most);
      for (std::size_t i = 0; i < edges_; ++i)
        (ratios_[edges_ + node] > ratios_[i] ? at[i].harm : at[i].safety) += likelihood;
    }
    for (std::size_t i = 0; i < edges_; ++i) {
      const double above = most - l[i] + std::log(at[i].harm / above_[i]);
      const double below =
          most - l[i] + std::log(at[i].safety / (static_cast<double>(mixed.size()) - above_[i]));
      at[i] = is_up_ ? LogE{.harm = above, .safety = below} : LogE{.harm = below, .safety = above};
    }
    std::ranges::fill(at.subspan(edges_), LogE{.harm = kImpossible, .safety = 0.0});
    return true;
  }

 private:
  enum Slot : std::size_t { kCandidate, kBaseline, kRatiosFrom };

  bool is_up_;
  double min_count_;
  std::vector<double> ratios_;  ///< first the edges, in the order of the shares, then those mixed
  std::size_t edges_ = 0;
  std::vector<double> above_;  ///< per edge: how many of those mixed lie above it
};

}  // namespace

std::unique_ptr<MarginShare> make_margin_share(const GateSpec& gate, std::span<const double> shares,
                                               const Budget& budget, Diagnostics& diagnostics) {
  const HarmSpec& harm = gate.harm;
  const bool is_mean = gate.test.name == "normal_mixture";
  if (!is_mean && gate.test.name != "beta_binomial_mixture") {
    gates::report(diagnostics, "test",
                  "a combined gate adds up gates of normal_mixture and beta_binomial_mixture");
    return nullptr;
  }
  if (harm.relation == Relation::absolute) {
    gates::report(
        diagnostics, "harm",
        "a combined gate adds up changes against the baseline, and this is a level; state "
        "a ratio or a difference");
    return nullptr;
  }
  const double tolerated = margin_at(harm, 1.0) - margin_at(harm, 0.0);
  if (!(gates::sign_of_harm(harm) * tolerated > 0.0)) {
    gates::report(
        diagnostics, "harm",
        "tolerates nothing, so no share of it can be used; a combined gate needs a margin");
    return nullptr;
  }
  if (!is_mean) return std::make_unique<RateShare>(gate, shares);
  return std::make_unique<MeanShare>(gate, difference_settings(gate, diagnostics), shares, budget);
}

}  // namespace gatewright
