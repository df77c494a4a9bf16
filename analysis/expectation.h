// What a scenario claims about its outcome, and whether the runs bear it out.
// Used by `gatewright check`; decides holds, violated or undecided, never "probably".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/operating_characteristics.h"
#include "policies/diagnostic.h"

namespace gatewright::analysis {

/// "detection_probability is at least 98%". The column is one of OperatingCharacteristics.
struct Expectation {
  std::string path;  ///< "expect.as_written.detection_probability"
  std::string column;
  /// Of a cumulated share: "halted_at_stage up to 10%": stages counted together; empty otherwise.
  std::vector<std::string> sum_of;
  std::optional<double> at_least;
  std::optional<double> at_most;
  std::optional<double> quantile;  ///< of detection_delay and times: the quantile's probability
  std::string unit;                ///< for messages: "%", "min", "h", "USD", ""
  std::string file;
  int line = 0;
  int column_number = 0;
};

/// The expectations about one policy.
struct ExpectationSet {
  std::string policy;  ///< empty: the scenario's own
  std::vector<Expectation> expectations;
};

struct Expectations {
  double confidence = 0.99;
  std::uint64_t runs = 400;
  std::vector<ExpectationSet> sets;
};

enum class Judgement : std::uint8_t { holds, violated, undecided };
[[nodiscard]] std::string_view to_string(Judgement judgement) noexcept;

/// `estimate` at the confidence of the check. holds: the whole interval is on the right side;
/// violated: the whole interval is on the wrong side; undecided: the limit lies within it.
struct JudgedExpectation {
  std::string policy;  ///< that was played
  Expectation expectation;
  Estimate estimate;
  Judgement judgement = Judgement::undecided;
};

[[nodiscard]] std::vector<JudgedExpectation> judge(const ExpectationSet& set, const Sample& sample,
                                                   const sim::Contender& contender,
                                                   double confidence);

}  // namespace gatewright::analysis
