// Quantiles weighed by counting values on either side of a place.
// Used through the catalogue.
// Never evaluates more places than the least product needs: both factors are monotone in the place.
#include "policies/gates/quantile_sequence.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/cumulative_counts.h"
#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;
using gates::baseline_counts;
using gates::below;
using gates::candidate_counts;
using gates::total;

/// What one place has to say: a part that falls from place to place and a part that rises.
struct Parts {
  double falling, rising;
  double sum() const noexcept { return falling + rising; }
};

/// The least sum over the places [first, last], by bisection: between two places no sum is below
/// the falling part at the right and the rising part at the left. Within kTolerance, from below.
template <typename PartsAt>
double least_sum(std::uint32_t last, const PartsAt& parts_at) noexcept {
  constexpr double kTolerance = 1e-3;  // of ln e: a thousandth of what decides at any usual budget
  struct Range {
    std::uint32_t first, last;
    Parts at_first, at_last;
    double bound() const noexcept { return at_last.falling + at_first.rising; }
  };
  const auto narrow = [&](const auto& self, const Range& range, double best) noexcept -> double {
    if (range.last - range.first <= 1 || range.bound() >= best - kTolerance) return best;
    const std::uint32_t middle = range.first + (range.last - range.first) / 2;
    const Parts at_middle = parts_at(middle);
    best = std::min(best, at_middle.sum());
    const Range left{range.first, middle, range.at_first, at_middle};
    const Range right{middle, range.last, at_middle, range.at_last};
    const bool left_first = left.bound() < right.bound();
    best = self(self, left_first ? left : right, best);
    return self(self, left_first ? right : left, best);
  };
  const Range all{0, last, parts_at(0), parts_at(last)};
  return narrow(narrow, all, std::min(all.at_first.sum(), all.at_last.sum())) - kTolerance;
}

}  // namespace

QuantileSequence::QuantileSequence(const HarmSpec& harm, const Settings& settings)
    : probability_(harm.probability),
      compares_arms_(harm.relation != Relation::absolute),
      up_(harm.direction == Direction::up),
      min_count_(std::max(1.0, static_cast<double>(settings.min_samples))),
      few_(probability_, BetaMixture::Side::below,
           {.v_opt = settings.tightest_at * probability_ * (1.0 - probability_)}),
      many_(probability_, BetaMixture::Side::above,
            {.v_opt = settings.tightest_at * probability_ * (1.0 - probability_)}),
      places_(harm) {}

Statistic QuantileSequence::statistic() const { return gates::quantile_statistic(probability_); }

std::size_t QuantileSequence::slots() const noexcept {
  return (compares_arms_ ? 2 : 1) * gates::kCumulativeSlots;
}

void QuantileSequence::update(std::span<double> slots,
                              const Observation& observation) const noexcept {
  gates::add_window(slots, observation, compares_arms_);
}

double QuantileSequence::log_e_above(std::span<const double> slots) const noexcept {
  const auto candidate = candidate_counts(slots);
  const double n_c = total(candidate);
  const auto few_of_candidate = [&](std::uint32_t place) {
    const double up_to = candidate[places_.last_up_to(place)];
    return few_.log_e(up_to, n_c - up_to);
  };
  if (!compares_arms_) return few_of_candidate(0);
  const auto baseline = baseline_counts(slots);
  const double n_b = total(baseline);
  return least_sum(HistogramGrid::kBins - 1, [&](std::uint32_t place) noexcept -> Parts {
    const double under = below(baseline, place);
    return {.falling = few_of_candidate(place), .rising = many_.log_e(under, n_b - under)};
  });
}

double QuantileSequence::log_e_below(std::span<const double> slots) const noexcept {
  const auto candidate = candidate_counts(slots);
  const double n_c = total(candidate);
  const auto many_of_candidate = [&](std::uint32_t place) {
    const double under = below(candidate, places_.first_from(place));
    return many_.log_e(under, n_c - under);
  };
  if (!compares_arms_) return many_of_candidate(0);
  const auto baseline = baseline_counts(slots);
  const double n_b = total(baseline);
  return least_sum(HistogramGrid::kBins - 1, [&](std::uint32_t place) noexcept -> Parts {
    const double up_to = baseline[place];
    return {.falling = few_.log_e(up_to, n_b - up_to), .rising = many_of_candidate(place)};
  });
}

QuantileSequence::LogE QuantileSequence::log_e(std::span<const double> slots) const noexcept {
  if (total(candidate_counts(slots)) < min_count_ ||
      (compares_arms_ && total(baseline_counts(slots)) < min_count_))
    return {};
  const double above = log_e_above(slots);
  const double below = log_e_below(slots);
  return {.harm = up_ ? above : below, .safety = up_ ? below : above, .enough = true};
}

Evidence QuantileSequence::evidence(std::span<const double> slots,
                                    const Budget& budget) const noexcept {
  return gates::evidence_of(log_e(slots), budget);
}

namespace {

std::unique_ptr<GateTest> make_quantile_sequence(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_quantile(gate, diagnostics);
  const double tightest_at = gates::parameter(gate.test, "tightest_at", 2000.0);
  if (!(tightest_at >= 1.0 && std::isfinite(tightest_at)))
    gates::report(diagnostics, "test.tightest_at", "expected a number of samples, at least 1");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<QuantileSequence>(
      gate.harm,
      QuantileSequence::Settings{.tightest_at = tightest_at, .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo quantile_sequence_info() {
  return {
      .name = "quantile_sequence",
      .guarantee = Guarantee::anytime,
      .about =
          "quantiles compared by counting values on either side; valid at every look, whatever "
          "the distribution",
      .source = "Howard and Ramdas, Bernoulli 28 (2022) 1704, sections 3 and 5",
      .parameters =
          {
              gates::tightest_at_parameter(
                  {.default_text = "2000",
                   .about = "samples of an arm at which the least evidence is asked for"}),
          },
      .make = make_quantile_sequence,
  };
}

}  // namespace gatewright
