// What the process answers: one table, documented and stable.
// Used by every verb; scripts and CI rely on it.
#pragma once

namespace gatewright::cli {

enum Exit : int {
  kAsExpected = 0,
  kToolFailed = 1,
  kBadInput = 2,       ///< a file or flag is wrong
  kBroken = 97,        ///< an invariant, or a run that is not reproducible
  kUndecided = 98,     ///< within the run limit, with --strict
  kViolated = 99,      ///< an expectation; --failed-exit-code changes it
  kInterrupted = 130,  ///< what was finished is kept
};

}  // namespace gatewright::cli
