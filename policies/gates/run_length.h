// Average run lengths of control charts: how many looks to an alarm, on average.
// Used by cusum and ewma, which solve for their limits while a plan is compiled; open for planning.
// Never simulates: integral equations and Markov chains.
#pragma once

namespace gatewright::gates {

/// C = max(0, C + x - reference), alarm at C >= limit, from C = 0.
struct CusumChart {
  double reference, limit;
};
/// For normal x of variance 1. Page's integral equation with its atom at 0 (van Dobben de Bruyn
/// 1968), by Gauss and Legendre's rule.
[[nodiscard]] double cusum_run_length(const CusumChart& chart, double mean);
/// The limit at which the run length at mean 0 is `looks`.
[[nodiscard]] double cusum_limit(double reference, double looks);

/// E = weight x + (1 - weight) E, alarm where E (for two-sided charts |E|) >= limit standard
/// deviations of E after many looks.
struct EwmaChart {
  double weight, limit;
  bool two_sided = false;
};
/// For normal x of variance 1. Crowder, Technometrics 29 (1987) 401.
[[nodiscard]] double ewma_run_length(const EwmaChart& chart, double mean);
[[nodiscard]] double ewma_limit(double weight, double looks);

/// B = max(0, B - 1) for each good request, B + step for each bad one, alarm at B >= limit: whole
/// numbers. Reynolds and Stoumbos, Journal of Quality Technology 31 (1999) 87.
struct BernoulliChart {
  double step, limit;
};
/// In requests, for bad ones with probability p; exact.
[[nodiscard]] double bernoulli_run_length(const BernoulliChart& chart, double p);
[[nodiscard]] double bernoulli_limit(double step, double p, double requests);

/// C = max(0, C + counts - reference), alarm at C >= limit, for Poisson counts per look. Brook and
/// Evans, Biometrika 59 (1972) 539: a Markov chain, exact where reference and limit are multiples
/// of 1 / steps.
struct PoissonChart {
  double reference, limit;
  int steps = 1;  ///< states per count
};
[[nodiscard]] double poisson_run_length(const PoissonChart& chart, double mean);
/// The least limit, in steps of 1 / steps, whose run length at `mean` is at least `looks`; infinite
/// where that takes more than 512 steps.
[[nodiscard]] double poisson_limit(const PoissonChart& chart, double mean, double looks);

}  // namespace gatewright::gates
