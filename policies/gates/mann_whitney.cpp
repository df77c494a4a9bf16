// Ranks by counting on the grid: bins are ties.
// Used through the catalogue.
// Never needs the values themselves.
#include "policies/gates/mann_whitney.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "policies/gates/cumulative_counts.h"
#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

class MannWhitney final : public GateTest {
 public:
  MannWhitney(const HarmSpec& harm, double alpha, std::uint64_t min_samples)
      : edge_(harm),
        sign_(gates::sign_of_harm(harm)),
        critical_(gates::normal_quantile_above(alpha)),
        min_count_(std::max(1.0, static_cast<double>(min_samples))) {}

  std::string_view name() const noexcept override { return "mann_whitney"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return Form::distributions; }
  Statistic statistic() const override { return {}; }
  std::size_t slots() const noexcept override { return 2 * gates::kCumulativeSlots; }
  bool compares_arms() const noexcept override { return true; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    gates::add_window(slots, observation, true);
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    if (gates::total(gates::candidate_counts(slots)) < min_count_ ||
        gates::total(gates::baseline_counts(slots)) < min_count_)
      return {};
    const double towards_harm = sign_ * rank_sum(slots, edge_).z / critical_;
    return {.harm = gates::as_share(towards_harm),
            .safety = gates::as_share(-towards_harm),
            .enough = true};
  }

 private:
  gates::QuantilePlaces edge_;
  double sign_;
  double critical_;
  double min_count_;
};

std::unique_ptr<GateTest> make_mann_whitney(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_numbers(gate, diagnostics);
  if (gate.harm.kind != HarmSpec::Kind::mean || gate.harm.relation == HarmSpec::Relation::absolute)
    gates::report(diagnostics, "harm",
                  "mann_whitney asks whether the candidate's requests tend to be beyond the "
                  "baseline's; write, say, ratio_above: 1.2x");
  if (gate.harm.relation == HarmSpec::Relation::ratio && !(gate.harm.margin > 0.0))
    gates::report(diagnostics, "harm", "expected a ratio above 0");
  const double alpha = gates::parameter(gate.test, "alpha", 0.05);
  if (!(alpha > 0.0 && alpha < 0.5))
    gates::report(diagnostics, "test.alpha", "expected a share above 0% and below 50%");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<MannWhitney>(gate.harm, alpha, gate.min_samples);
}

}  // namespace

RankSum rank_sum(std::span<const double> counts, const gates::QuantilePlaces& edge) noexcept {
  const auto candidate = gates::candidate_counts(counts);
  const auto baseline = gates::baseline_counts(counts);
  const double n_c = gates::total(candidate), n_b = gates::total(baseline);
  const auto in_bin = [](std::span<const double> arm, std::uint32_t bin) {
    return arm[bin] - gates::below(arm, bin);
  };
  // Places rise with the baseline's bins, so those that share a bin of the candidate are
  // neighbours. Everything is a share of all values, to stay far from the largest double.
  const double all = n_c + n_b;
  double pairs = 0.0;  // U / n_b
  double ties = 0.0;   // sum of (t / all)^3
  const auto close_tie = [&](std::uint32_t bin, double moved) {
    const double t = (in_bin(candidate, bin) + moved) / all;
    ties += t * t * t;
  };
  std::uint32_t open = 0;
  double moved = 0.0;  // baseline values that fell into bin `open`
  for (std::uint32_t place = 0; place < HistogramGrid::kBins; ++place) {
    const double count = in_bin(baseline, place);
    if (count == 0.0) continue;
    const std::uint32_t bin = edge.middle(place);
    pairs += count / n_b * (n_c - candidate[bin] + 0.5 * in_bin(candidate, bin));
    for (; open < bin; ++open) close_tie(open, std::exchange(moved, 0.0));
    moved += count;
  }
  for (; open < HistogramGrid::kBins; ++open) close_tie(open, std::exchange(moved, 0.0));
  // Var U = n m / 12 ((N + 1) - (sum t^3 - N) / (N (N - 1))), here of U / n_b.
  const double correction = all > 1.0 ? (ties * all * all - 1.0) / (all - 1.0) : 0.0;
  const double variance = n_c / n_b / 12.0 * std::max(0.0, all + 1.0 - correction);
  RankSum result;
  result.share_above = pairs / n_c;
  result.pairs_above = pairs * n_b;
  result.z = variance > 0.0 ? (pairs - 0.5 * n_c) / std::sqrt(variance) : 0.0;
  return result;
}

GateTestInfo mann_whitney_info() {
  return {
      .name = "mann_whitney",
      .guarantee = Guarantee::none,
      .about =
          "fails when the ranks of all requests so far differ significantly, as a test of one "
          "look would say",
      .source = "Mann and Whitney, Annals of Mathematical Statistics 18 (1947) 50",
      .parameters =
          {
              gates::level_parameter(),
          },
      .make = make_mann_whitney,
  };
}

}  // namespace gatewright
