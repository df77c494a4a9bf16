// Kulldorff's maximised sequential probability ratio test of a rate against a limit.
// Used through the catalogue; the law of its maximum is open for tests and documentation.
// Never shows safety: it has no hypothesis of safety, and its surveillance ends.
#pragma once

#include <vector>

#include "policies/gates/gate_test.h"

namespace gatewright {

/// The surveillance: events are watched until `expected` of them were expected at the edge; fewer
/// than `min_events` are no signal.
struct PoissonSurveillance {
  double expected = 20.0;
  double min_events = 1.0;
};

/// ln of the likelihood ratio maximised over rates above the edge: (t - c) + c ln(c / t) for c events
/// where t < c were expected, else 0.
[[nodiscard]] double poisson_max_log_ratio(double events, double expected) noexcept;

/// ln of the probability, at the edge, that the log ratio reaches `level` > 0 before the surveillance
/// ends, watched continuously: exact by recursion over the times at which the c-th event would be a
/// signal.
[[nodiscard]] double log_poisson_max_tail(double level, const PoissonSurveillance& surveillance);

/// The level that is reached with probability `alpha`, by bisection: the critical value of Kulldorff
/// et al., Table 1.
[[nodiscard]] double poisson_max_critical_value(double alpha,
                                                const PoissonSurveillance& surveillance);

/// The gate test, of an absolute rate where more is harm: expected events are margin x requests.
/// harm x ln(1 / alpha) is -ln of the probability above at the log ratio seen, so it decides at the
/// critical value (spending the budget to within 1%, never more). The budget is kept over the whole
/// surveillance, at any looks within it (guarantee fixed_looks: not beyond). A window that would lead
/// past the end is not looked at, nor is any after it. Events among few requests are binomial, whose
/// tails are lighter.
///
/// Tails are computed when the test is made, at levels in geometric steps, and interpolated.
class PoissonMaxSprt final : public GateTest {
 public:
  /// `harm` is an absolute rate within (0, 1), upwards.
  PoissonMaxSprt(const HarmSpec& harm, const PoissonSurveillance& surveillance,
                 std::uint64_t min_samples);

  std::string_view name() const noexcept override { return "poisson_max_sprt"; }
  Guarantee guarantee() const noexcept override { return Guarantee::fixed_looks; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return false; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  /// log_poisson_max_tail by interpolation; 0 at level 0.
  [[nodiscard]] double log_tail(double level) const noexcept;

 private:
  double margin_;
  PoissonSurveillance surveillance_;
  double min_count_;
  std::vector<double> log_tails_;  ///< at levels in geometric steps
};

[[nodiscard]] GateTestInfo poisson_max_sprt_info();

}  // namespace gatewright
