// Both tails of a binomial count, exact or with half of what was seen.
// Used by the tests that toss coins: mcnemar, sign_test and the A/B test of preferences.
// Never approximates, however many coins.
#pragma once

#include <array>

#include "policies/gates/fixed_looks.h"
#include "policies/gates/incomplete_beta.h"
#include "policies/gates/many_logs.h"

namespace gatewright::gates {

/// Exact: the probability of as much or more. Mid-p: only half of the probability of just as much
/// counts (Lancaster, JASA 56 (1961) 223), which is on average not conservative.
enum class Tail : std::uint8_t { exact, mid_p };

/// ln P(count >= k) and ln P(count <= k); of no coins both are sure.
[[nodiscard]] inline FixedLooksTest::LogP binomial_tails(double k, const BinomialPlace& law,
                                                         Tail tail) noexcept {
  if (law.trials <= 0.0) return {};
  const std::array above{log_binomial_at_least(k, law), log_binomial_at_least(k + 1.0, law)};
  const std::array below{log_binomial_at_most(k, law), log_binomial_at_most(k - 1.0, law)};
  if (tail == Tail::exact) return {.harm = above[0], .safety = below[0]};
  return {.harm = log_mean_exp(above), .safety = log_mean_exp(below)};
}

[[nodiscard]] inline ParameterInfo tail_parameter() {
  return {.name = "tail",
          .kind = ParameterInfo::Kind::choice,
          .default_text = "exact",
          .about =
              "exact: as much or more; mid_p: half of just as much, which is less conservative "
              "and may exceed its level a little",
          .choices = {"exact", "mid_p"}};
}

}  // namespace gatewright::gates
