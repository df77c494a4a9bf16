// Bets on pairs of events.
// Used through the catalogue.
// Never stakes all: the largest share leaves something after any pair.
#include "policies/gates/paired_rate.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/making.h"
#include "policies/gates/many_logs.h"

namespace gatewright {

PairedRate::PairedRate(const HarmSpec& harm, std::uint64_t min_samples)
    : min_count_(std::max(1.0, static_cast<double>(min_samples))) {
  const auto [factor, shift] = gates::edge_line(harm, false);
  const double sign = gates::sign_of_harm(harm);
  std::array scores{1.0 - factor - shift, 1.0 - shift, -factor - shift, -shift};
  for (double& score : scores) score *= sign;
  harm_ = bets(scores);
  for (double& score : scores) score = -score;
  safety_ = bets(scores);
}

PairedRate::Bets PairedRate::bets(const std::array<double, 4>& scores) {
  // From nearly the whole capital down to a thousandth of it, by equal ratios: whatever the imbalance
  // of the pairs is, some node is near the share that would grow fastest.
  constexpr double kLargest = 0.97, kSmallest = 0.001;
  const double worst = -*std::ranges::min_element(scores);
  Bets bets;
  for (std::size_t node = 0; node < kNodes; ++node) {
    const double place = static_cast<double>(node) / static_cast<double>(kNodes - 1);
    const double lambda = kLargest * std::pow(kSmallest / kLargest, place) / worst;
    std::ranges::transform(scores, bets[node].begin(),
                           [lambda](double score) { return std::log1p(lambda * score); });
  }
  return bets;
}

Statistic PairedRate::statistic() const {
  Statistic statistic;
  statistic.kind = Statistic::Kind::rate;
  statistic.pairs = true;
  return statistic;
}

void PairedRate::update(std::span<double> slots, const Observation& observation) const noexcept {
  const Samples* pairs = gates::pairs_in(observation);
  if (pairs == nullptr) return;
  const gates::PairedEvents events = gates::paired_events(*pairs);
  slots[0] += events.both;
  slots[1] += events.candidate_only;
  slots[2] += events.baseline_only;
  slots[3] += events.neither;
}

PairedRate::LogE PairedRate::log_e(const gates::PairedEvents& events) const noexcept {
  const auto capital = [&](const Bets& bets) {
    std::array<double, kNodes> logs;
    std::ranges::transform(bets, logs.begin(), [&](const std::array<double, 4>& bet) {
      return events.both * bet[0] + events.candidate_only * bet[1] + events.baseline_only * bet[2] +
             events.neither * bet[3];
    });
    return gates::log_mean_exp(logs);
  };
  return {.harm = capital(harm_), .safety = capital(safety_), .enough = true};
}

Evidence PairedRate::evidence(std::span<const double> slots, const Budget& budget) const noexcept {
  if (slots[0] + slots[1] + slots[2] + slots[3] < min_count_) return {};
  return gates::evidence_of(log_e({.both = slots[0],
                                   .candidate_only = slots[1],
                                   .baseline_only = slots[2],
                                   .neither = slots[3]}),
                            budget);
}

namespace {

std::unique_ptr<GateTest> make_paired_rate(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_pairs(gate, {.events = true, .instead = "paired_mixture"}, diagnostics);
  if (gate.harm.relation == HarmSpec::Relation::difference && !(std::abs(gate.harm.margin) < 1.0))
    gates::report(diagnostics, "harm", "two rates differ by less than 100pp");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<PairedRate>(gate.harm, gate.min_samples);
}

}  // namespace

GateTestInfo paired_rate_info() {
  return {
      .name = "paired_rate",
      .guarantee = Guarantee::anytime,
      .about = "events on mirrored prompts, pair by pair; valid at every look, at any count",
      .source =
          "McNemar, Psychometrika 12 (1947) 153, as bets after Waudby-Smith and Ramdas, JRSS "
          "B 86 (2024) 1",
      .parameters = {},
      .make = make_paired_rate,
  };
}

}  // namespace gatewright
