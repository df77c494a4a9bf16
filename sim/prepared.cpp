#include "sim/prepared.h"

#include <utility>

namespace gatewright::sim {

Prepared prepare(const Scenario& scenario) {
  Prepared prepared;
  prepared.diagnostics = validate(scenario);
  if (has_errors(prepared.diagnostics)) return prepared;

  MadeArrivals made = make_arrivals(scenario);
  prepared.notes = std::move(made.notes);
  prepared.diagnostics.insert(prepared.diagnostics.end(), made.diagnostics.begin(),
                              made.diagnostics.end());
  if (made.process == nullptr) return prepared;

  const Traffic& traffic = scenario.traffic;
  const Profile& profile = *find_profile(traffic.profile);
  const bool recorded = !made.process->sorted_output_tokens().empty();
  // A recording has its own pairs of lengths: the copula is for drawn ones.
  const double tokens =
      recorded ? 0.0 : traffic.token_correlation.value_or(profile.token_correlation);
  const std::optional<Mixing> mixing =
      make_mixing({.tokens = tokens, .same_prompt = scenario.same_prompt.correlation});
  if (!mixing) {
    prepared.diagnostics.push_back({.path = "baseline.same_prompt_correlation",
                                    .message = "no world has these correlations: expected 2 x "
                                               "token_correlation^2 below 1 + "
                                               "same_prompt_correlation"});
    return prepared;
  }

  auto tables = std::make_shared<WorldTables>(WorldTables{
      .arrivals = std::move(made.process),
      .population = Population(traffic.users),
      .input_tokens = TokenTable(traffic.input_tokens.value_or(profile.input_tokens)),
      .output_tokens = TokenTable(traffic.output_tokens.value_or(profile.output_tokens)),
      .recorded = {},
      .mixing = *mixing});
  tables->recorded = RecordedLengths(tables->arrivals->sorted_output_tokens());
  prepared.scenario = std::make_shared<const PreparedScenario>(scenario, std::move(tables));
  return prepared;
}

std::shared_ptr<const PreparedScenario> healthy_twin(
    const std::shared_ptr<const PreparedScenario>& scenario) {
  return std::make_shared<const PreparedScenario>(healthy_twin(scenario->scenario()),
                                                  scenario->shared_tables());
}

const Scenario& scenario_of(const PreparedScenario& prepared) noexcept {
  return prepared.scenario();
}

}  // namespace gatewright::sim
