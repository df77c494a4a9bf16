// Recorded traces: arrivals and tokens read from the formats people publish.
// Used by trace arrivals; counts and names every row it cannot use, never guesses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policies/diagnostic.h"
#include "sim/scenario.h"

namespace gatewright::sim {

struct TraceRow {
  double at_seconds = 0.0;  ///< since the first usable row
  float input_tokens = 0.0F;
  float output_tokens = 0.0F;
};

struct DroppedRows {
  std::string reason;  ///< "output_tokens is 0"
  std::uint64_t count = 0;
  std::uint64_t first_line = 0;
};

struct Trace {
  std::vector<TraceRow> rows;        ///< in order of time
  std::vector<DroppedRows> dropped;  ///< in order of first line
  double span_seconds = 0.0;         ///< last row plus one mean gap
  double tick_seconds =
      0.0;  ///< coarsest clock the times are consistent with (3 s in Mooncake), 0: fine
};

struct ReadTrace {
  Trace trace;
  Diagnostics diagnostics;  ///< file and line filled; errors make the trace unusable
};

/// Formats: azure (TIMESTAMP, ContextTokens, GeneratedTokens), burstgpt (columns by name: Timestamp in
/// s, Request tokens, Response tokens), mooncake (JSONL: timestamp in ms, input_length,
/// output_length), csv (at_seconds, input_tokens, output_tokens by name). gzip is recognised by its
/// first bytes. Errors: no file, not text, truncated gzip, missing column, time running backwards,
/// fewer than two times. Rows with a cell that is no time or no whole number of tokens above 0 are
/// dropped. Reads in one pass; memory grows with the usable rows alone, at most 50 million.
[[nodiscard]] ReadTrace read_trace(const std::string& path, TraceFormat format);

}  // namespace gatewright::sim
