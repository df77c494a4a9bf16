// gatewright aa: a trace as an A/A test, before/after and by a random split.
#include "analysis/aa.h"

#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/layout.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/trace_flags.h"
#include "bindings/cli/verbs.h"
#include "scenarios/units.h"

namespace gatewright::cli {
namespace {

struct AaFlags {
  TraceFlags trace;
  std::string window = "5m";
  analysis::AaOptions options;
  bool json = false;
};

[[nodiscard]] std::string repro(const AaFlags& flags) {
  return command_line(
      {"gatewright", "aa", flags.trace.file, "--format", flags.trace.format, "--window",
       flags.window, "--alpha", scenarios::kShare.format(flags.options.alpha), "--splits",
       std::to_string(flags.options.splits), "--seed", std::to_string(flags.options.seed)});
}

[[nodiscard]] std::string cell(const analysis::Estimate& estimate) {
  const int decimals = analysis::share_decimals(estimate.runs);
  return fmt::format("{} of {} [{}, {}]", analysis::percent(estimate.value, decimals),
                     analysis::number(static_cast<double>(estimate.runs), 0),
                     analysis::number(100.0 * estimate.lower, decimals),
                     analysis::number(100.0 * estimate.upper, decimals));
}

[[nodiscard]] std::string text_of(const analysis::AaTable& table, const sim::Trace& trace,
                                  const AaFlags& flags) {
  constexpr std::size_t kFirst = 16;
  constexpr std::size_t kSecond = 30;
  std::string text;
  for (const std::string& note : notes_of(trace)) text += note + "\n";
  text += fmt::format(
      "\nShare of comparisons that a test at {} calls changed, although nothing was\n"
      "released: {} whole windows of {}.\n\n",
      scenarios::kShare.format(flags.options.alpha), table.windows, flags.window);
  text += analysis::left("", kFirst) + analysis::left("against the window before", kSecond) +
          "random split of the same\n";
  for (const analysis::AaRow& row : table.rows)
    text += analysis::left(row.metric, kFirst) + analysis::left(cell(row.before_after), kSecond) +
            cell(row.random_split) + "\n";
  return text + "\nrepro: " + repro(flags) + "\n";
}

[[nodiscard]] std::string json_of(const analysis::AaTable& table, const sim::Trace& trace,
                                  const AaFlags& flags) {
  using Json = nlohmann::ordered_json;
  const auto estimate = [](const analysis::Estimate& e) {
    const Json value = e.runs == 0 ? Json(nullptr) : Json(e.value);
    return Json{{"share_changed", value},
                {"lower", e.lower},
                {"upper", e.upper},
                {"comparisons", e.runs},
                {"method", analysis::to_string(e.method)}};
  };
  Json rows = Json::array();
  for (const analysis::AaRow& row : table.rows)
    rows.push_back({{"metric", row.metric},
                    {"before_after", estimate(row.before_after)},
                    {"random_split", estimate(row.random_split)}});
  const Json whole = {{"trace", flags.trace.file},
                      {"rows", trace.rows.size()},
                      {"span_seconds", trace.span_seconds},
                      {"window", flags.window},
                      {"alpha", flags.options.alpha},
                      {"windows", table.windows},
                      {"notes", notes_of(trace)},
                      {"metrics", rows},
                      {"repro", repro(flags)}};
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

[[nodiscard]] int compare(AaFlags& flags) {
  const std::optional<Duration> window = scenarios::kDuration.parse(flags.window);
  if (!window || *window < std::chrono::seconds(1))
    throw UsageError("--window: expected a duration of at least 1s, such as 5m, got " +
                     shell_quoted(flags.window));
  flags.options.window = *window;
  const sim::Trace trace = read(flags.trace);
  const analysis::AaTable table = analysis::aa_table(trace, flags.options);
  if (table.windows < 2)
    throw UsageError(fmt::format("expected a trace of at least two windows of {}, got {:.3g} min",
                                 flags.window, trace.span_seconds / 60.0));
  print(flags.json ? json_of(table, trace, flags) : text_of(table, trace, flags));
  return kAsExpected;
}

}  // namespace

void add_aa(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "aa", "Compare a trace with itself: how often nothing is called a change");
  const auto flags = std::make_shared<AaFlags>();
  add_trace_flags(verb, flags->trace);
  verb.add_option("--window", flags->window, "Length of the windows compared (default 5m)")
      ->type_name("DURATION");
  add_share_flag(verb, "--alpha", flags->options.alpha, "Level of the tests (default 5%)");
  verb.add_option("--splits", flags->options.splits,
                  "Random splits of each pair of windows (default 200)")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000));
  verb.add_option("--seed", flags->options.seed, "Which random splits (default 1)")->type_name("S");
  verb.add_flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "The first column is what a historical baseline costs; the second should be at\n"
      "the level of the test, whatever the traffic does.");
  verb.callback([flags, &status] { status = compare(*flags); });
}

}  // namespace gatewright::cli
