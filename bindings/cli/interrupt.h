// Ctrl-C as a flag: the first asks for an orderly end, the second ends the process at once.
// Used by the verbs that play; what was finished is kept.
#pragma once

#include <atomic>

namespace gatewright::cli {

/// From now on SIGINT and SIGTERM raise the flag. The same flag at every call.
[[nodiscard]] const std::atomic<bool>& watch_for_interrupt();

}  // namespace gatewright::cli
