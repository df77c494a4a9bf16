// gatewright floor: what deployments of one model differ by, from A/A rollouts, played or recorded.
#include <algorithm>
#include <array>
#include <memory>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/layout.h"
#include "analysis/noise_floor.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "policies/metric.h"
#include "scenarios/load.h"
#include "scenarios/units.h"

namespace gatewright::cli {
namespace {

using analysis::AaRollout;
using analysis::FloorEstimate;
using analysis::FloorScale;

constexpr std::array<std::string_view, 6> kColumns{"baseline_count", "baseline_mean",
                                                   "baseline_sd",    "candidate_count",
                                                   "candidate_mean", "candidate_sd"};

struct FloorFlags {
  std::string file;
  analysis::AaPlay play{.metric = "quality"};
  std::string lasts = "1h";
  std::string scale;
  std::optional<std::uint64_t> seed;
  double confidence = 0.95;
  bool json = false;
};

[[nodiscard]] bool is_recorded(const std::string& file) { return file.ends_with(".csv"); }

[[nodiscard]] Summary summary_of(double count, double mean, double sd) {
  return {.count = static_cast<std::uint64_t>(count),
          .sum = count * mean,
          .sum_of_squares = (count - 1.0) * sd * sd + count * mean * mean};
}

/// One line per rollout, its columns in the order of kColumns.
[[nodiscard]] std::vector<AaRollout> recorded(const std::string& file, FloorScale scale) {
  std::istringstream text(read_file(file));
  std::string header;
  for (const std::string_view column : kColumns)
    header.append(header.empty() ? "" : ",").append(column);
  std::vector<AaRollout> rollouts;
  std::size_t number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const auto fail = [&](const std::string& what) {
      return UsageError(
          fmt::format("{}:{}: expected {}, got {}", file, number, what, shell_quoted(line)));
    };
    if (number == 1 && line != header) throw fail("the header " + header);
    if (number == 1 || line.empty()) continue;
    std::array<double, kColumns.size()> values{};
    std::istringstream cells(line);
    std::string cell;
    std::size_t count = 0;
    for (; std::getline(cells, cell, ','); ++count) {
      const auto value = scenarios::parse_decimal(cell);
      if (!value || count >= values.size()) throw fail("six numbers");
      values[count] = *value;
    }
    const bool is_positive = values[1] > 0.0 && values[4] > 0.0;
    if (count != values.size() || values[0] < 2.0 || values[3] < 2.0 || values[2] < 0.0 ||
        values[5] < 0.0 || (scale == FloorScale::ratio && !is_positive))
      throw fail("two requests per arm, no negative spread, and means above 0 for a ratio");
    rollouts.push_back({.baseline = summary_of(values[0], values[1], values[2]),
                        .candidate = summary_of(values[3], values[4], values[5])});
  }
  return rollouts;
}

[[nodiscard]] std::vector<AaRollout> played(const FloorFlags& flags) {
  scenarios::LoadedStudy loaded = scenarios::load(flags.file);
  report(loaded.diagnostics, flags.file, true);
  analysis::AaPlay play = flags.play;
  play.seed = flags.seed.value_or(loaded.study->scenario.seed);
  Diagnostics diagnostics;
  std::vector<AaRollout> rollouts =
      analysis::play_aa(play, std::move(loaded.study->scenario), diagnostics);
  report(diagnostics, flags.file, true);
  return rollouts;
}

/// In the unit of a gate's `noise_floor`.
[[nodiscard]] std::string amount(const FloorFlags& flags, FloorScale scale, double value) {
  const MetricInfo& metric = *find_metric(flags.play.metric);
  if (scale == FloorScale::ratio) return fmt::format("{:.3g}%", 100.0 * value);
  return metric.unit == "share" || metric.unit == "score"
             ? fmt::format("{:.3g}pp", 100.0 * value)
             : fmt::format("{:.3g} {}", value, metric.unit);
}

[[nodiscard]] std::string text_of(const FloorEstimate& floor, FloorScale scale,
                                  const FloorFlags& flags) {
  const auto text = [&](double value) { return amount(flags, scale, value); };
  std::string page = fmt::format(
      "{} over {} A/A rollouts\n"
      "  the arms differ by      {} (standard deviation about no difference)\n"
      "  their samples explain   {}\n"
      "  a deployment's own sd   {} [{}, {}] at {:.3g}% confidence\n\n",
      flags.play.metric, floor.rollouts, text(floor.observed), text(floor.sampling), text(floor.sd),
      text(floor.lower), text(floor.upper), 100.0 * flags.confidence);
  if (floor.lower > 0.0)
    page += fmt::format("noise_floor: {{sd: {}}}\n", text(floor.upper));
  else
    page += fmt::format("These rollouts do not show a floor; they rule out more than {}.\n",
                        text(floor.upper));
  return page;
}

[[nodiscard]] std::string json_of(const FloorEstimate& floor, FloorScale scale,
                                  const FloorFlags& flags) {
  const nlohmann::ordered_json whole = {
      {"metric", flags.play.metric},
      {"scale", scale == FloorScale::ratio ? "ratio" : "difference"},
      {"rollouts", floor.rollouts},
      {"observed_sd", floor.observed},
      {"sampling_sd", floor.sampling},
      {"sd", floor.sd},
      {"sd_lower", floor.lower},
      {"sd_upper", floor.upper},
      {"confidence", flags.confidence}};
  return whole.dump(2) + "\n";
}

[[nodiscard]] int estimate(FloorFlags& flags) {
  const MetricInfo* metric = find_metric(flags.play.metric);
  if (metric == nullptr)
    throw UsageError("--metric: there is no metric " + shell_quoted(flags.play.metric));
  const std::optional<Duration> lasts = scenarios::kDuration.parse(flags.lasts);
  if (!lasts || *lasts < std::chrono::minutes(5))
    throw UsageError("--lasts: expected a duration of at least 5m, such as 1h, got " +
                     shell_quoted(flags.lasts));
  flags.play.lasts = *lasts;
  const bool is_ratio =
      flags.scale.empty() ? metric->kind == MetricKind::positive : flags.scale == "ratio";
  const FloorScale scale = is_ratio ? FloorScale::ratio : FloorScale::difference;
  const std::vector<AaRollout> rollouts =
      is_recorded(flags.file) ? recorded(flags.file, scale) : played(flags);
  const auto is_empty = [](const AaRollout& rollout) {
    return rollout.baseline.count < 2 || rollout.candidate.count < 2;
  };
  if (rollouts.size() < 2 || std::ranges::any_of(rollouts, is_empty))
    throw UsageError("expected at least two rollouts, each with two requests per arm that bear " +
                     flags.play.metric);
  const FloorEstimate floor = analysis::estimate_floor(rollouts, scale, flags.confidence);
  print(flags.json ? json_of(floor, scale, flags) : text_of(floor, scale, flags));
  return kAsExpected;
}

}  // namespace

