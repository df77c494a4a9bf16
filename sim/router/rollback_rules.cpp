// The rules of how the router follows decisions.
#include "sim/findings.h"

namespace gatewright::sim {
namespace {

/// An actuation that is always refused would never end.
constexpr Range kSometimes{0.0, 1.0, false, true, "a share from 0% to below 100%"};
constexpr Range kAPart{0.0, 1.0, true, true, "a share above 0% and below 100%"};

}  // namespace

void check(const Rollback& rollback, Findings& findings) {
  if (rollback.actuation == Actuation::custom) findings.delay("rollback.delay", rollback.delay);
  findings.number("rollback.refused", rollback.refused, kSometimes);
  findings.positive("rollback.retry_after", rollback.retry_after, "30s");
  findings.number("rollback.partial", rollback.partial, kShare);
  findings.number("rollback.lands_at", rollback.lands_at, kAPart);
  findings.number("rollback.applied_twice", rollback.applied_twice, kShare);
  findings.number("rollback.lost_acknowledgement", rollback.lost_acknowledgement, kShare);
  findings.not_negative("rollback.cold", rollback.cold);
  findings.number("rollback.cold_factor", rollback.cold_factor, kPositive);
}

}  // namespace gatewright::sim
