#include "sim/prepared.h"

#include <utility>

#include "sim/arms/price_file.h"
#include "sim/windows/law_book.h"
#include "sim/windows/number_laws.h"

namespace gatewright::sim {

PreparedScenario::PreparedScenario(Scenario scenario, std::shared_ptr<const WorldTables> tables)
    : scenario_(std::move(scenario)),
      tables_(std::move(tables)),
      effects_(scenario_.effects, scenario_.traffic.segments),
      law_book_(std::make_shared<LawBook>(scenario_)) {
  if (scenario_.serving && is_harmful(*scenario_.serving)) effects_.always_harms();
}

Prepared prepare(const Scenario& written) {
  Prepared prepared;
  prepared.diagnostics = validate(written);
  if (has_errors(prepared.diagnostics)) return prepared;

  Scenario scenario = written;
  std::vector<std::string> price_notes;
  resolve_prices(scenario, price_notes, prepared.diagnostics);
  if (has_errors(prepared.diagnostics)) return prepared;

  MadeArrivals made = make_arrivals(scenario);
  prepared.notes = std::move(made.notes);
  prepared.notes.insert(prepared.notes.end(), price_notes.begin(), price_notes.end());
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
      .population = Population(traffic.users, traffic.tenants),
      .input_tokens = TokenTable(traffic.input_tokens.value_or(profile.input_tokens)),
      .output_tokens = TokenTable(traffic.output_tokens.value_or(profile.output_tokens)),
      .recorded = {},
      .mixing = *mixing,
      .numbers = std::make_shared<NumberBook>()});
  tables->recorded = RecordedLengths(tables->arrivals->sorted_output_tokens());
  prepared.scenario = std::make_shared<const PreparedScenario>(scenario, std::move(tables));
  if (prepared.scenario->effects().depends_on_exposure())
    prepared.notes.emplace_back(
        "effects: some act by exposure, so that the world depends on the policy");
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
