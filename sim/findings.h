// What is wrong with a scenario's numbers: ranges, and the list of findings that its sections add to.
// Used by validate(); each section of a scenario has its rules beside what plays it.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "policies/diagnostic.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// One range of allowed numbers, said as one would say it.
struct Range {
  double least;
  double most;
  bool open_below = false;  ///< `least` itself is not allowed
  bool open_above = false;  ///< `most` itself is not allowed
  std::string_view words;

  [[nodiscard]] bool contains(double value) const noexcept {
    return std::isfinite(value) && (open_below ? value > least : value >= least) &&
           (open_above ? value < most : value <= most);
  }
};

inline constexpr double kHuge = 1e15;
inline constexpr Range kPositive{0.0, kHuge, true, false, "a number above 0"};
inline constexpr Range kNotNegative{0.0, kHuge, false, false, "a number of at least 0"};
inline constexpr Range kShare{0.0, 1.0, false, false, "a share from 0% to 100%"};
inline constexpr Range kCorrelation{-1.0, 1.0, true, true, "a correlation above -1 and below 1"};
inline constexpr Range kPromptCorrelation{0.0, 1.0, false, true, "a correlation from 0 to below 1"};
inline constexpr Range kScore{0.0, 1.0, false, false, "a score from 0 to 1"};

class Findings {
 public:
  void error(std::string path, std::string message) {
    diagnostics_.push_back({.path = std::move(path), .message = std::move(message)});
  }
  void number(std::string path, double value, const Range& range);
  /// A time above 0; `example` is one.
  void positive(std::string path, Duration value, std::string_view example);
  /// A time of at least 0.
  void not_negative(std::string path, Duration value);
  void time_of_day(std::string path, Duration value);
  void lognormal(const std::string& path, const Lognormal& law);
  void delay(const std::string& path, const DelayLaw& law);
  [[nodiscard]] Diagnostics take() && { return std::move(diagnostics_); }

 private:
  Diagnostics diagnostics_;
};

/// "0.25": a number without trailing zeros.
[[nodiscard]] std::string number_words(double value);

// Rules of the sections, each in its room.
void check(const Traffic& traffic, Findings& findings);
void check(const Arm& arm, Findings& findings);
void check(const Arm::Price& price, const std::string& path, Findings& findings);
void check(const Arm::Detector& detector, const std::string& path, Findings& findings);
void check(const SamePrompt& pair, Findings& findings);
void check(const Effect& effect, const Scenario& scenario, Findings& findings);
void check(const Noise& noise, Findings& findings);
void check(const Telemetry& telemetry, Duration horizon, Findings& findings);
void check(const Rollback& rollback, Findings& findings);
void check(const Serving& serving, Findings& findings);
void check_operators(const Scenario& scenario, Findings& findings);
void check(const Interleaving& interleaving, Findings& findings);

}  // namespace gatewright::sim
