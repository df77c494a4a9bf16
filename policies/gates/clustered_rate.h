// Anytime comparison of event rates when events come in bursts: the variance between windows.
// Used through the catalogue; the log e-values are open for tests.
// Never believes the binomial variance where windows vary more.
#pragma once

#include "policies/gates/gate_test.h"
#include "policies/gates/log_e.h"

namespace gatewright {

/// Per window w with requests of each compared arm, with h = n_c n_b / (n_c + n_b),
///
///     X = h (k_c / n_c - factor k_b / n_b - shift),   A = sum X,   absolute: X = k - margin n.
///
/// At the edge each X has mean 0, however the events of the window depend on each other. The variance
/// of A is that of the windows about the mean effect, n / (n - 1) sum e^2 with e = X - h A / sum h;
/// bursts that pass from one window into the next add 2 n / (n - 1) sum e_w e_(w-1) where that is above
/// 0; it is never below what binomial events would have. So without bursts the test is nearly
/// normal_mixture, and bursts widen it. The normal mixture is evaluated at A over that variance, with
/// the number of windows as intrinsic time.
///
/// Asymptotic in windows: nothing is said before (sum X^2)^2 / sum X^4 reaches `min_windows`, which n
/// windows of equal bursts reach at n, normal differences at 3 n, and a few bursts among quiet windows
/// not at all: until bursts were seen, their absence is no evidence of safety. Bursts should be
/// shorter than a window or two.
class ClusteredRate final : public GateTest {
 public:
  struct Settings {
    double tightest_at = 100.0;  ///< windows
    double min_windows = 40.0;
    std::uint64_t min_samples = 0;
  };

  using LogE = gates::LogE;

  ClusteredRate(const HarmSpec& harm, const Settings& settings);

  std::string_view name() const noexcept override { return "clustered_rate"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override;
  bool compares_arms() const noexcept override { return compares_arms_; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] LogE log_e(std::span<const double> slots, const Budget& budget) const noexcept;

 private:
  bool compares_arms_;
  double sign_;
  double factor_;
  double shift_;
  double tightest_at_;
  double min_windows_;
  double min_count_;
};

[[nodiscard]] GateTestInfo clustered_rate_info();

}  // namespace gatewright
