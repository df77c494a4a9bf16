// The table of scenario files: every key of a world, once; its sections have files of their own.
#include "scenarios/scenario_table.h"

#include <array>
#include <utility>

#include "scenarios/arm_table.h"
#include "scenarios/laws.h"
#include "scenarios/noise_table.h"
#include "scenarios/serving_table.h"
#include "scenarios/telemetry_table.h"
#include "scenarios/traffic_table.h"
#include "sim/traffic/profiles.h"

namespace gatewright::scenarios {

using sim::Effect;
using sim::Scenario;
using sim::Traffic;

std::vector<Field<Scenario>> scenario_fields() {
  return {
      required(field("name", &Scenario::name, text(false), "of the scenario, in reports")),
      field("about", &Scenario::about, text(), "what the world is and what should happen"),
      field("seed", &Scenario::seed, quantity(kCount), "of all random streams"),
      unless(sim::Fidelity::requests, &Scenario::fidelity,
             field("fidelity", &Scenario::fidelity,
                   choice<sim::Fidelity>("a fidelity", {{"requests", sim::Fidelity::requests},
                                                        {"windows", sim::Fidelity::windows},
                                                        {"auto", sim::Fidelity::automatic}}),
                   "how finely it is played: every request, what telemetry counts of each window, "
                   "or whichever fits")),
      field("horizon", &Scenario::horizon, duration(kPositiveTime),
            "the run ends here at the latest"),
      field("starts_at", &Scenario::starts_at, quantity(kMoment),
            "when the rollout starts, for prices that change with the date or the time of day"),
      field("traffic", &Scenario::traffic, traffic_shape(), "requests and users"),
      within(&Scenario::traffic, group("tokens", tokens_shape(), "lengths of prompts and answers")),
      required(group("baseline", baseline_shape(), "what one request does now")),
      group("candidate", candidate_shape(),
            "what may replace it; without effects: a healthy candidate"),
      field("serving", &Scenario::serving, serving_shape(),
            "servers with queues; without it answers never wait"),
      field("noise", &Scenario::noise, noise_shape(), "what no sample size averages out"),
      field("telemetry", &Scenario::telemetry, telemetry_shape(), "how the engine learns of it"),
      field("rollback", &Scenario::rollback, rollback_shape(), "how the router follows decisions"),
      unless(std::vector<sim::OperatorAction>{}, &Scenario::operators,
             field("operators", &Scenario::operators, operators_shape(), "what people do")),
      field("approves_after", &Scenario::approves_after, duration(kAnyTime),
            "from a stage's wait for approval to somebody's approval; default: nobody approves"),
      field("interleaving", &Scenario::interleaving, interleaving_shape(),
            "clicks on lists of both arms' answers"),
      field("objectives", &Scenario::objectives, objectives_shape(),
            "what users expect of an answer"),
  };
}

void fill_arrivals(Scenario& scenario) {
  auto* poisson = std::get_if<sim::PoissonArrivals>(&scenario.traffic.arrivals);
  const sim::Profile* profile = sim::find_profile(scenario.traffic.profile);
  if (poisson && poisson->rate_per_second == 0.0 && profile)
    poisson->rate_per_second = profile->rate_per_second();
  auto* bursty = std::get_if<sim::BurstyArrivals>(&scenario.traffic.arrivals);
  if (bursty && profile) *bursty = sim::filled(*bursty, *profile);
}

Scenario with_defaults(Scenario scenario) {
  Traffic& traffic = scenario.traffic;
  const bool recorded = std::holds_alternative<sim::TraceArrivals>(traffic.arrivals);
  if (const sim::Profile* profile = sim::find_profile(traffic.profile); profile && !recorded) {
    if (!traffic.input_tokens) traffic.input_tokens = profile->input_tokens;
    if (!traffic.output_tokens) traffic.output_tokens = profile->output_tokens;
    if (!traffic.token_correlation) traffic.token_correlation = profile->token_correlation;
  }
  if (scenario.serving) scenario.serving->harmful = sim::is_harmful(*scenario.serving);
  for (Effect& effect : scenario.effects)
    if (!effect.harmful) effect.harmful = sim::is_harmful(effect);
  return scenario;
}

std::string path_in_file(std::string path) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kMoved{
      Pair{"traffic.input_tokens", "tokens.input"},
      Pair{"traffic.output_tokens", "tokens.output"},
      Pair{"traffic.token_correlation", "tokens.correlation"},
      Pair{"baseline.failed_latency_ratio", "baseline.error.failed_latency_ratio"},
      Pair{"objectives.quality_floor", "objectives.quality"},
  };
  for (const auto& [theirs, ours] : kMoved)
    if (path.starts_with(theirs)) return std::string(ours) + path.substr(theirs.size());
  return path;
}

}  // namespace gatewright::scenarios
