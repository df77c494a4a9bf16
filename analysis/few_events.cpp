// Counts of events, look by look.
// Used by lint.
// Never asks for a formula: each pair of counts is shown to the test.
#include "analysis/few_events.h"

#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>
#include <vector>

#include <boost/math/distributions/binomial.hpp>

namespace gatewright::analysis {
namespace {

constexpr double kCandidateMax = 64.0, kBaselineMax = 4096.0;
constexpr double kFarSd = 8.0;

/// Probabilities of `first`, `first` + 1, ... events.
struct Counts {
  std::size_t first = 0;
  std::vector<double> shares{};
};

[[nodiscard]] Counts counts_of(double requests, double rate) {
  const double mean = requests * rate;
  const double reach = kFarSd * std::sqrt(mean) + kFarSd;
  const double first = std::max(0.0, std::floor(mean - reach));
  const double last = std::min(requests, std::ceil(mean + reach));
  Counts counts{.first = static_cast<std::size_t>(first)};
  const boost::math::binomial_distribution<> law(requests, rate);
  for (double count = first; count <= last; ++count) counts.shares.push_back(pdf(law, count));
  return counts;
}

/// Joint probabilities of rollouts that go on, by events of the candidate, then of the baseline.
class GoingOn {
 public:
  void add(const Counts& baseline, const Counts& candidate) {
    const std::size_t rows = rows_ + candidate.first + candidate.shares.size() - 1;
    const std::size_t columns = columns_ + baseline.shares.size() - 1;
    std::vector<double> wider(rows_ * columns, 0.0), sum(rows * columns, 0.0);
    for (std::size_t row = 0; row < rows_; ++row)
      for (std::size_t from = 0; from < columns_; ++from)
        if (const double share = shares_[row * columns_ + from]; share > 0.0)
          for (std::size_t more = 0; more < baseline.shares.size(); ++more)
            wider[row * columns + from + more] += share * baseline.shares[more];
    for (std::size_t row = 0; row < rows_; ++row)
      for (std::size_t more = 0; more < candidate.shares.size(); ++more)
        for (std::size_t column = 0; column < columns; ++column)
          sum[(row + candidate.first + more) * columns + column] +=
              candidate.shares[more] * wider[row * columns + column];
    first_baseline_ += baseline.first;
    rows_ = rows;
    columns_ = columns;
    shares_ = std::move(sum);
  }

  /// Takes out whoever `halts(events of the baseline, of the candidate)`, which more events of the
  /// candidate towards harm do not undo, and returns their share.
  template <class Halts>
  double take_out(Direction harm, const Halts& halts) {
    double taken = 0.0;
    for (std::size_t column = 0; column < columns_; ++column) {
      const auto baseline = static_cast<double>(first_baseline_ + column);
      const auto row_at = [&](std::size_t i) { return harm == Direction::up ? rows_ - 1 - i : i; };
      const auto from_the_worst = std::views::iota(std::size_t{0}, rows_);
      const auto goes_on = std::ranges::partition_point(from_the_worst, [&](std::size_t i) {
        return halts(baseline, static_cast<double>(row_at(i)));
      });
      for (std::size_t i = 0; goes_on != from_the_worst.end() ? i < *goes_on : i < rows_; ++i)
        taken += std::exchange(shares_[row_at(i) * columns_ + column], 0.0);
    }
    return taken;
  }

 private:
  std::size_t first_baseline_ = 0, rows_ = 1, columns_ = 1;
  std::vector<double> shares_{1.0};
};

[[nodiscard]] Summary arm(double requests, double events) {
  return {static_cast<std::uint64_t>(requests), events, events};
}

/// Requests until each planned look: if nothing but harm happens, each look says more than the last.
[[nodiscard]] std::vector<ArmCounts> looks_of(const Sight& sight) {
  std::vector<double> slots(sight.test->slots());
  std::vector<ArmCounts> looks;
  ArmCounts until, told;
  double harm = 0.0;
  for (const ArmCounts& window : sight.windows) {
    until.baseline += window.baseline;
    until.candidate += window.candidate;
    const double n_b = std::round(until.baseline) - told.baseline;
    const double n_c = std::round(until.candidate) - told.candidate;
    if (n_c == 0.0 || (n_b == 0.0 && sight.test->compares_arms())) continue;
    told = {told.baseline + n_b, told.candidate + n_c};
    Observation observation;
    observation.event = Samples{.baseline = arm(n_b, 0.5 * n_b),
                                .candidate = arm(n_c, sight.harm == Direction::up ? n_c : 0.0)};
    sight.test->update(slots, observation);
    const Evidence evidence = sight.test->evidence(slots, sight.budget);
    if (!evidence.enough || evidence.harm == harm) continue;
    harm = evidence.harm;
    looks.push_back(told);
  }
  return looks;
}

}  // namespace

std::optional<double> halted_by_few_events(const Sight& sight, double candidate_mean) {
  const MetricLaw& law = sight.law;
  if (law.change != MetricLaw::Change::rate || law.bursts || sight.test->statistic().pairs ||
      !weighs_totals_at_looks(*sight.test))
    return std::nullopt;
  const std::vector<ArmCounts> looks = looks_of(sight);
  if (looks.empty()) return 0.0;
  if (looks.back().candidate * candidate_mean > kCandidateMax ||
      looks.back().baseline * law.mean > kBaselineMax)
    return std::nullopt;
  GoingOn going_on;
  ArmCounts before;
  double halted = 0.0;
  std::vector<double> slots(sight.test->slots());
  for (const ArmCounts& look : looks) {
    going_on.add(counts_of(look.baseline - before.baseline, law.mean),
                 counts_of(look.candidate - before.candidate, candidate_mean));
    before = look;
    // Every look has the same share of the errors, and so is judged as a first one.
    halted += going_on.take_out(sight.harm, [&](double baseline, double candidate) {
      std::ranges::fill(slots, 0.0);
      Observation observation;
      observation.event = Samples{.baseline = arm(look.baseline, baseline),
                                  .candidate = arm(look.candidate, candidate)};
      sight.test->update(slots, observation);
      const Evidence evidence = sight.test->evidence(slots, sight.budget);
      return evidence.enough && evidence.harm >= 1.0;
    });
  }
  return halted;
}

}  // namespace gatewright::analysis
