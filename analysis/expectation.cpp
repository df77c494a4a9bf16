#include "analysis/expectation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gatewright::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view kTwinPath = "healthy_twin.";

/// What is known of a number that was not measured: nothing.
[[nodiscard]] Estimate unknown() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {.value = kNaN, .lower = -kInfinity, .upper = kInfinity, .runs = 0, .method = {}};
}

/// The share of runs in any of several exclusive columns ("halted_at_stage" over stages).
[[nodiscard]] Estimate summed(const Expectation& expectation, const OperatingCharacteristics& found,
                              double confidence) {
  std::uint64_t runs = 0, hits = 0;
  for (const std::string& name : expectation.sum_of) {
    const Estimate* part = found.find(expectation.column + "." + name);
    if (part == nullptr) return unknown();
    runs = part->runs;
    if (part->runs > 0)
      hits += static_cast<std::uint64_t>(std::llround(part->value * static_cast<double>(runs)));
  }
  return share(hits, runs, confidence);
}

[[nodiscard]] Estimate estimate(const Expectation& expectation, const Sample& sample,
                                const OperatingCharacteristics& found, double confidence) {
  if (!expectation.sum_of.empty()) return summed(expectation, found, confidence);
  if (expectation.quantile)
    if (const auto found_quantile =
            estimate_of(sample, expectation.column, expectation.quantile, confidence))
      return *found_quantile;
  if (const Estimate* column = found.find(expectation.column)) return *column;
  return unknown();
}

[[nodiscard]] Judgement judge(const Expectation& expectation, const Estimate& estimate) {
  const double least = expectation.at_least.value_or(-std::numeric_limits<double>::infinity());
  const double most = expectation.at_most.value_or(std::numeric_limits<double>::infinity());
  if (std::isnan(estimate.value)) return Judgement::undecided;
  if (estimate.upper < least || estimate.lower > most) return Judgement::violated;
  if (estimate.lower >= least && estimate.upper <= most) return Judgement::holds;
  return Judgement::undecided;
}

}  // namespace

std::string_view to_string(Judgement judgement) noexcept {
  constexpr std::string_view kNames[] = {"holds", "violated", "undecided"};
  return kNames[static_cast<std::size_t>(judgement)];
}

std::vector<JudgedExpectation> judge(const ExpectationSet& set, const Sample& sample,
                                     const sim::Contender& contender, double confidence) {
  // The twin of a scenario that is healthy itself is a world of its own.
  const bool has_own_twin = !sample.harmful && !sample.healthy_twin.empty();
  const Sample twin{.as_written = sample.healthy_twin, .healthy_twin = {}, .harmful = false};
  const auto as_written = operating_characteristics(sample, contender, confidence);
  const auto of_twin = has_own_twin ? operating_characteristics(twin, contender, confidence)
                                    : OperatingCharacteristics{};
  std::vector<JudgedExpectation> judged;
  for (const Expectation& expectation : set.expectations) {
    const bool of_own_twin = has_own_twin && expectation.path.find(kTwinPath) != std::string::npos;
    const Estimate found = of_own_twin ? estimate(expectation, twin, of_twin, confidence)
                                       : estimate(expectation, sample, as_written, confidence);
    judged.push_back({contender.name, expectation, found, judge(expectation, found)});
  }
  return judged;
}

}  // namespace gatewright::analysis
