// Reading a recorded trace for a verb: its flags, its problems, what was dropped.
// Used by fit and aa.
#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "sim/traffic/trace.h"

namespace gatewright::cli {

struct TraceFlags {
  std::string file;
  std::string format;
};
/// TRACE and --format.
void add_trace_flags(CLI::App& verb, TraceFlags& flags);
/// The trace; throws InputError, with what is wrong said, where it cannot be used.
[[nodiscard]] sim::Trace read(const TraceFlags& flags);
/// "14,176 rows over 40.0 min (5.91/s)", what was dropped and why, the clock's ticks.
[[nodiscard]] std::vector<std::string> notes_of(const sim::Trace& trace);
[[nodiscard]] sim::TraceFormat format_of(const TraceFlags& flags);

}  // namespace gatewright::cli
