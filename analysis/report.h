// Operating characteristics for people (80 columns), as JSON and as CSV; checks as JUnit.
// Used by the command line and Python; formats only, computes nothing.
#pragma once

#include <string>
#include <vector>

#include "analysis/expectation.h"
#include "analysis/operating_characteristics.h"
#include "sim/run.h"

namespace gatewright::analysis {

struct ReportContext {
  std::string scenario;  ///< name
  std::string sentence;  ///< the scenario in one sentence
  std::vector<std::string> notes;
  std::string fidelity = "requests";
  std::uint64_t seed = 0;
  std::string repro;  ///< the command that makes this report again
  bool colour = false;
  bool unicode = true;
};

[[nodiscard]] std::string text(const ReportContext& context,
                               const std::vector<OperatingCharacteristics>& results);
/// One object; under "policies" one object each, whose "columns" map a column's name to its value,
/// lower and upper limit (null where there is none), runs and method.
[[nodiscard]] std::string json(const ReportContext& context,
                               const std::vector<OperatingCharacteristics>& results);
/// A header and one row per policy (RFC 4180); limits as NAME_lower and NAME_upper, empty where
/// there is none. Policies with different stages or gates leave each other's columns empty.
[[nodiscard]] std::string csv(const ReportContext& context,
                              const std::vector<OperatingCharacteristics>& results);

/// "detection_delay_minutes (95%) at most 80 min".
[[nodiscard]] std::string claim_text(const Expectation& expectation);
/// "99.2% [96.1, 99.9]", or why there is no number.
[[nodiscard]] std::string finding_text(const JudgedExpectation& judged);

/// A scenario that `check` played, or could not.
struct CheckedScenario {
  std::string file;
  std::string name;
  double seconds = 0.0;
  std::uint64_t seed = 0, runs = 0;
  std::vector<JudgedExpectation> judged = {};
  std::string error = {};        ///< the scenario could not be played
  std::string skipped = {};      ///< why it was not played
  std::uint64_t violations = 0;  ///< broken invariants over all runs
};
/// JUnit XML: a test suite per scenario, a test case per expectation. A violated expectation is a
/// failure, an undecided one is skipped, a scenario that could not be played or broke an invariant
/// is an error.
[[nodiscard]] std::string junit(const std::vector<CheckedScenario>& scenarios);

}  // namespace gatewright::analysis
