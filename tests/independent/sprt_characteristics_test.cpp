// Wald's SPRT: exact operating characteristics of the gate's own likelihood ratios.
//
// Expected values: a table computed by exact recursion over error counts (Aroian's direct method) and
// by Monte Carlo for rates; by integral equation, cross-checked with Siegmund's corrected diffusion,
// for means; false-alarm rates of the one-sided test by the same recursion up to 20,000 requests.
#include <cmath>

#include <gtest/gtest.h>

#include "policies/gates/sprt.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

struct Characteristics {
  double rejects = 0.0, mean_count = 0.0;
};

struct Bounds {
  double accept, reject;
};

Bounds wald(double alpha, double beta) {
  return {.accept = std::log(beta / (1.0 - alpha)), .reject = std::log((1.0 - beta) / alpha)};
}

/// Request by request at rate p, over the counts of events that have not decided; `most` requests.
Characteristics exact_rates(const RateHypotheses& hypotheses, const Bounds& bounds, double p,
                            int most = 100'000'000) {
  std::vector<double> law{1.0}, next;  // of counts first, first + 1, ...
  int first = 0;
  Characteristics result;
  for (int n = 1; n <= most; ++n) {
    next.assign(law.size() + 1, 0.0);
    double alive = 0.0;
    for (std::size_t i = 0; i < law.size(); ++i) {
      next[i] += law[i] * (1.0 - p);
      next[i + 1] += law[i] * p;
      alive += law[i];
    }
    if (alive < 1e-15) break;
    result.mean_count += alive;
    const auto log_ratio = [&](std::size_t i) {
      const double events = first + static_cast<double>(i);
      return bernoulli_log_ratio(events, n - events, hypotheses);
    };
    while (!next.empty() && log_ratio(next.size() - 1) >= bounds.reject) {
      result.rejects += next.back();
      next.pop_back();
    }
    std::size_t accepted = 0;
    while (accepted < next.size() && log_ratio(accepted) <= bounds.accept) ++accepted;
    law.assign(next.begin() + static_cast<std::ptrdiff_t>(accepted), next.end());
    first += static_cast<int>(accepted);
    if (law.empty()) break;
  }
  return result;
}

TEST(Sprt, RatesHaveTheExactCharacteristics) {
  struct Row {
    double p0, p1, alpha, beta, realised_alpha, asn0, realised_beta, asn1, asn_zero;
  };
  for (const Row& row : {
           Row{0.005, 0.01, 0.05, 0.05, 0.03967, 1748.6, 0.05040, 1481.3, 2684.4},
           Row{0.005, 0.01, 0.05, 0.2, 0.03960, 892.5, 0.20165, 1077.2, 1345.5},
           Row{0.005, 0.01, 0.01, 0.1, 0.00794, 1447.9, 0.09993, 2078.6, 3112.6},
           Row{0.01, 0.02, 0.05, 0.05, 0.03963, 868.0, 0.05028, 736.3, 1333.6},
           Row{0.02, 0.03, 0.05, 0.05, 0.04361, 1383.5, 0.05008, 1256.6, 2186.5},
           Row{0.02, 0.03, 0.05, 0.2, 0.04359, 704.6, 0.20035, 910.6, 1094.4},
           Row{0.02, 0.04, 0.05, 0.1, 0.03957, 323.1, 0.09999, 327.6, 495.4},
           Row{0.05, 0.1, 0.05, 0.05, 0.03947, 163.4, 0.04914, 140.1, 252.8},
           Row{0.001, 0.002, 0.05, 0.05, 0.03969, 8793.2, 0.05051, 7442.1, 13490.6},
       }) {
    SCOPED_TRACE(::testing::Message()
                 << row.p0 << " vs " << row.p1 << ", " << row.alpha << ", " << row.beta);
    const RateHypotheses hypotheses{.p0 = row.p0, .p1 = row.p1};
    const Bounds bounds = wald(row.alpha, row.beta);
    const auto at_p0 = exact_rates(hypotheses, bounds, row.p0);
    EXPECT_NEAR(at_p0.rejects, row.realised_alpha, 5.1e-6);
    EXPECT_NEAR(at_p0.mean_count, row.asn0, 0.051);
    const auto at_p1 = exact_rates(hypotheses, bounds, row.p1);
    EXPECT_NEAR(1.0 - at_p1.rejects, row.realised_beta, 5.1e-6);
    EXPECT_NEAR(at_p1.mean_count, row.asn1, 0.051);
    const double gain = std::log(row.p1 / row.p0);
    const double loss = std::log((1.0 - row.p0) / (1.0 - row.p1));
    EXPECT_NEAR(exact_rates(hypotheses, bounds, loss / (gain + loss)).mean_count, row.asn_zero,
                0.051);
  }
}

