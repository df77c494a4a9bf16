#include "sim/run.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sim/arms/world_metric.h"
#include "sim/field.h"
#include "sim/prepared.h"
#include "sim/turns.h"
#include "sim/users/population.h"
#include "sim/windows/fidelity.h"

namespace gatewright::sim {
namespace {

class FitCheck {
 public:
  FitCheck(const Contender& contender, const Scenario& scenario)
      : contender_(contender), scenario_(scenario) {}

  Diagnostics run() && {
    const Policy& policy = contender_.engine.policy();
    if (scenario_.serving)
      for (const Stage& stage : policy.stages())
        if (stage.exposure.interleaved > 0)
          error("stages." + stage.name + ".interleaved",
                "servers do not interleave answers; expected a scenario without `serving`");
    for (std::size_t i = 0; i < policy.probes().size(); ++i) {
      probe_path_ = path_of(i);
      probe(policy.probes()[i]);
    }
    if (scenario_.fidelity == Fidelity::windows)
      std::ranges::move(beyond_windows(contender_, scenario_), std::back_inserter(diagnostics_));
    return std::move(diagnostics_);
  }

 private:
  void error(std::string path, std::string message) {
    diagnostics_.push_back({.path = std::move(path), .message = std::move(message)});
  }

  /// A plan's probes are its gates, in order; other policies' probes have numbers only.
  [[nodiscard]] std::string path_of(std::size_t probe) const {
    if (contender_.plan != nullptr && probe < contender_.plan->gates.size())
      return "gates." + contender_.plan->gates[probe].name;
    return "probes." + std::to_string(probe);
  }

  void probe(const Probe& probe) {
    if (probe.metric == kAssignedUnits) {
      probe_path_ = "sample_ratio";
      whole_windows("every", probe.every, true);
      return;
    }
    const std::optional<WorldMetric> metric = world_metric(probe.metric);
    if (!metric || find_metric(probe.metric) == nullptr) {
      error(probe_path_ + ".metric", "this world does not produce '" + probe.metric + "'");
      return;
    }
    if (is_gauge(*metric)) gauge(probe);
    if (!probe.segment.empty() && !segment_index(scenario_.traffic, probe.segment))
      error(probe_path_ + ".segment",
            "this world has no segment '" + probe.segment + "'" + known_segments());
    whole_windows("every", probe.every, true);
    whole_windows("window", probe.window, true);
    whole_windows("initial_delay", probe.initial_delay, false);
    statistic(probe, *metric);
  }

  void gauge(const Probe& probe) {
    if (!scenario_.serving)
      error(probe_path_ + ".metric",
            "'" + probe.metric +
                "' is read of servers: expected a scenario with a `serving` section");
    if (probe.form != Form::readings)
      error(probe_path_ + ".test",
            "'" + probe.metric + "' is one reading per window: expected a test of readings");
  }

  [[nodiscard]] std::string known_segments() const {
    std::string known;
    for (const Segment& segment : scenario_.traffic.segments)
      known += (known.empty() ? "; expected one of " : ", ") + segment.name;
    return known.empty() ? "; expected traffic.segments" : known;
  }

  void whole_windows(const char* key, Duration duration, bool is_needed) {
    const Duration window = scenario_.telemetry.window;
    const bool is_in_range = is_needed ? duration > Duration::zero() : duration >= Duration::zero();
    if (is_in_range && duration % window == Duration::zero()) return;
    error(probe_path_ + "." + key,
          "expected a whole multiple of the scenario's telemetry window, which is " +
              std::to_string(std::chrono::duration_cast<std::chrono::seconds>(window).count()) +
              "s");
  }

  void statistic(const Probe& probe, WorldMetric metric) {
    const Statistic& statistic = probe.statistic;
    const bool is_quantile = statistic.kind == Statistic::Kind::quantile;
    const std::string path = probe_path_ + ".test";
    if (is_event(metric) && (is_quantile || statistic.kind == Statistic::Kind::mean_log ||
                             probe.form == Form::distributions))
      error(path, "'" + probe.metric + "' is an event: only its rate can be measured");
    if (probe.form == Form::samples && is_quantile)
      error(path, "a quantile has no sufficient statistics: expected readings or distributions");
    if (statistic.kind == Statistic::Kind::mean_log) {
      if (!is_positive(metric))
        error(path, "'" + probe.metric + "' has no logarithm: it is not a positive number");
      if (metric == WorldMetric::cost && scenario_.baseline.price.file.empty() &&
          scenario_.baseline.price.input_usd_per_token <= 0.0)
        error(path,
              "requests that cost nothing have no logarithm: expected baseline.price.input "
              "above $0");
    }
    if (statistic.pairs && scenario_.serving)
      error(path,
            "with servers the two answers to a mirrored request end at different times: expected a "
            "scenario without a `serving` section, or a test that needs no pairs");
    if (!statistic.covariate.empty() && !world_metric(statistic.covariate))
      error(path, "this world does not produce '" + statistic.covariate + "'");
    if (is_quantile && !(statistic.probability > 0.0 && statistic.probability < 1.0))
      error(path, "expected a probability above 0% and below 100%");
    if (is_quantile && statistic.definition == QuantileDefinition::histogram_quantile &&
        (statistic.buckets.empty() || !std::ranges::is_sorted(statistic.buckets)))
      error(path, "expected the metrics store's buckets as rising upper bounds");
  }

  const Contender& contender_;
  const Scenario& scenario_;
  std::string probe_path_;
  Diagnostics diagnostics_;
};

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::halted:
      return "halted";
    case Outcome::completed:
      return "completed";
    case Outcome::unfinished:
      break;
  }
  return "unfinished";
}

Diagnostics check_fit(const Contender& contender, const Scenario& scenario) {
  return FitCheck(contender, scenario).run();
}

std::vector<RunRecord> run(std::span<const Contender> field, const PreparedScenario& scenario,
                           RunKey key, std::vector<RunTrace>* traces) {
  Field players(field, scenario);
  if (traces != nullptr) traces->resize(field.size());
  players.play(key, traces);
  std::vector<RunRecord> records;
  records.reserve(field.size());
  for (std::size_t i = 0; i < field.size(); ++i) records.push_back(players.record(i));
  return records;
}

ManyRecords run_many(std::span<const Contender> field, const PreparedScenario& scenario,
                     const ManyOptions& options) {
  const PreparedScenario* const world = &scenario;
  return std::move(run_in_turns(field, std::span(&world, 1), options).front());
}

}  // namespace gatewright::sim