void add_floor(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "floor", "Estimate the noise floor: what deployments of one model differ by");
  const auto flags = std::make_shared<FloorFlags>();
  verb.add_option("FILE", flags->file, "A scenario, or recorded A/A rollouts (.csv)")->required();
  verb.add_option("--metric", flags->play.metric, "What is compared (default quality)")
      ->type_name("METRIC");
  verb.add_option("--scale", flags->scale,
                  "difference or ratio (default: ratio for positive numbers)")
      ->type_name("SCALE")
      ->check(CLI::IsMember({"difference", "ratio"}));
  verb.add_option("--rollouts", flags->play.rollouts, "Played of a scenario (default 40)")
      ->type_name("N")
      ->check(CLI::Range(2, 100'000));
  verb.add_option("--lasts", flags->lasts, "Length of each of them (default 1h)")
      ->type_name("DURATION");
  add_share_flag(verb, "--confidence", flags->confidence, "Of the interval (default 95%)");
  add_seed_flag(verb, flags->seed);
  verb.add_flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "A recording has one line per rollout under the header\n"
      "baseline_count,baseline_mean,baseline_sd,candidate_count,candidate_mean,candidate_sd");
  verb.callback([flags, &status] { status = estimate(*flags); });
}

}  // namespace gatewright::cli