// What a rollout does: harm alone decides, at ln(1 / alpha). The gate is made from its YAML
// parameters: odds of 1% are 2.0101 times those of 0.5%.
TEST(Sprt, TheGatesFalseAlarmRateIsExact) {
  const double odds_ratio = (0.01 / 0.99) / (0.005 / 0.995);
  GatePlayer player(
      gate("error", harm(Relation::absolute, 0.005), "sprt", {{"odds_ratio", odds_ratio}}));
  player.look({}, events(30, 2000));
  const RateHypotheses hypotheses{.p0 = 0.005, .p1 = 0.01};
  EXPECT_NEAR(player.evidence().harm * std::log(20.0), bernoulli_log_ratio(30, 1970, hypotheses),
              1e-10);
  struct Row {
    double level, rate, last_digit;
  };
  for (const Row& row : {Row{20, 0.039689, 1e-6},
                         {1e3, 0.00079362, 1e-8},
                         {1e5, 7.9294e-6, 1e-10},
                         {1e6, 7.9182e-7, 1e-11}}) {
    const Bounds never_accepts{.accept = -1e9, .reject = std::log(row.level)};
    EXPECT_NEAR(exact_rates(hypotheses, never_accepts, 0.005, 20'000).rejects, row.rate,
                0.51 * row.last_digit)
        << row.level;
    EXPECT_LE(row.rate, 1.0 / row.level);
  }
}

// NIST/SEMATECH e-Handbook 7.1.6/ 6.2.3.2: sequential plan p1 = 1%, p2 = 10%, alpha 5%, beta 10%: the
// log ratio over k = 1.0414 in logarithms to base 10 accepts below -h1 + s n and rejects above h2 + s
// n events, h1 = 0.939, h2 = 1.205, s = 0.0397.
TEST(Sprt, BoundsAreThoseOfTheHandbooksPlan) {
  const RateHypotheses hypotheses{.p0 = 0.01, .p1 = 0.10};
  const Bounds bounds = wald(0.05, 0.10);
  const double per_event = bernoulli_log_ratio(1, 0, hypotheses);
  const double per_other = bernoulli_log_ratio(0, 1, hypotheses);
  EXPECT_NEAR((per_event - per_other) / std::log(10.0), 1.04139, 5e-6);
  EXPECT_NEAR(-bounds.accept / (per_event - per_other), 0.93886, 5e-6);
  EXPECT_NEAR(bounds.reject / (per_event - per_other), 1.20538, 5e-6);
  EXPECT_NEAR(-per_other / (per_event - per_other), 0.03975, 5e-6);
}

/// Gauss-Legendre nodes and weights on [low, high], by Newton's method on the recurrence.
void gauss_legendre(double low, double high, std::vector<double>& nodes,
                    std::vector<double>& weights) {
  const std::size_t n = nodes.size();
  for (std::size_t i = 0; i < n; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) /
                        (static_cast<double>(n) + 0.5));
    double slope = 1.0;
    for (int step = 0; step < 50; ++step) {
      double p = 1.0, before = 0.0;
      for (std::size_t k = 1; k <= n; ++k) {
        const double dk = static_cast<double>(k);
        const double next = ((2.0 * dk - 1.0) * x * p - (dk - 1.0) * before) / dk;
        before = p;
        p = next;
      }
      slope = static_cast<double>(n) * (x * p - before) / (x * x - 1.0);
      x -= p / slope;
    }
    nodes[i] = 0.5 * (low + high) + 0.5 * (high - low) * x;
    weights[i] = (high - low) / ((1.0 - x * x) * slope * slope);
  }
}

