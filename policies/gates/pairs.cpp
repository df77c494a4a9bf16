// Sums of pairs.
// Used by the gate tests of pairs.
// Never lets a difference of large sums pass for spread.
#include "policies/gates/pairs.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright::gates {

const Samples* pairs_in(const Observation& observation) noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  const bool are_pairs = samples != nullptr && samples->paired && samples->sum_of_products &&
                         samples->candidate.count > 0 &&
                         samples->candidate.count == samples->baseline.count;
  return are_pairs ? samples : nullptr;
}

EdgeLine edge_line(const HarmSpec& harm, bool log_scale) {
  if (harm.relation != HarmSpec::Relation::ratio) return {.factor = 1.0, .shift = harm.margin};
  if (log_scale) return {.factor = 1.0, .shift = std::log(harm.margin)};
  return {.factor = harm.margin, .shift = 0.0};
}

Summary differences(const Samples& pairs, const EdgeLine& edge) noexcept {
  const auto& [factor, shift] = edge;
  const Summary& c = pairs.candidate;
  const Summary& b = pairs.baseline;
  const auto n = static_cast<double>(c.count);
  const double sum = c.sum - factor * b.sum - n * shift;
  // About the arms' own means, so that nothing large is lost where both are far from 0.
  const double spread_c = squares_about_mean(n, c.sum, c.sum_of_squares);
  const double spread_b = squares_about_mean(n, b.sum, b.sum_of_squares);
  const double together = *pairs.sum_of_products - c.sum * (b.sum / n);
  const double magnitude = c.sum_of_squares + factor * factor * b.sum_of_squares;
  const double spread = std::max(spread_c + factor * factor * spread_b - 2.0 * factor * together,
                                 least_variance(magnitude));
  return {.count = c.count, .sum = sum, .sum_of_squares = spread + sum * (sum / n)};
}

PairedEvents paired_events(const Samples& pairs) noexcept {
  const double both = *pairs.sum_of_products;
  PairedEvents events{.both = both,
                      .candidate_only = std::max(0.0, pairs.candidate.sum - both),
                      .baseline_only = std::max(0.0, pairs.baseline.sum - both)};
  events.neither = std::max(0.0, static_cast<double>(pairs.candidate.count) - both -
                                     events.candidate_only - events.baseline_only);
  return events;
}

Statistic PairsTest::statistic() const {
  Statistic statistic;
  statistic.kind = kind_;
  statistic.pairs = true;
  return statistic;
}

void PairsTest::update(std::span<double> slots, const Observation& observation) const noexcept {
  const Samples* pairs = pairs_in(observation);
  if (pairs == nullptr) return;
  Observation told;
  told.event = told_of(*pairs);
  inner_->update(slots, told);
}

void must_be_pairs(const GateSpec& gate, const PairsWanted& wanted, Diagnostics& diagnostics) {
  const MetricInfo& metric = metric_of_requests(gate, diagnostics);
  if (metric.scope != MetricScope::all && metric.scope != MetricScope::answered)
    report(diagnostics, "test",
           gate.test.name + " compares two answers to one mirrored prompt, and " + gate.metric +
               " is not told of each of them");
  if ((metric.kind == MetricKind::event) != wanted.events)
    report(diagnostics, "test",
           gate.test.name + (wanted.events ? " counts events, and " : " weighs numbers, and ") +
               gate.metric + (wanted.events ? " is a number per request" : " is an event") +
               "; use " + std::string(wanted.instead));
  if (gate.harm.relation == HarmSpec::Relation::absolute)
    report(diagnostics, "harm",
           gate.test.name + " compares the two answers of a pair; state harm against the baseline");
}

}  // namespace gatewright::gates
