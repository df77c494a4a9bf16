// Anytime comparison of two rates by bets, exact for a difference as for a ratio.
// Used through the catalogue; the log e-values are open for tests.
// Never needs events to be rare.
#pragma once

#include "policies/gates/gate_test.h"
#include "policies/gates/rate_bets.h"

namespace gatewright {

/// The gate tests two_sample_rate and detected_rate: RateBets on an edge of harm.
class RateBetTest final : public GateTest {
 public:
  struct Settings {
    std::string_view name;  ///< of static storage
    double tightest_at = 1000.0;
    std::uint64_t min_samples = 0;
  };

  RateBetTest(const gates::LinearEdge& edge, const Settings& settings);

  std::string_view name() const noexcept override { return name_; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override;
  std::size_t slots() const noexcept override { return gates::RateBets::slots(); }
  bool compares_arms() const noexcept override { return bets_.compares_arms(); }
  void update(std::span<double> slots, const Observation& observation) const noexcept override;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override;

  [[nodiscard]] gates::RateBets::LogE log_e(std::span<const double> slots) const noexcept {
    return bets_.log_e(slots);
  }

 private:
  std::string_view name_;
  gates::RateBets bets_;
  double min_count_;
};

/// The edge of harm as stated, in rates of what is counted.
[[nodiscard]] gates::LinearEdge linear_edge(const HarmSpec& harm) noexcept;

[[nodiscard]] GateTestInfo two_sample_rate_info();

}  // namespace gatewright
