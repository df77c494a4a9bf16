#include "analysis/story.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/layout.h"

namespace gatewright::analysis {
namespace {

[[nodiscard]] bool is_told(const Decision& decision, bool every_look) {
  if (every_look) return true;
  return decision.cause != Cause::observation_refused && decision.cause != Cause::rollout_ended;
}

[[nodiscard]] bool continues(const StoryRow& row, const Decision& decision) {
  return row.action == Action::hold && decision.action == Action::hold &&
         row.cause == decision.cause && row.stage == static_cast<std::uint16_t>(decision.stage);
}

[[nodiscard]] std::string clock_text(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/// "0.25%", "10%".
[[nodiscard]] std::string exposure_text(std::uint16_t basis_points) {
  return fmt::format("{:g}%", basis_points / 100.0);
}

/// Share of the evidence needed, cut off rather than rounded so that only a decided gate shows 1.
[[nodiscard]] std::string evidence_text(double harm, bool decided) {
  constexpr double kMost = 99.0;
  std::string text;
  if (std::isnan(harm))
    text = "-";
  else if (harm < 1.0)
    text = fmt::format(".{}", static_cast<int>(std::max(harm, 0.0) * 10.0));
  else if (harm < 10.0)
    text = fmt::format("{:.1f}", std::floor(harm * 10.0) / 10.0);
  else
    text = harm > kMost ? ">99" : fmt::format("{:.0f}", std::floor(harm));
  return text + (decided ? "*" : " ");
}

[[nodiscard]] std::string action_text(Action action) {
  std::string text(to_string(action));
  if (action != Action::hold)
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

[[nodiscard]] std::string cause_text(const StoryRow& row) {
  return std::string(row.fault == Fault::none ? to_string(row.cause) : to_string(row.fault));
}

[[nodiscard]] std::string span_text(Duration time) {
  const double minutes = std::chrono::duration<double, std::ratio<60>>(time).count();
  return minutes < 120.0 ? fmt::format("{:.0f} min", minutes)
                         : fmt::format("{:.1f} h", minutes / 60);
}

[[nodiscard]] std::string gates_text(const Policy& policy, GateMask mask) {
  std::string names;
  for (const std::string_view name : names_by_weight(policy, mask))
    names.append(names.empty() ? "" : ", ").append(name);
  return names;
}

[[nodiscard]] std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// "candidate wins".
[[nodiscard]] std::string finding_words(Finding finding) {
  std::string words(to_string(finding));
  std::ranges::replace(words, '_', ' ');
  return words;
}

/// The table: widths follow the contents, and gate names stand on several lines in turn where one
/// line would be too wide.
class Table {
 public:
  Table(const Policy& policy, const std::vector<StoryRow>& rows, const Style& style)
      : policy_(policy), rows_(rows), style_(style) {
    for (const StoryRow& row : rows) {
      stage_ = std::max(stage_, width(policy.stages()[row.stage].name));
      cause_ = std::max(cause_, width(cause_text(row)));
      exposure_ = std::max(exposure_, width(change_text(row)));
    }
    stage_ = std::min(stage_, kStageMost);
    const auto names = policy.gate_names();
    std::size_t natural = 0;
    for (const std::string& name : names) {
      gates_.push_back(std::max(kGateLeast, width(name) + 2));
      natural += gates_.back();
    }
    const std::size_t taken = front().size() + 1 + exposure_;
    const std::size_t room = kPageWidth - std::min(kPageWidth, taken);
    if (natural <= room) return;
    const std::size_t even = std::clamp(room / names.size(), kGateLeast, kGateMost);
    gates_.assign(names.size(), even);
    for (const std::string& name : names)
      head_lines_ = std::max(head_lines_, (width(name) + even) / even);
    head_lines_ = std::min(head_lines_, names.size());
  }

  [[nodiscard]] std::string text() const {
    std::string page = heads();
    for (const StoryRow& row : rows_) page += row_text(row) + "\n";
    return page;
  }

 private:
  static constexpr std::size_t kTime = 8;
  static constexpr std::size_t kAction = 8;
  static constexpr std::size_t kStageMost = 12;
  static constexpr std::size_t kGateLeast = 5;  // " >99*"
  static constexpr std::size_t kGateMost = 12;

  [[nodiscard]] static std::string change_text(const StoryRow& row) {
    const std::string before = exposure_text(row.before.served);
    if (row.before.served == row.after.served) return before;
    return before + " -> " + exposure_text(row.after.served);
  }

  [[nodiscard]] std::string front(std::string_view time = {}, std::string_view stage = {},
                                  std::string_view action = {}, std::string_view cause = {}) const {
    return left(time, kTime) + " " + left(cut(stage, stage_, style_.unicode), stage_) + " " +
           left(action, kAction) + " " + left(cause, cause_);
  }

  /// Names end above the last digit of their column, and run over the columns to the left whose
  /// names stand on other lines.
  [[nodiscard]] std::string heads() const {
    std::vector<std::string> lines(head_lines_);
    lines.back() = front("", "stage", "decision", "cause");
    std::size_t end = width(lines.back());
    for (std::size_t gate = 0; gate < gates_.size(); ++gate) {
      end += gates_[gate];
      const std::string& name = policy_.gate_names()[gate];
      std::string& line = lines[gate % head_lines_];
      line = left(line, end - 1 - std::min(end - 1, width(name))) + name;
    }
    lines.back() = left(lines.back(), end + 1) + "exposure";
    std::string page;
    for (const std::string& line : lines) page += style_.bold(line) + "\n";
    return page;
  }

  [[nodiscard]] std::string row_text(const StoryRow& row) const {
    std::string text = front(clock_text(row.at), policy_.stages()[row.stage].name,
                             action_text(row.action), cause_text(row));
    for (std::size_t gate = 0; gate < gates_.size(); ++gate) {
      const double harm = gate < row.harm.size() ? row.harm[gate] : std::nan("");
      text += right(evidence_text(harm, (row.failing >> gate & 1U) != 0), gates_[gate]);
    }
    text += " " + change_text(row);
    switch (row.action) {
      case Action::halt:
        return style_.red(text);
      case Action::complete:
        return style_.green(text);
      case Action::advance:
        return text;
      case Action::hold:
        return style_.dim(text);
    }
    return text;
  }

  const Policy& policy_;
  const std::vector<StoryRow>& rows_;
  const Style& style_;
  std::size_t stage_ = width("stage");
  std::size_t cause_ = width("cause");
  std::size_t exposure_ = width("exposure");
  std::vector<std::size_t> gates_;  ///< columns, with the blank before and the mark behind
  std::size_t head_lines_ = 1;
};

}  // namespace

std::vector<StoryRow> story_rows(const sim::RunTrace& trace, bool every_look) {
  std::vector<StoryRow> rows;
  Exposure target = trace.initial_state.target;
  auto stage = static_cast<std::uint16_t>(trace.initial_state.stage);
  const auto& entries = trace.journal.entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Decision& decision = entries[i].decision;
    if (!is_told(decision, every_look)) continue;
    StoryRow row{.at = decision.at - trace.initial_state.started_at,
                 .stage = stage,
                 .action = decision.action,
                 .cause = decision.cause,
                 .fault = decision.fault,
                 .failing = decision.failing,
                 .before = target,
                 .after = decision.exposure,
                 .harm = i < trace.harm.size() ? trace.harm[i] : std::vector<double>()};
    target = decision.exposure;
    stage = static_cast<std::uint16_t>(decision.stage);
    if (!every_look && !rows.empty() && continues(rows.back(), decision)) {
      row.looks = rows.back().looks + 1;
      row.before = rows.back().before;
      rows.back() = std::move(row);
    } else {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string ending(const sim::Contender& contender, const sim::RunRecord& record) {
  const Policy& policy = contender.engine.policy();
  const GateMask halting = record.failing & policy.protective_gates();
  const std::string& stage = policy.stages()[record.stage].name;
  std::string text(sim::to_string(record.outcome));
  switch (record.outcome) {
    case sim::Outcome::halted:
      text += " at stage " + stage + " by " +
              (halting != 0 ? gates_text(policy, halting) : std::string(to_string(record.cause)));
      if (const auto advised = advice(contender, record); !advised.empty())
        text += " (" + joined(advised) + ")";
      if (record.first_exposure_at)
        text +=
            ", " + span_text(record.ended_at - *record.first_exposure_at) + " after first exposure";
      break;
    case sim::Outcome::completed:
      text += " after " + span_text(record.ended_at);
      break;
    case sim::Outcome::unfinished:
      text += " at stage " + stage + " after " + span_text(record.ended_at);
      break;
  }
  text += fmt::format(", {} user-impact minutes",
                      number(static_cast<double>(record.impact.user_impact_minutes), 0));
  for (std::size_t gate = 0; gate < record.findings.size(); ++gate)
    if (record.findings[gate] != Finding::none)
      text += "; " + policy.gate_names()[gate] + ": " + finding_words(record.findings[gate]);
  return text;
}

std::vector<std::string> advice(const sim::Contender& contender, const sim::RunRecord& record) {
  if (contender.plan == nullptr || record.outcome != sim::Outcome::halted) return {};
  const std::vector<GateSpec>& gates = contender.plan->gates;
  const bool has_any =
      std::ranges::any_of(gates, [](const GateSpec& gate) { return !gate.advice.empty(); });
  if (!has_any) return {};
  if (record.cause == Cause::stage_timeout)
    return record.waited_for == Cause::awaiting_samples ||
                   record.waited_for == Cause::awaiting_evidence
               ? std::vector<std::string>{"insufficient data"}
               : std::vector<std::string>{};
  std::vector<std::string> advised;
  for (std::size_t gate = 0; gate < gates.size(); ++gate)
    if ((record.failing >> gate & 1U) != 0 && !gates[gate].advice.empty() &&
        std::ranges::find(advised, gates[gate].advice) == advised.end())
      advised.push_back(gates[gate].advice);
  return advised;
}

std::string story(const sim::Contender& contender, const sim::RunTrace& trace,
                  const sim::RunRecord& record, const StoryOptions& options) {
  const Style style{.colour = options.colour, .unicode = options.unicode};
  const std::vector<StoryRow> rows = story_rows(trace, options.every_look);
  std::string page = Table(contender.engine.policy(), rows, style).text();
  for (const std::string& line : wrapped(ending(contender, record), kPageWidth))
    page += style.bold(line) + "\n";
  if (record.faults > 0)
    page += style.dim(fmt::format("{} observation{} refused", record.faults,
                                  record.faults == 1 ? "" : "s")) +
            "\n";
  for (const sim::Violation& violation : record.violations)
    page += style.red(fmt::format("broken invariant {} at step {}: {}", violation.invariant,
                                  violation.step, violation.message)) +
            "\n";
  page += style.dim(fmt::format("fingerprint {:016x}", record.fingerprint)) + "\n";
  return page + style.dim("repro: " + options.repro) + "\n";
}

std::string story_json(const sim::Contender& contender, const sim::RunTrace& trace,
                       const sim::RunRecord& record, const StoryOptions& options) {
  using Json = nlohmann::ordered_json;
  const Policy& policy = contender.engine.policy();
  const auto names_of = [&](GateMask mask) {
    Json names = Json::array();
    for (const std::string_view name : names_by_weight(policy, mask)) names.push_back(name);
    return names;
  };
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  Json rows = Json::array();
  for (const StoryRow& row : story_rows(trace, options.every_look)) {
    Json harm = Json::object();
    for (std::size_t gate = 0; gate < row.harm.size() && gate < policy.gate_names().size(); ++gate)
      harm[policy.gate_names()[gate]] =
          std::isfinite(row.harm[gate]) ? Json(row.harm[gate]) : Json(nullptr);
    rows.push_back({{"at_seconds", seconds(row.at)},
                    {"stage", policy.stages()[row.stage].name},
                    {"action", to_string(row.action)},
                    {"cause", to_string(row.cause)},
                    {"fault", to_string(row.fault)},
                    {"failing", names_of(row.failing)},
                    {"exposure_before", row.before.served / 10'000.0},
                    {"exposure_after", row.after.served / 10'000.0},
                    {"looks", row.looks},
                    {"harm", std::move(harm)}});
  }
  Json violations = Json::array();
  for (const sim::Violation& violation : record.violations)
    violations.push_back({{"invariant", violation.invariant},
                          {"step", violation.step},
                          {"message", violation.message}});
  const sim::Impact& impact = record.impact;
  Json whole = {
      {"policy", contender.name},
      {"replication", record.replication},
      {"outcome", sim::to_string(record.outcome)},
      {"cause", to_string(record.cause)},
      {"stage", policy.stages()[record.stage].name},
      {"failing", names_of(record.failing)},
      {"ending", ending(contender, record)},
      {"ended_at_seconds", seconds(record.ended_at)},
      {"exposure_minutes", impact.exposure_minutes},
      {"user_impact_minutes", impact.user_impact_minutes},
      {"bad_user_minutes", impact.bad_user_minutes},
      {"impacted_requests", impact.impacted_requests},
      {"excess_cost_usd", impact.excess_cost_usd},
      {"shadow_cost_usd", impact.shadow_cost_usd},
      {"requests", record.requests},
      {"candidate_requests", record.candidate_requests},
      {"observations_refused", record.faults},
      {"violations", std::move(violations)},
      {"fingerprint", fmt::format("{:016x}", record.fingerprint)},
      {"rows", std::move(rows)},
      {"repro", options.repro},
  };
  if (const auto advised = advice(contender, record); !advised.empty()) whole["advice"] = advised;
  for (std::size_t gate = 0; gate < record.findings.size(); ++gate)
    if (record.findings[gate] != Finding::none)
      whole["findings"][policy.gate_names()[gate]] = to_string(record.findings[gate]);
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gatewright::analysis
