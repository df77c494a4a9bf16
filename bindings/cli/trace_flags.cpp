#include "bindings/cli/trace_flags.h"

#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "analysis/layout.h"
#include "bindings/cli/problems.h"

namespace gatewright::cli {
namespace {

constexpr std::array<std::pair<const char*, sim::TraceFormat>, 4> kFormats{
    {{"azure", sim::TraceFormat::azure},
     {"burstgpt", sim::TraceFormat::burstgpt},
     {"mooncake", sim::TraceFormat::mooncake},
     {"csv", sim::TraceFormat::csv}}};

}  // namespace

void add_trace_flags(CLI::App& verb, TraceFlags& flags) {
  verb.add_option("TRACE", flags.file, "Recorded arrivals and tokens, plain or .gz")->required();
  std::vector<std::string> names;
  for (const auto& [name, format] : kFormats) names.emplace_back(name);
  verb.add_option("--format", flags.format, "azure, burstgpt, mooncake or csv")
      ->required()
      ->type_name("FORMAT")
      ->check(CLI::IsMember(names));
}

sim::TraceFormat format_of(const TraceFlags& flags) {
  for (const auto& [name, format] : kFormats)
    if (flags.format == name) return format;
  return sim::TraceFormat::csv;
}

sim::Trace read(const TraceFlags& flags) {
  sim::ReadTrace read = sim::read_trace(flags.file, format_of(flags));
  report(read.diagnostics, flags.file, false);
  return std::move(read.trace);
}

std::vector<std::string> notes_of(const sim::Trace& trace) {
  using analysis::number;
  const auto rows = static_cast<double>(trace.rows.size());
  std::vector<std::string> notes{fmt::format("{} rows over {:.3g} min ({:.3g}/s)", number(rows, 0),
                                             trace.span_seconds / 60.0, rows / trace.span_seconds)};
  for (const sim::DroppedRows& dropped : trace.dropped)
    notes.push_back(fmt::format("dropped {}, the first in line {}: {}",
                                number(static_cast<double>(dropped.count), 0), dropped.first_line,
                                dropped.reason));
  if (trace.tick_seconds > 0.0)
    notes.push_back(fmt::format(
        "times come in ticks of {:.3g} s: bursts below a few ticks are those of the clock",
        trace.tick_seconds));
  return notes;
}

}  // namespace gatewright::cli
