// Exact size and power of the pooled two-proportion z test at one look, by enumerating every pair
// of counts with the gate itself as the judge.
#include <gtest/gtest.h>

#include "tests/independent/exact.h"
#include "tests/independent/pooled_z_sizes.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

double rejection_rate(const std::string& sides, std::uint64_t n_b, std::uint64_t n_c, double p_b,
                      double p_c) {
  GatePlayer player(gate("error", harm(Relation::difference, 0.0), "z_test", {{"sides", sides}}));
  return mean_over(binomial_law(n_b, p_b), binomial_law(n_c, p_c),
                   [&](std::uint64_t baseline, std::uint64_t candidate) {
                     player.forget();
                     return player.look(events(baseline, n_b), events(candidate, n_c)).harm >= 1.0;
                   });
}

TEST(ZTestSizes, EqualTheTableToItsLastDigit) {
  constexpr double kLastDigit = 5.0001e-6;
  for (const PooledZSize& row : kPooledZSizes) {
    SCOPED_TRACE(::testing::Message()
                 << row.n_b << ':' << row.n_c << ' ' << row.p_b << ' ' << row.p_c);
    EXPECT_NEAR(rejection_rate("two", row.n_b, row.n_c, row.p_b, row.p_c), row.two_sided,
                kLastDigit);
    EXPECT_NEAR(rejection_rate("one", row.n_b, row.n_c, row.p_b, row.p_c), row.one_sided,
                kLastDigit);
  }
}

}  // namespace
}  // namespace gatewright::testing
