#include "bindings/cli/rehearsal.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "analysis/sentence.h"
#include "bindings/cli/interrupt.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "policies/compile.h"
#include "scenarios/plan_yaml.h"
#include "sim/turns.h"

namespace gatewright::cli {
namespace {

using scenarios::Document;
using scenarios::Node;

/// The document; if it cannot be read as one, `all_of` finds everything else that is wrong with it.
template <class Load>
[[nodiscard]] Document read(const std::string& path, Load all_of) {
  scenarios::ReadDocument file = scenarios::read_document(path);
  if (has_errors(file.diagnostics)) report(all_of(path).diagnostics, path, false);
  return std::move(file.document);
}

[[nodiscard]] Document read_scenario(const std::string& path) {
  return read(path, [](const std::string& file) { return scenarios::load(file); });
}

[[nodiscard]] Document read_policy(const std::string& path) {
  return read(path, [](const std::string& file) { return scenarios::load_plan(file); });
}

void remove_key(Node& map, std::string_view key) {
  for (std::size_t i = map.fields.size(); i-- > 0;) {
    if (map.fields[i].first != key) continue;
    map.fields.erase(map.fields.begin() + static_cast<std::ptrdiff_t>(i));
    if (i < map.field_marks.size())
      map.field_marks.erase(map.field_marks.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void put_key(Node& map, std::string_view key, Node value) {
  if (Node* present = map.find(key)) {
    *present = std::move(value);
    return;
  }
  map.field_marks.resize(map.fields.size(), map.mark);
  map.field_marks.push_back(value.mark);
  map.fields.emplace_back(key, std::move(value));
}

void apply(const std::string& setting, Document& document) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError(
        "--set: expected PATH=VALUE, such as policy.gates.cost.harm.rises_by=30%, got " +
        shell_quoted(setting));
  const std::string_view path = std::string_view(setting).substr(0, equals);
  const auto problem = scenarios::set(document, path, std::string_view(setting).substr(equals + 1));
  if (problem) throw UsageError(line_of(*problem));
}

/// Names that differ, so that the columns of two policies do.
[[nodiscard]] std::string free_name(const std::string& name,
                                    const std::vector<sim::Contender>& field) {
  std::string free = name;
  for (int number = 2; std::ranges::count(field, free, &sim::Contender::name) > 0; ++number)
    free = fmt::format("{} ({})", name, number);
  return free;
}

/// Probes stand in the order of gates; people know the gates.
[[nodiscard]] Diagnostics named(Diagnostics diagnostics, const sim::Contender& contender,
                                const std::string& file) {
  const auto gates = contender.engine.policy().gate_names();
  for (Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.file.empty()) diagnostic.file = file;
    for (std::size_t gate = 0; gate < gates.size(); ++gate) {
      const std::string probe = fmt::format("probes.{}.", gate);
      if (diagnostic.path.starts_with(probe))
        diagnostic.path =
            "policy.gates." + gates[gate] + "." + diagnostic.path.substr(probe.size());
    }
  }
  return diagnostics;
}

[[nodiscard]] sim::Contender contender_of(const PlanSpec& plan, const sim::Scenario& scenario,
                                          const std::string& file) {
  Compiled compiled = compile(plan);
  if (!compiled.engine) report(compiled.diagnostics, file, true);
  sim::Contender contender{
      .name = plan.name, .engine = *compiled.engine, .assignment = plan.assignment};
  report(named(sim::check_fit(contender, scenario), contender, file), file, true);
  contender.plan = std::make_shared<const PlanSpec>(plan);  // what it advises is told
  return contender;
}

void add_contender(const PlanSpec& plan, const sim::Scenario& scenario, const std::string& file,
                   std::vector<sim::Contender>& field) {
  sim::Contender contender = contender_of(plan, scenario, file);
  contender.name = free_name(plan.name, field);
  field.push_back(std::move(contender));
}

[[nodiscard]] bool claims_something_of_the_twin(const analysis::Expectations& expectations) {
  for (const analysis::ExpectationSet& set : expectations.sets)
    for (const analysis::Expectation& expectation : set.expectations)
      if (expectation.path.find("healthy_twin.") != std::string::npos) return true;
  return false;
}

template <class Record>
void append(std::vector<std::vector<Record>>& all, std::vector<std::vector<Record>> more) {
  all.resize(more.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    std::ranges::move(more[i], std::back_inserter(all[i]));
}

template <class Record>
void cut_to(std::uint64_t runs, std::vector<std::vector<Record>>& all) {
  for (auto& records : all)
    if (records.size() > runs) records.resize(runs);
}

}  // namespace

Document changed_document(const RehearsalOptions& options, const std::string& policy,
                          Expect expect) {
  Document document = read_scenario(options.scenario);
  if (expect == Expect::drop) remove_key(document.root, "expect");
  if (!policy.empty()) {
    put_key(document.root, "policy", read_policy(policy).root);
    if (Node* claims = document.root.find("expect")) remove_key(*claims, "also_under");
  }
  Diagnostics diagnostics;
  scenarios::resolve_includes(document, diagnostics);
  report(diagnostics, options.scenario, false);
  for (const std::string& setting : options.settings) apply(setting, document);
  return document;
}

bool has_twin(const sim::Scenario& scenario) {
  return !scenario.effects.empty() || scenario.candidate_price ||
         scenario.candidate_refusal_detector;
}

Rehearsal prepare(const RehearsalOptions& options, Expect expect, bool quiet) {
  std::vector<std::string> policies = options.policies;
  if (policies.empty()) policies.emplace_back();
  Rehearsal rehearsal;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    scenarios::LoadedStudy loaded = scenarios::load(changed_document(options, policies[i], expect));
    report(loaded.diagnostics, options.scenario, quiet || i > 0);
    const std::string& file = policies[i].empty() ? options.scenario : policies[i];
    add_contender(loaded.study->plan, loaded.study->scenario, file, rehearsal.field);
    if (i == 0) rehearsal.study = *std::move(loaded.study);
  }
  for (const PlanSpec& plan : rehearsal.study.other_plans)
    add_contender(plan, rehearsal.study.scenario, options.scenario, rehearsal.field);

  const sim::Scenario& scenario = rehearsal.study.scenario;
  sim::Prepared prepared = sim::prepare(scenario);
  for (Diagnostic& diagnostic : prepared.diagnostics)
    if (diagnostic.file.empty()) diagnostic.file = options.scenario;
  report(prepared.diagnostics, options.scenario, quiet);
  rehearsal.world = std::move(prepared.scenario);
  rehearsal.notes = std::move(prepared.notes);
  rehearsal.is_harmful = sim::harmful_from(scenario).has_value();
  if (rehearsal.is_harmful ||
      (has_twin(scenario) && claims_something_of_the_twin(rehearsal.study.expectations)))
    rehearsal.twin = sim::healthy_twin(rehearsal.world);
  return rehearsal;
}

void add_contender_of(const RehearsalOptions& options, Rehearsal& rehearsal) {
  const std::string policy = options.policies.empty() ? std::string() : options.policies.front();
  const scenarios::LoadedStudy loaded =
      scenarios::load(changed_document(options, policy, Expect::drop));
  report(loaded.diagnostics, options.scenario, true);
  rehearsal.field.push_back(contender_of(loaded.study->plan, rehearsal.study.scenario,
                                         policy.empty() ? options.scenario : policy));
}

std::string missing_trace(const sim::Scenario& scenario) {
  const auto* trace = std::get_if<sim::TraceArrivals>(&scenario.traffic.arrivals);
  if (trace == nullptr) return {};
  const auto path = (std::filesystem::path(scenario.directory) / trace->file).lexically_normal();
  return std::filesystem::exists(path) ? std::string() : path.string();
}

std::vector<std::string> arguments(const RehearsalOptions& options) {
  std::vector<std::string> words{options.scenario};
  for (const std::string& policy : options.policies)
    words.insert(words.end(), {"--policy", policy});
  for (const std::string& setting : options.settings) words.insert(words.end(), {"--set", setting});
  return words;
}

std::uint64_t replications(const Rehearsal& rehearsal, std::uint64_t runs) {
  return runs * (rehearsal.twin ? 2 : 1);
}

void play(const Rehearsal& rehearsal, const PlayOptions& options, Records& records) {
  const std::uint64_t first = records.runs();
  if (first >= options.runs || records.interrupted) return;
  const std::atomic<bool>& stop = watch_for_interrupt();
  const std::uint64_t played = replications(rehearsal, first);
  std::vector<const sim::PreparedScenario*> worlds{rehearsal.world.get()};
  if (rehearsal.twin) worlds.push_back(rehearsal.twin.get());
  std::vector<sim::ManyRecords> many =
      sim::run_in_turns(rehearsal.field, worlds,
                        {.seed = options.seed,
                         .first_replication = options.first_replication + first,
                         .replications = options.runs - first,
                         .threads = options.threads,
                         .progress =
                             [&](std::uint64_t done) {
                               if (options.progress) options.progress(played + done);
                             },
                         .stop = &stop,
                         .thresholds = options.thresholds});
  const auto keep = [&](sim::ManyRecords& of_world, auto& all, auto& thresholds) {
    records.interrupted = records.interrupted || of_world.interrupted;
    append(all, std::move(of_world.by_contender));
    append(thresholds, std::move(of_world.thresholds));
  };
  keep(many.front(), records.as_written, records.as_written_thresholds);
  if (!rehearsal.twin) return;
  keep(many.back(), records.healthy_twin, records.healthy_twin_thresholds);
  if (records.interrupted) {
    const std::uint64_t both =
        std::min(records.runs(), static_cast<std::uint64_t>(records.healthy_twin.front().size()));
    cut_to(both, records.as_written);
    cut_to(both, records.healthy_twin);
    cut_to(both, records.as_written_thresholds);
    cut_to(both, records.healthy_twin_thresholds);
  }
}

analysis::Sample sample_of(const Rehearsal& rehearsal, const Records& records,
                           std::size_t contender) {
  analysis::Sample sample{.as_written = {}, .healthy_twin = {}, .harmful = rehearsal.is_harmful};
  if (contender < records.as_written.size()) sample.as_written = records.as_written[contender];
  if (contender < records.healthy_twin.size())
    sample.healthy_twin = records.healthy_twin[contender];
  return sample;
}

analysis::ReportContext context_of(const Rehearsal& rehearsal, ReportOrigin origin) {
  const analysis::Style style = stdout_style();
  return {.scenario = rehearsal.study.scenario.name,
          .sentence = analysis::sentence(rehearsal.study.scenario),
          .notes = rehearsal.notes,
          .seed = origin.seed,
          .repro = std::move(origin.repro),
          .colour = style.colour,
          .unicode = style.unicode};
}

void note_interruption(const Records& records, std::uint64_t runs,
                       analysis::ReportContext& context) {
  if (records.interrupted)
    context.notes.push_back(
        fmt::format("Interrupted: {} of {} runs were finished.", records.runs(), runs));
}

std::vector<std::string> violation_repros(const RehearsalOptions& options, std::uint64_t seed,
                                          const Records& records) {
  std::vector<std::string> commands;
  const auto search = [&](const std::vector<std::vector<sim::RunRecord>>& all, bool is_twin) {
    for (std::size_t contender = 0; contender < all.size(); ++contender) {
      const auto broken = std::ranges::find_if(
          all[contender], [](const sim::RunRecord& record) { return !record.violations.empty(); });
      if (broken == all[contender].end()) continue;
      RehearsalOptions one = options;
      if (contender < options.policies.size()) one.policies = {options.policies[contender]};
      std::vector<std::string> words{"gatewright", "explain"};
      std::ranges::copy(arguments(one), std::back_inserter(words));
      words.insert(words.end(), {"--seed", std::to_string(seed), "--replication",
                                 std::to_string(broken->replication)});
      if (is_twin) words.emplace_back("--twin");
      commands.push_back(command_line(words));
    }
  };
  search(records.as_written, false);
  search(records.healthy_twin, true);
  return commands;
}

}  // namespace gatewright::cli
