// Anytime-valid comparison of events on mirrored prompts: bets on each pair, exact at any count.
// Used through the catalogue; the closed form is open for tests and documentation.
// Never compares prompts with each other, so neither drift nor a change of exposure can mislead it.
#pragma once

#include <array>

#include "policies/gates/gate_test.h"
#include "policies/gates/log_e.h"
#include "policies/gates/pairs.h"

namespace gatewright {

/// The gate test.
///
/// A pair scores d = candidate - factor x baseline - shift (with the sign of harm), where factor and
/// shift express the margin: four possible scores, of mean at most 0 while the candidate is not beyond
/// the edge of harm, whatever the prompt. A capital that bets the share lambda on each pair,
///
///     K(lambda) = product of (1 + lambda d),  0 < lambda < 1 / -min d,
///
/// is then a nonnegative supermartingale that starts at 1, and so is the mean over kNodes of them;
/// at the edge it is a martingale. It needs only how many pairs there were of each kind, in any order.
/// Without a margin d is 0 where the arms fare alike, and K is the likelihood ratio of coins of
/// probability (1 + lambda) / 2 against fair ones: McNemar's test as an e-process. Bets on bounded
/// means: Waudby-Smith and Ramdas, JRSS B 86 (2024) 1. What is not covered: prompts that depend on each
/// other, such as errors in bursts.
class PairedRate final : public GateTest {
 public:
  static constexpr std::size_t kNodes = 32;

  PairedRate(const HarmSpec& harm, std::uint64_t min_samples);

  std::string_view name() const noexcept override { return "paired_rate"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override { return 4; }
  bool compares_arms() const noexcept override { return true; }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  using LogE = gates::LogE;
  [[nodiscard]] LogE log_e(const gates::PairedEvents& events) const noexcept;

 private:
  /// ln(1 + lambda d) per node and kind of pair: both, candidate only, baseline only, neither.
  using Bets = std::array<std::array<double, 4>, kNodes>;
  [[nodiscard]] static Bets bets(const std::array<double, 4>& scores);

  double min_count_;
  Bets harm_{}, safety_{};
};

[[nodiscard]] GateTestInfo paired_rate_info();

}  // namespace gatewright