/// Rejection probability and mean count from log ratio 0, by Nystrom's method: each sample adds a
/// normal amount to the log ratio, of which `normal_log_ratio` says mean and deviation.
Characteristics exact_means(double delta, const Bounds& bounds, double theta) {
  constexpr std::size_t kNodes = 160;
  std::vector<double> nodes(kNodes), weights(kNodes);
  gauss_legendre(bounds.accept, bounds.reject, nodes, weights);
  const double sd = normal_log_ratio(1.0, 1.0, delta) - normal_log_ratio(0.0, 1.0, delta);
  const double mean = normal_log_ratio(theta, 1.0, delta);
  const auto density = [&](double from, double to) {
    const double z = (to - from - mean) / sd;
    return std::exp(-0.5 * z * z) / (sd * std::sqrt(2.0 * std::numbers::pi));
  };
  const auto jumps_over = [&](double from) {
    return 0.5 * std::erfc((bounds.reject - from - mean) / (sd * std::numbers::sqrt2));
  };
  // (I - K) x = right-hand side, for both, by Gaussian elimination.
  std::vector<std::vector<double>> a(kNodes, std::vector<double>(kNodes + 2));
  for (std::size_t i = 0; i < kNodes; ++i) {
    for (std::size_t j = 0; j < kNodes; ++j)
      a[i][j] = (i == j ? 1.0 : 0.0) - density(nodes[i], nodes[j]) * weights[j];
    a[i][kNodes] = jumps_over(nodes[i]);
    a[i][kNodes + 1] = 1.0;
  }
  for (std::size_t i = 0; i < kNodes; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i; r < kNodes; ++r)
      if (std::abs(a[r][i]) > std::abs(a[pivot][i])) pivot = r;
    std::swap(a[i], a[pivot]);
    for (std::size_t r = 0; r < kNodes; ++r) {
      if (r == i) continue;
      const double factor = a[r][i] / a[i][i];
      for (std::size_t c = i; c < kNodes + 2; ++c) a[r][c] -= factor * a[i][c];
    }
  }
  Characteristics result{.rejects = jumps_over(0.0), .mean_count = 1.0};
  for (std::size_t i = 0; i < kNodes; ++i) {
    const double weight = density(0.0, nodes[i]) * weights[i];
    result.rejects += weight * a[i][kNodes] / a[i][i];
    result.mean_count += weight * a[i][kNodes + 1] / a[i][i];
  }
  return result;
}

TEST(Sprt, MeansHaveTheExactCharacteristics) {
  struct Row {
    double delta, alpha, beta, rejects0, asn0, rejects1, asn1;
  };
  for (const Row& row : {Row{0.1, 0.05, 0.05, 0.04730, 543.98, 0.95270, 543.98},
                         {0.2, 0.05, 0.05, 0.04475, 139.60, 0.95525, 139.60},
                         {0.5, 0.05, 0.05, 0.03786, 24.19, 0.96214, 24.19},
                         {1, 0.05, 0.05, 0.02864, 6.92, 0.97136, 6.92},
                         {0.2, 0.05, 0.2, 0.04568, 73.56, 0.82118, 103.90}}) {
    SCOPED_TRACE(row.delta);
    const auto at_0 = exact_means(row.delta, wald(row.alpha, row.beta), 0.0);
    EXPECT_NEAR(at_0.rejects, row.rejects0, 5.1e-6);
    EXPECT_NEAR(at_0.mean_count, row.asn0, 0.0051);
    const auto at_1 = exact_means(row.delta, wald(row.alpha, row.beta), row.delta);
    EXPECT_NEAR(at_1.rejects, row.rejects1, 5.1e-6);
    EXPECT_NEAR(at_1.mean_count, row.asn1, 0.0051);
  }
}

}  // namespace
}  // namespace gatewright::testing
