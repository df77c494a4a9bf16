// The plan of looks and its parameters.
// Used by gate tests of fixed looks.
// Never rounds a look away: a look is due at the first window that reaches its samples.
#include "policies/gates/planned_looks.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "policies/gates/making.h"

namespace gatewright::gates {
namespace {

constexpr double kLooks = 5.0, kLooksMax = 100.0;
constexpr double kSamples = 10'000.0;

}  // namespace

PlannedLooks::PlannedLooks(std::vector<double> fractions, double samples)
    : fractions_(std::move(fractions)), samples_(samples) {}

std::size_t PlannedLooks::due(double samples) const noexcept {
  constexpr double kRounding = 1e-9;  // a harmonic mean of equal counts is not always that count
  const double fraction = samples / samples_ * (1.0 + kRounding);
  return static_cast<std::size_t>(std::ranges::upper_bound(fractions_, fraction) -
                                  fractions_.begin());
}

PlannedLooks planned_looks(const GateSpec& gate, Diagnostics& diagnostics) {
  const double looks = parameter(gate.test, "looks", kLooks);
  const double samples = parameter(gate.test, "samples", kSamples);
  auto fractions = parameter<std::vector<double>>(gate.test, "at", {});
  if (!(looks >= 1.0 && looks <= kLooksMax && looks == std::floor(looks)))
    report(diagnostics, "test.looks", "expected a whole number of looks from 1 to 100");
  if (!(samples >= 1.0 && std::isfinite(samples)))
    report(diagnostics, "test.samples", "expected a number of samples, at least 1");
  if (fractions.empty()) {
    for (double look = 1.0; look <= std::clamp(looks, 1.0, kLooksMax); look += 1.0)
      fractions.push_back(look / looks);
  } else {
    const bool rising =
        std::ranges::adjacent_find(fractions, std::ranges::greater_equal{}) == fractions.end();
    if (!rising || !(fractions.front() > 0.0) || fractions.back() != 1.0)
      report(diagnostics, "test.at",
             "expected shares of `samples` that rise to 1, such as [0.25, "
             "0.5, 1]");
  }
  return {std::move(fractions), samples};
}

std::vector<ParameterInfo> with_planned_looks(std::vector<ParameterInfo> more) {
  std::vector<ParameterInfo> parameters{
      {.name = "looks",
       .kind = ParameterInfo::Kind::count,
       .default_text = "5",
       .about = "how many looks are planned, equally spaced in samples, unless `at` says when",
       .choices = {},
       .smallest = 1.0,
       .largest = kLooksMax},
      {.name = "samples",
       .kind = ParameterInfo::Kind::count,
       .default_text = "10000",
       .about = "samples per arm (harmonic mean of the arms) at the last look",
       .choices = {},
       .smallest = 1.0,
       .largest = 1e12},
      {.name = "at",
       .kind = ParameterInfo::Kind::numbers,
       .default_text = "[]",
       .about = "instead of `looks`: when each look is due, as shares of `samples` rising to 1",
       .choices = {}},
  };
  for (ParameterInfo& parameter : more) parameters.push_back(std::move(parameter));
  return parameters;
}

}  // namespace gatewright::gates
