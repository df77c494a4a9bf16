// Betting on events.
// Used by two_sample_rate and detected_rate.
// Never stakes so much that one outcome could take more than half of a capital.
#include "policies/gates/rate_bets.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "policies/gates/many_logs.h"
#include "policies/gates/normal_mixture.h"

namespace gatewright::gates {
namespace {

constexpr double kLeastRate = 1e-12;  // a point this close to 0 or 1 is as good as any closer

/// One arm's requests in a window; `weight` is what multiplies the stake on each outcome.
struct Bet {
  double events, others;
  double p;
  double weight;  ///< per unit of stake: gained on an event if positive
};

/// The largest stake of which no outcome takes more than half of the capital.
double largest_stake(const Bet& bet) noexcept {
  const double at_risk = bet.weight > 0.0 ? bet.p : 1.0 - bet.p;
  return 0.5 / (std::abs(bet.weight) * at_risk);
}

double log_capital(const Bet& bet, double stake) noexcept {
  const double a = stake * bet.weight;
  return bet.events * std::log1p(a * (1.0 - bet.p)) + bet.others * std::log1p(-a * bet.p);
}

}  // namespace

RateBets::RateBets(const LinearEdge& edge, double tightest_at) : edge_(edge) {
  const double v_opt = compares_arms() ? 0.5 * tightest_at : tightest_at;
  const double sd = 1.0 / std::sqrt(one_sided_normal_rho(v_opt, 0.05));
  for (std::size_t node = 0; node < kNodes; ++node) {
    const double share_above = (static_cast<double>(node) + 0.5) / kNodes;
    harms_[node] = sd * normal_quantile_above(0.5 * share_above);
  }
}

RateBets::Point RateBets::point(std::span<const double> slots) const noexcept {
  const auto [factor, shift, harm] = edge_;
  constexpr Point kNone{.p_b = 0.0, .p_c = std::numeric_limits<double>::quiet_NaN()};
  if (!compares_arms()) return shift > 0.0 && shift < 1.0 ? Point{.p_b = 0.0, .p_c = shift} : kNone;
  const double n_b = slots[kBaseline], n_c = slots[kCandidate];
  if (n_b == 0.0 || n_c == 0.0) return kNone;
  // Half an event and half a non-event more, so that no rate is estimated as 0 or 1.
  const double rate_b = (slots[kBaselineEvents] + 0.5) / (n_b + 1.0);
  const double rate_c = (slots[kCandidateEvents] + 0.5) / (n_c + 1.0);
  const double estimate =
      (n_b * rate_b + factor * n_c * (rate_c - shift)) / (n_b + factor * factor * n_c);
  const double least = std::max(kLeastRate, (kLeastRate - shift) / factor);
  const double most = std::min(1.0 - kLeastRate, (1.0 - kLeastRate - shift) / factor);
  if (!(least < most)) return kNone;
  const double p_b = std::clamp(estimate, least, most);
  return {.p_b = p_b, .p_c = factor * p_b + shift};
}

void RateBets::update(std::span<double> slots, const Samples& samples) const noexcept {
  const double n_c = static_cast<double>(samples.candidate.count);
  const double n_b = static_cast<double>(samples.baseline.count);
  if (n_c == 0.0 || (compares_arms() && n_b == 0.0)) return;
  const double k_c = std::clamp(samples.candidate.sum, 0.0, n_c);
  const double k_b = std::clamp(samples.baseline.sum, 0.0, n_b);
  if (const auto [p_b, p_c] = point(slots); p_c > 0.0 && p_c < 1.0) {
    const double v_c = p_c * (1.0 - p_c);
    const double v_b = edge_.factor * edge_.factor * p_b * (1.0 - p_b);
    const double sd = std::sqrt(compares_arms() ? 0.5 * (v_c + v_b) : v_c);
    const double variance = v_c / n_c + (compares_arms() ? v_b / n_b : 0.0);
    const auto play = [&](double sign, std::span<double> capitals) {
      const Bet on_candidate{.events = k_c, .others = n_c - k_c, .p = p_c, .weight = sign / n_c};
      const Bet on_baseline{
          .events = k_b, .others = n_b - k_b, .p = p_b, .weight = -sign * edge_.factor / n_b};
      double most = largest_stake(on_candidate);
      if (compares_arms()) most = std::min(most, largest_stake(on_baseline));
      for (std::size_t node = 0; node < kNodes; ++node) {
        const double stake = std::min(harms_[node] * sd / variance, most);
        capitals[node] += log_capital(on_candidate, stake);
        if (compares_arms()) capitals[node] += log_capital(on_baseline, stake);
      }
    };
    play(1.0, slots.subspan(kMore, kNodes));
    play(-1.0, slots.subspan(kFewer, kNodes));
  }
  slots[kBaseline] += n_b;
  slots[kBaselineEvents] += k_b;
  slots[kCandidate] += n_c;
  slots[kCandidateEvents] += k_c;
}

RateBets::LogE RateBets::log_e(std::span<const double> slots) const noexcept {
  const double more = log_mean_exp(slots.subspan(kMore, kNodes));
  const double fewer = log_mean_exp(slots.subspan(kFewer, kNodes));
  return edge_.harm == Direction::up ? LogE{.harm = more, .safety = fewer, .enough = true}
                                     : LogE{.harm = fewer, .safety = more, .enough = true};
}

bool RateBets::has(std::span<const double> slots, double count) const noexcept {
  return slots[kCandidate] >= count && (!compares_arms() || slots[kBaseline] >= count);
}

}  // namespace gatewright::gates
