// Mean e-values of a gate of rates by enumeration of every outcome of a few windows.
// Used by tests of tests whose guarantee is anytime and that offer log_e().
// Never samples: what it says is exact to rounding.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/independent/exact.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {

/// A window's requests per arm, and the rates they are drawn at.
struct Allocation {
  std::uint64_t baseline, candidate;
};
struct Rates {
  double baseline, candidate;
};

struct MeanE {
  double harm = 0.0, safety = 0.0;
};

/// After one window of each allocation, drawn at the rates of the same place.
template <typename Test>
MeanE exact_mean_e(const GateSpec& spec, const std::vector<Allocation>& windows,
                   const std::vector<Rates>& rates) {
  GatePlayer player(spec);
  const auto& test = dynamic_cast<const Test&>(player.test());
  MeanE mean;
  std::vector<Samples> drawn;
  const std::function<void(double)> over_rest = [&](double probability) {
    const std::size_t at = drawn.size();
    if (at == windows.size()) {
      player.forget();
      for (const Samples& window : drawn) player.hear(window);
      const auto log_e = test.log_e(player.slots());
      mean.harm += probability * std::exp(log_e.harm);
      mean.safety += probability * std::exp(log_e.safety);
      return;
    }
    const Allocation n = windows[at];
    const CountLaw baseline = binomial_law(n.baseline, rates[at].baseline);
    const CountLaw candidate = binomial_law(n.candidate, rates[at].candidate);
    for (std::size_t b = 0; b < baseline.probability.size(); ++b)
      for (std::size_t c = 0; c < candidate.probability.size(); ++c) {
        drawn.push_back(samples(events(baseline.first + b, n.baseline),
                                events(candidate.first + c, n.candidate)));
        over_rest(probability * baseline.probability[b] * candidate.probability[c]);
        drawn.pop_back();
      }
  };
  over_rest(1.0);
  return mean;
}

}  // namespace gatewright::testing
