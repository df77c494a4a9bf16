// Exact size and power of the pooled two-proportion z test at one look, by enumerating every pair
// of counts with the gate itself as the judge.
//
// The expected digits come from a table of full enumerations (alpha 5%), checked against base R.
#include <gtest/gtest.h>

#include "tests/independent/exact.h"
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

struct Row {
  std::uint64_t n_b, n_c;
  double p_b, p_c, two_sided, one_sided;
};

constexpr Row kRows[] = {
    {50, 50, 0.01, 0.01, 0.00193, 0.00840},     {150, 150, 0.01, 0.01, 0.02924, 0.04844},
    {500, 500, 0.01, 0.01, 0.04248, 0.05111},   {1500, 1500, 0.01, 0.01, 0.05073, 0.04890},
    {50, 50, 0.02, 0.02, 0.01298, 0.02976},     {150, 1350, 0.01, 0.01, 0.04043, 0.00131},
    {50, 950, 0.02, 0.02, 0.04747, 0.00000},    {1350, 150, 0.01, 0.01, 0.04043, 0.06414},
    {950, 50, 0.02, 0.02, 0.04747, 0.06806},    {4950, 50, 0.01, 0.01, 0.06837, 0.08798},
    {2850, 150, 0.01, 0.01, 0.03970, 0.06558},  {4500, 500, 0.01, 0.01, 0.04766, 0.05894},
    {1350, 150, 0.01, 0.02, 0.24723, 0.31624},  {4500, 500, 0.01, 0.02, 0.51344, 0.60108},
    {500, 500, 0.01, 0.02, 0.24275, 0.36286},   {1500, 1500, 0.01, 0.02, 0.61705, 0.73911},
    {1500, 1500, 0.02, 0.03, 0.42270, 0.54814}, {150, 1350, 0.02, 0.04, 0.16248, 0.30424},
    {50, 50, 0.86, 0.88, 0.06484, 0.08612},     {20, 20, 0.85, 0.9, 0.06978, 0.12582},
};

TEST(ZTestSizes, EqualTheTableToItsLastDigit) {
  constexpr double kLastDigit = 5.0001e-6;
  for (const Row& row : kRows) {
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
