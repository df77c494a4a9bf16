// Kayenta's judgement of one metric: two series of readings, a rank test, an effect size.
// Used by the gate test kayenta, and open for importers and tests.
// Never draws random numbers: where Kayenta adds noise to constant series, ranks here are spread
// by rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gatewright {

/// NetflixACAJudge-v1.0, MannWhitneyClassifier; defaults are its constants in code.
struct KayentaSettings {
  enum class Direction : std::uint8_t { either, increase, decrease };
  enum class Measure : std::uint8_t { mean_ratio, cles };
  Direction direction = Direction::either;
  double tolerance = 0.25;  ///< share of the estimated shift, not of the baseline
  double confidence = 0.98;
  Measure measure = Measure::mean_ratio;
  double allowed_increase = 1.0;
  double allowed_decrease = 1.0;
  bool critical = false;
  double critical_increase = 1.0;
  double critical_decrease = 1.0;
};

enum class KayentaClass : std::uint8_t { pass, high, low, no_data, error };

struct KayentaJudgement {
  KayentaClass result = KayentaClass::pass;
  bool critical = false;
  double ratio = 1.0;               ///< of the means; NaN where one of them is 0
  double lower = 0.0, upper = 0.0;  ///< confidence interval of the shift
  double estimate = 0.0;            ///< Hodges and Lehmann's shift
};

/// Most readings of a series.
inline constexpr std::size_t kKayentaReadingsMax = 1440;

/// The interval as in R `wilcox.test(conf.int = TRUE, exact = FALSE)`, to its absolute root tolerance
/// of 1e-4. That tolerance is part of the rule: verdicts depend on the metric's unit. The estimate,
/// unlike R's, keeps the continuity correction.
struct ShiftInterval {
  double lower = 0.0, upper = 0.0, estimate = 0.0;
  bool exists = false;  ///< false: Kayenta throws, and the metric's class is error
};
[[nodiscard]] ShiftInterval shift_interval(std::span<const double> sorted_experiment,
                                           std::span<const double> sorted_control,
                                           double confidence) noexcept;

struct KayentaSeries {
  std::span<const double> control, experiment;
};
/// At most kKayentaReadingsMax finite readings each.
[[nodiscard]] KayentaJudgement judge(const KayentaSeries& series,
                                     const KayentaSettings& settings) noexcept;

}  // namespace gatewright
