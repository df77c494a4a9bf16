// The rules of how the router follows decisions.
#include "sim/findings.h"

namespace gatewright::sim {

void check(const Rollback& rollback, Findings& findings) {
  if (rollback.actuation == Actuation::custom) findings.delay("rollback.delay", rollback.delay);
}

}  // namespace gatewright::sim
