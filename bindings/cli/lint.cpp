// gatewright lint: compiles scenario and policy files, reports every problem, prints the budget and
// what each gate could see.
#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/review.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"
#include "policies/compile.h"
#include "scenarios/load.h"
#include "scenarios/places.h"
#include "scenarios/plan_table.h"
#include "scenarios/plan_yaml.h"

namespace gatewright::cli {
namespace {

using Json = nlohmann::ordered_json;

struct LintOptions {
  std::vector<std::string> files;
  std::string format = "text";
  bool effective = false;
};

/// What a file turned out to be.
struct Linted {
  std::string file;
  Diagnostics diagnostics;
  std::vector<PlanSpec> plans;  ///< empty where the file has errors
  std::string effective;
  std::vector<analysis::Review> reviews{};  ///< one per plan
  bool is_scenario = false;
  bool is_harmful = false;  ///< the candidate, so that a rollback can be rehearsed
};

void append(Diagnostics& all, Diagnostics more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Reviews the file's plans; `root_of` names the node of the file at which the plan of an index
/// stands.
template <class RootOf>
void review_plans(Linted& linted, const scenarios::Document& document, const sim::Scenario* world,
                  RootOf root_of) {
  for (std::size_t i = 0; i < linted.plans.size(); ++i) {
    analysis::Review review = analysis::review(linted.plans[i], world);
    const std::string path = root_of(i);
    const scenarios::Node* node = path.empty() ? &document.root : get(document, path);
    scenarios::put_in_place(review.of_plan, node != nullptr ? *node : document.root, path);
    append(linted.diagnostics, std::move(review.of_plan));
    if (i == 0) {
      scenarios::put_in_place(review.of_world, document.root, {});
      append(linted.diagnostics, std::move(review.of_world));
    }
    linted.reviews.push_back(std::move(review));
  }
  scenarios::sort_by_place(linted.diagnostics, document.file);
}

/// A policy file says how to climb, a scenario file what happens meanwhile.
[[nodiscard]] bool is_policy_file(const scenarios::Document& document) {
  const auto has = [&](const char* key) { return document.root.find(key) != nullptr; };
  const bool has_world = has("traffic") || has("baseline") || has("candidate") || has("horizon");
  return !has_world && (has("stages") || has("gates"));
}

[[nodiscard]] Linted lint_policy(const std::string& file, const scenarios::Document& document) {
  scenarios::LoadedPlan loaded = scenarios::load_plan(file);
  Linted linted{
      .file = file, .diagnostics = std::move(loaded.diagnostics), .plans = {}, .effective = {}};
  if (!loaded.plan) return linted;
  linted.effective =
      scenarios::write(scenarios::plan_shape(true)->write(scenarios::with_defaults(*loaded.plan)));
  linted.plans.push_back(*std::move(loaded.plan));
  review_plans(linted, document, nullptr, [](std::size_t) { return std::string(); });
  return linted;
}

[[nodiscard]] Linted lint_scenario(const std::string& file, scenarios::Document document) {
  scenarios::LoadedStudy loaded = scenarios::load(file);
  Linted linted{
      .file = file, .diagnostics = std::move(loaded.diagnostics), .plans = {}, .effective = {}};
  if (!loaded.study) return linted;
  linted.effective = scenarios::effective(*loaded.study);
  linted.plans.push_back(std::move(loaded.study->plan));
  for (PlanSpec& plan : loaded.study->other_plans) linted.plans.push_back(std::move(plan));
  linted.is_scenario = true;
  linted.is_harmful = sim::harmful_from(loaded.study->scenario).has_value();
  Diagnostics known;  // load() has reported them
  scenarios::resolve_includes(document, known);
  review_plans(linted, document, &loaded.study->scenario, [&](std::size_t i) {
    return i == 0 ? std::string("policy") : "expect.also_under." + linted.plans[i].name + ".policy";
  });
  return linted;
}

/// Says of each scenario without harm which of its policies no other file lets roll anything back.
void note_unrehearsed_rollbacks(std::vector<Linted>& all) {
  std::set<std::string> rehearsed;
  for (const Linted& linted : all)
    if (linted.is_harmful)
      for (const PlanSpec& plan : linted.plans) rehearsed.insert(plan.name);
  for (Linted& linted : all)
    for (const PlanSpec& plan : linted.plans)
      if (linted.is_scenario && rehearsed.insert(plan.name).second)
        linted.diagnostics.push_back(
            {.severity = Severity::note,
             .path = "candidate",
             .message = "the rollback of " + plan.name +
                        " is never rehearsed: no file given has a harmful candidate under it",
             .file = linted.file});
}

[[nodiscard]] Linted lint_file(const std::string& file) {
  scenarios::ReadDocument read = scenarios::read_document(file);
  if (read.document.root.kind == scenarios::Node::Kind::null)
    return {.file = file, .diagnostics = std::move(read.diagnostics), .plans = {}, .effective = {}};
  return is_policy_file(read.document) ? lint_policy(file, read.document)
                                       : lint_scenario(file, std::move(read.document));
}

/// "1.67%"; gates without a guarantee spend nothing.
[[nodiscard]] std::string spent_text(const BudgetRow& row) {
  if (row.false_alarm <= 0.0) return "-";
  const std::string share = fmt::format("{:.3g}%", 100.0 * row.false_alarm);
  return row.spent_over > 1 ? fmt::format("{} over {} stages", share, row.spent_over) : share;
}

[[nodiscard]] std::string budget_table(const PlanSpec& plan, const analysis::Style& style) {
  using analysis::left;
  using analysis::right;
  const std::vector<BudgetRow> rows = budget_split(plan);
  std::string table = style.bold(plan.name) + ": " +
                      (plan.false_alarm_budget ? fmt::format("{:.4g}% false-alarm budget",
                                                             100.0 * *plan.false_alarm_budget)
                                               : std::string("no false-alarm budget")) +
                      fmt::format(", {} stages\n", plan.stages.size());
  if (rows.empty()) return table;
  const std::array<std::string, 4> heads{"gate", "test", "guarantee", "stages"};
  std::array<std::size_t, 4> widths{};
  const auto cells = [](const BudgetRow& row) {
    return std::array<std::string, 4>{row.gate, row.test, row.guarantee,
                                      std::to_string(row.stages)};
  };
  for (std::size_t i = 0; i < widths.size(); ++i) {
    widths[i] = analysis::width(heads[i]);
    for (const BudgetRow& row : rows)
      widths[i] = std::max(widths[i], analysis::width(cells(row)[i]));
  }
  const auto line = [&](const std::array<std::string, 4>& cell, const std::string& last) {
    return fmt::format("  {}  {}  {}  {}  {}\n", left(cell[0], widths[0]), left(cell[1], widths[1]),
                       left(cell[2], widths[2]), right(cell[3], widths[3]), last);
  };
  table += style.dim(line(heads, "budget"));
  for (const BudgetRow& row : rows) table += line(cells(row), spent_text(row));
  for (const StageSpec& stage : plan.stages)
    if (stage.false_alarm_budget)
      table += fmt::format("  of it at most {:.4g}% in stage {}\n",
                           100.0 * *stage.false_alarm_budget, stage.name);
  if (plan.spending == Spending::holm)
    table += "  at a halt, Holm's step-down names what else failed\n";
  return table;
}

/// What each gate sees, and what it does not.
[[nodiscard]] std::string sights(const PlanSpec& plan, const analysis::Review& review,
                                 const analysis::Style& style) {
  if (review.gates.empty()) return {};
  std::string text = style.dim(fmt::format(
      "smallest change shown by a stage's end with {:.0f}% power (thresholds: by one look)\n",
      100.0 * analysis::kPower));
  text += analysis::sight_table(plan, review);
  for (const analysis::GateSight& gate : review.gates)
    if (!gate.sentence.empty())
      for (const std::string& line : analysis::wrapped(gate.gate + ": " + gate.sentence, 78))
        text += "  " + line + "\n";
  return text;
}

void write_text(const Linted& linted) {
  const analysis::Style style = stdout_style();
  std::string page;
  for (const Diagnostic& diagnostic : linted.diagnostics) page += line_of(diagnostic) + "\n";
  for (std::size_t i = 0; i < linted.plans.size(); ++i)
    page +=
        budget_table(linted.plans[i], style) + sights(linted.plans[i], linted.reviews[i], style);
  print(page + summary(linted.diagnostics, linted.file) + "\n");
}

/// What a gate sees, in the terms of its margin: ratio, difference or level.
[[nodiscard]] Json object_of(const analysis::GateSight& gate, const PlanSpec& plan) {
  const auto or_null = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
  };
  Json stages = Json::array();
  for (std::size_t i = 0; i < gate.stages.size(); ++i)
    if (const auto& sight = gate.stages[i])
      stages.push_back({{"stage", plan.stages[i].name},
                        {"baseline_requests", sight->requests.baseline},
                        {"candidate_requests", sight->requests.candidate},
                        {"smallest_change", or_null(sight->smallest)}});
  return {{"edge", gate.edge.margin},
          {"power", analysis::kPower},
          {"by", gate.one_look ? "one_look" : "end_of_stage"},
          {"false_alarms_per_look", or_null(gate.false_alarms_per_look)},
          {"stages", std::move(stages)},
          {"cannot_see", gate.sentence}};
}

[[nodiscard]] Json object_of(const Linted& linted) {
  Json problems = Json::array();
  for (const Diagnostic& diagnostic : linted.diagnostics)
    problems.push_back({{"severity", to_string(diagnostic.severity)},
                        {"path", diagnostic.path},
                        {"message", diagnostic.message},
                        {"file", diagnostic.file},
                        {"line", diagnostic.line},
                        {"column", diagnostic.column}});
  Json plans = Json::array();
  for (std::size_t i = 0; i < linted.plans.size(); ++i) {
    const PlanSpec& plan = linted.plans[i];
    Json gates = Json::array();
    for (const BudgetRow& row : budget_split(plan)) {
      const auto& sights = linted.reviews[i].gates;
      const auto sight = std::ranges::find(sights, row.gate, &analysis::GateSight::gate);
      gates.push_back({{"gate", row.gate},
                       {"test", row.test},
                       {"guarantee", row.guarantee},
                       {"false_alarm", row.false_alarm},
                       {"stages", row.stages},
                       {"spent_over", row.spent_over},
                       {"sees", sight == sights.end() ? Json(nullptr) : object_of(*sight, plan)}});
    }
    plans.push_back({{"policy", plan.name},
                     {"false_alarm_budget",
                      plan.false_alarm_budget ? Json(*plan.false_alarm_budget) : Json(nullptr)},
                     {"gates", std::move(gates)}});
  }
  return {{"file", linted.file}, {"problems", std::move(problems)}, {"plans", std::move(plans)}};
}

/// The section of a file that the problem is in: "gatewright.traffic".
[[nodiscard]] std::string rule_of(const Diagnostic& diagnostic) {
  const std::string section = diagnostic.path.substr(0, diagnostic.path.find('.'));
  return "gatewright." + (section.empty() ? "file" : section);
}

[[nodiscard]] Json sarif(const std::vector<Linted>& all) {
  Json results = Json::array();
  std::set<std::string> rules;
  for (const Linted& linted : all)
    for (const Diagnostic& diagnostic : linted.diagnostics) {
      Json physical = {
          {"artifactLocation", {{"uri", diagnostic.file.empty() ? linted.file : diagnostic.file}}}};
      if (diagnostic.line > 0) {
        physical["region"] = {{"startLine", diagnostic.line}};
        if (diagnostic.column > 0) physical["region"]["startColumn"] = diagnostic.column;
      }
      rules.insert(rule_of(diagnostic));
      Json location = {{"physicalLocation", std::move(physical)}};
      if (!diagnostic.path.empty())
        location["logicalLocations"] = Json::array({{{"fullyQualifiedName", diagnostic.path}}});
      results.push_back({{"ruleId", rule_of(diagnostic)},
                         {"level", to_string(diagnostic.severity)},
                         {"message", {{"text", diagnostic.message}}},
                         {"locations", Json::array({std::move(location)})}});
    }
  Json rule_list = Json::array();
  for (const std::string& rule : rules) rule_list.push_back({{"id", rule}});
  return {{"version", "2.1.0"},
          {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"runs", Json::array({{{"tool",
                                  {{"driver",
                                    {{"name", "gatewright"},
                                     {"version", GATEWRIGHT_VERSION},
                                     {"rules", std::move(rule_list)}}}}},
                                 {"results", std::move(results)}}})}};
}

void write_effective(const std::vector<Linted>& all) {
  for (const Linted& linted : all) {
    for (const Diagnostic& diagnostic : linted.diagnostics)
      if (diagnostic.severity == Severity::error) say(line_of(diagnostic));
    if (all.size() > 1 && !linted.effective.empty()) print("---\n");
    print(linted.effective);
  }
}

void write(const std::vector<Linted>& all, const std::string& format) {
  if (format == "json") {
    Json files = Json::array();
    for (const Linted& linted : all) files.push_back(object_of(linted));
    const Json whole = {{"files", std::move(files)}};
    print(whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else if (format == "sarif") {
    print(sarif(all).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else if (format == "github") {
    for (const Linted& linted : all)
      for (const Diagnostic& diagnostic : linted.diagnostics)
        print(github_annotation(diagnostic, "gatewright lint") + "\n");
  } else {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i > 0) print("\n");
      write_text(all[i]);
    }
  }
}

[[nodiscard]] int lint(const LintOptions& options) {
  std::vector<Linted> all;
  for (const std::string& file : options.files) all.push_back(lint_file(file));
  note_unrehearsed_rollbacks(all);
  if (options.effective)
    write_effective(all);
  else
    write(all, options.format);
  const bool is_wrong =
      std::ranges::any_of(all, [](const Linted& linted) { return has_errors(linted.diagnostics); });
  return is_wrong ? kBadInput : kAsExpected;
}

}  // namespace

void add_lint(CLI::App& app, int& status) {
  CLI::App& verb = *app.add_subcommand(
      "lint", "Compile scenario and policy files; report every problem and the budget");
  const auto options = std::make_shared<LintOptions>();
  verb.add_option("FILE", options->files, "Scenario or policy files")->required();
  auto* effective = verb.add_flag("--effective", options->effective,
                                  "Print the files with every default written out instead");
  verb.add_option("--format", options->format, "text (the default), json, sarif or github")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json", "sarif", "github"}))
      ->excludes(effective);
  verb.callback([options, &status] { status = lint(*options); });
}

}  // namespace gatewright::cli
