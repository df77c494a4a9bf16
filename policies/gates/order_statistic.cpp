// Binomial tails of how many values lie below a place.
// Used through the catalogue.
// Never lets the grid help a verdict: each count takes the side that weakens the evidence.
#include "policies/gates/order_statistic.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "policies/gates/incomplete_beta.h"
#include "policies/gates/looks_at_distributions.h"
#include "policies/gates/making.h"
#include "policies/gates/quantile_places.h"

namespace gatewright {
namespace {

using gates::baseline_counts;
using gates::below;
using gates::candidate_counts;
using gates::total;

/// Two arms: harm is shown when the lower limit of the candidate's quantile is above phi of the
/// upper limit of the baseline's, each limit erring with half the error. That is so exactly if at
/// some place x the candidate has too few values up to phi(x) and the baseline too many below x,
/// both at that error. One probability rises with x and the other falls, so the best place is where
/// they cross.
class OrderStatistic final : public gates::LooksAtDistributions {
 public:
  OrderStatistic(const HarmSpec& harm, gates::PlannedLooks looks)
      : LooksAtDistributions(std::move(looks), harm.relation != HarmSpec::Relation::absolute),
        places_(harm),
        probability_(harm.probability),
        up_(harm.direction == Direction::up) {}

  std::string_view name() const noexcept override { return "order_statistic"; }
  Statistic statistic() const override { return gates::quantile_statistic(probability_); }

 private:
  gates::LookPValues look(std::span<const double> counts) const noexcept override {
    const double above = log_p_above(counts), under = log_p_below(counts);
    return {.no_harm = up_ ? above : under, .harm = up_ ? under : above};
  }

  double few(double count, double of) const noexcept {
    return gates::log_binomial_at_most(count, {.trials = of, .p = probability_});
  }
  double many(double count, double of) const noexcept {
    return gates::log_binomial_at_least(count, {.trials = of, .p = probability_});
  }

  /// ln of twice the least maximum of a falling and a rising probability.
  template <typename Falling, typename Rising>
  static double log_p_of_both(const Falling& falling, const Rising& rising) noexcept {
    std::uint32_t low = 0, high = HistogramGrid::kBins - 1;
    while (high - low > 1) {
      const std::uint32_t middle = low + (high - low) / 2;
      (falling(middle) > rising(middle) ? low : high) = middle;
    }
    const double at_low = std::max(falling(low), rising(low));
    const double at_high = std::max(falling(high), rising(high));
    return std::min(0.0, std::numbers::ln2 + std::min(at_low, at_high));
  }

  /// That the candidate's quantile is above the edge: the p-value of its not being so.
  double log_p_above(std::span<const double> counts) const noexcept {
    const auto candidate = candidate_counts(counts);
    const double n_c = total(candidate);
    // The more values up to phi(x), the more likely "so few".
    const auto candidate_few = [&](std::uint32_t place) {
      return few(candidate[places_.last_up_to(place)], n_c);
    };
    if (!compares_arms()) return candidate_few(0);
    const auto baseline = baseline_counts(counts);
    const double n_b = total(baseline);
    return log_p_of_both([&](std::uint32_t place) { return many(below(baseline, place), n_b); },
                         candidate_few);
  }

  double log_p_below(std::span<const double> counts) const noexcept {
    const auto candidate = candidate_counts(counts);
    const double n_c = total(candidate);
    const auto candidate_many = [&](std::uint32_t place) {
      return many(below(candidate, places_.first_from(place)), n_c);
    };
    if (!compares_arms()) return candidate_many(0);
    const auto baseline = baseline_counts(counts);
    const double n_b = total(baseline);
    return log_p_of_both(candidate_many,
                         [&](std::uint32_t place) { return few(baseline[place], n_b); });
  }

  gates::QuantilePlaces places_;
  double probability_;
  bool up_;
};

std::unique_ptr<GateTest> make_order_statistic(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_quantile(gate, diagnostics);
  gates::PlannedLooks looks = gates::planned_looks(gate, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<OrderStatistic>(gate.harm, std::move(looks));
}

}  // namespace

QuantileRanks quantile_ranks(const QuantileSample& sample, double alpha) noexcept {
  const auto [n, p] = sample;
  const gates::BinomialPlace law{.trials = n, .p = p};
  // Lower: the largest rank r with P(fewer than r values up to the quantile) <= alpha / 2; upper:
  // the smallest s with P(at least s) <= alpha / 2.
  const auto first_where = [n = n](const auto& holds) {
    double low = -1.0, high = n + 1.0;  // does not hold at low, holds at high
    while (high - low > 1.0) {
      const double middle = std::floor(0.5 * (low + high));
      (holds(middle) ? high : low) = middle;
    }
    return high;
  };
  const double half = std::log(0.5 * alpha);
  const double lower =
      first_where([&](double k) { return gates::log_binomial_at_most(k, law) > half; });
  const double upper =
      first_where([&](double k) { return gates::log_binomial_at_least(k, law) <= half; });
  return {.lower = lower,
          .upper = upper,
          .coverage = 1.0 - std::exp(gates::log_binomial_at_most(lower - 1.0, law)) -
                      std::exp(gates::log_binomial_at_least(upper, law))};
}

GateTestInfo order_statistic_info() {
  return {
      .name = "order_statistic",
      .guarantee = Guarantee::fixed_looks,
      .about = "limits of quantiles by order statistics, at planned looks",
      .source = "David and Nagaraja, Order Statistics (2003), section 7.1",
      .parameters = gates::with_planned_looks({}),
      .make = make_order_statistic,
  };
}

}  // namespace gatewright
