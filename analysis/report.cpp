#include "analysis/report.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "analysis/layout.h"

namespace gatewright::analysis {
namespace {

/// Columns of the page: a label, a bar, then the value and its interval, which stand below each
/// other in every row, and a remark.
constexpr std::size_t kIndent = 2;
constexpr std::size_t kLabel = 18;
constexpr std::size_t kBar = 12;
constexpr std::size_t kValue = 9;
constexpr std::size_t kInterval = 18;
constexpr std::size_t kRemark = kPageWidth - kIndent - kLabel - kBar - kValue - kInterval;

class Page {
 public:
  explicit Page(const ReportContext& context)
      : style_{.colour = context.colour, .unicode = context.unicode} {}

  void blank() { text_ += '\n'; }
  void line(std::string_view text) { text_.append(text).append("\n"); }
  void paragraph(std::string_view text, std::size_t indent) {
    for (const std::string& part : wrapped(text, kPageWidth - indent))
      line(std::string(indent, ' ') + part);
  }
  void aside(std::string_view text) {
    for (const std::string& part : wrapped(text, kPageWidth)) line(style_.dim(part));
  }
  /// A heading with something at the right margin.
  void heading(std::string_view name, std::string_view aside) {
    const std::size_t room = kPageWidth - std::min(kPageWidth, width(aside) + 2);
    const std::string shown = cut(name, room, style_.unicode);
    line(style_.bold(left(shown, room)) + "  " + style_.dim(aside));
  }
  void rule() { line(style_.rule(kPageWidth)); }
  void section(std::string_view name, std::string_view interval) {
    line(style_.bold(left(name, kIndent + kLabel + kBar + kValue)) + "  " + style_.dim(interval));
  }
  /// A row without a bar; the label may run over the bar's place.
  void row(std::string_view label, const Estimate& estimate, std::string_view unit,
           std::string_view remark = {}) {
    if (estimate.runs == 0) return;
    emit(left(label, kLabel + kBar), estimate, unit, remark);
  }
  /// A row of a distribution.
  void bar_row(std::string_view label, const Estimate& estimate, std::string_view remark) {
    if (estimate.runs == 0) return;
    const std::string drawn = bar(estimate.value, kBar - 1, style_.unicode);
    emit(left(cut(label, kLabel - 1, style_.unicode), kLabel) + left(drawn, kBar), estimate, "%",
         remark);
  }
  [[nodiscard]] const Style& style() const { return style_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void emit(const std::string& head, const Estimate& estimate, std::string_view unit,
            std::string_view remark) {
    std::string text = std::string(kIndent, ' ') + head +
                       style_.bold(right(value_text(estimate, unit), kValue)) + "  " +
                       style_.dim(interval_text(estimate, unit));
    const std::size_t used =
        kInterval - 2 - std::min(kInterval - 2, width(interval_text(estimate, unit)));
    if (!remark.empty())
      text += std::string(used + 1, ' ') + cut(remark, kRemark - 1, style_.unicode);
    text.erase(text.find_last_not_of(' ') + 1);
    line(text);
  }

  Style style_;
  std::string text_;
};

/// What decided, most frequent first: as many names as fit, "+2" for the rest.
[[nodiscard]] std::string deciders(const StageHalts& stage) {
  std::string text;
  for (std::size_t i = 0; i < stage.by.size(); ++i) {
    const std::size_t rest = stage.by.size() - i;
    const std::string next = (i == 0 ? "" : ", ") + stage.by[i].first;
    const std::size_t reserved = rest > 1 ? 4 : 0;
    if (i > 0 && width(text) + width(next) + reserved > kRemark - 1)
      return fmt::format("{} +{}", text, rest);
    text += next;
  }
  return text;
}

class PolicyReport {
 public:
  PolicyReport(Page& page, const OperatingCharacteristics& found) : page_(page), found_(found) {}

  void write() {
    page_.heading(found_.policy,
                  fmt::format("{} runs", number(static_cast<double>(found_.runs), 0)));
    page_.rule();
    if (found_.harmful) harmful_part();
    healthy_part();
    findings_part();
    cost_part();
    if (found_.violations > 0) {
      page_.blank();
      page_.line(page_.style().red(
          fmt::format("  {} broken invariants: this is a defect of gatewright or of a plug-in",
                      found_.violations)));
    }
    page_.blank();
  }

 private:
  [[nodiscard]] const Estimate& column(std::string_view name) const {
    static const Estimate kNone{};
    const Estimate* estimate = found_.find(name);
    return estimate == nullptr ? kNone : *estimate;
  }
  [[nodiscard]] std::string interval() const {
    return fmt::format("{}% interval", number(100.0 * found_.confidence,
                                              found_.confidence < 0.9995 && is_whole() ? 0 : 2));
  }
  [[nodiscard]] bool is_whole() const {
    const double percents = 100.0 * found_.confidence;
    return std::abs(percents - std::round(percents)) < 1e-9;
  }

  void harmful_part() {
    page_.section("the candidate as written", interval());
    page_.row("detection probability", column("detection_probability"), "%");
    distribution("halted_at_stage.", found_.halts, "halted at ");
    page_.bar_row("completed", column("missed_rate"), "");
    page_.bar_row("unfinished", column("unfinished_rate"), "");
    const std::uint64_t halts = column("detection_delay_minutes_p50").runs;
    page_.row("detection delay, median", column("detection_delay_minutes_p50"), "min",
              halts < found_.runs ? fmt::format("of {} halts", halts) : "");
    page_.row("  95th percentile", column("detection_delay_minutes_p95"), "min");
    page_.blank();
  }

  void healthy_part() {
    const Estimate& rate = column("false_alarm_rate");
    if (rate.runs == 0) return;
    page_.section(found_.harmful ? "its healthy twin" : "the candidate, which is healthy",
                  interval());
    page_.row("false-alarm rate", rate, "%");
    distribution("false_alarm_at_stage.", found_.false_alarms, "halted at ");
    page_.bar_row("completed", column("completion_rate"), "");
    page_.row("time to complete, median", column("time_to_complete_hours_p50"), "h");
    page_.blank();
  }

  /// A bar per finding that came up, under the test's name.
  void findings_part() {
    constexpr std::string_view kPrefix = "found.";
    std::string shown;
    for (const Column& column : found_.columns) {
      if (!column.name.starts_with(kPrefix) || !(column.estimate.value > 0.0)) continue;
      const std::size_t dot = column.name.rfind('.');
      const std::string test = column.name.substr(kPrefix.size(), dot - kPrefix.size());
      std::string finding = column.name.substr(dot + 1);
      std::ranges::replace(finding, '_', ' ');
      if (test != shown) {
        if (!shown.empty()) page_.blank();
        page_.section("found by " + test, interval());
        shown = test;
      }
      page_.bar_row(finding, column.estimate, "");
    }
    if (!shown.empty()) page_.blank();
  }

  void cost_part() {
    page_.section("what a rollout costs", interval());
    if (found_.harmful) {
      page_.row("user-impact minutes, mean", column("user_impact_minutes_mean"), "");
      page_.row("  95th percentile", column("user_impact_minutes_p95"), "");
      page_.row("bad user-minutes, mean", column("bad_user_minutes_mean"), "");
      page_.row("impacted requests, mean", column("impacted_requests_mean"), "");
      page_.row("exposure minutes, mean", column("exposure_minutes_mean"), "");
      page_.row("excess cost, mean", column("excess_cost_usd_mean"), "USD");
    }
    page_.row("shadow cost, mean", column("shadow_cost_usd_mean"), "USD");
    page_.row("requests in the world, mean", column("requests_mean"), "");
  }

  /// Stages in order; those in which nothing happened are left out.
  void distribution(std::string_view prefix, const std::vector<StageHalts>& stages,
                    std::string_view label) {
    for (const StageHalts& stage : stages)
      if (stage.halts > 0)
        page_.bar_row(std::string(label) + stage.stage, column(std::string(prefix) + stage.stage),
                      deciders(stage));
  }

  Page& page_;
  const OperatingCharacteristics& found_;
};

}  // namespace

std::string text(const ReportContext& context,
                 const std::vector<OperatingCharacteristics>& results) {
  Page page(context);
  page.line(page.style().bold(cut(context.scenario, kPageWidth, context.unicode)));
  page.paragraph(context.sentence, 0);
  for (const std::string& note : context.notes) page.paragraph(note, kIndent);
  page.blank();
  std::uint64_t runs = 0;
  std::vector<std::string> fingerprints;
  for (const OperatingCharacteristics& result : results) {
    PolicyReport(page, result).write();
    runs = result.runs;
    fingerprints.push_back(fmt::format("{:016x}", result.fingerprint));
  }
  page.aside(fmt::format("fidelity {}, {} runs, seed {}, fingerprint {}", context.fidelity, runs,
                         context.seed, fmt::join(fingerprints, ", ")));
  page.line(page.style().dim("repro: " + context.repro));
  return page.take();
}

std::string claim_text(const Expectation& expectation) {
  std::string text = expectation.column;
  if (!expectation.sum_of.empty())
    text += expectation.sum_of.size() == 1 ? " " + expectation.sum_of.front()
                                           : " up to " + expectation.sum_of.back();
  if (expectation.quantile) text += fmt::format(" ({})", percent(*expectation.quantile, 0));
  const auto limit = [&](double value) {
    const std::string_view unit = expectation.unit;
    if (unit == "%") return fmt::format("{:.6g}%", 100.0 * value);
    if (unit == "USD") return fmt::format("${:.6g}", value);
    return unit.empty() ? fmt::format("{:.6g}", value) : fmt::format("{:.6g} {}", value, unit);
  };
  if (expectation.at_least) text += " at least " + limit(*expectation.at_least);
  if (expectation.at_least && expectation.at_most) text += " and";
  if (expectation.at_most) text += " at most " + limit(*expectation.at_most);
  return text;
}

std::string finding_text(const JudgedExpectation& judged) {
  if (judged.estimate.runs == 0) return "no run bears on it";
  return value_text(judged.estimate, judged.expectation.unit) + " " +
         interval_text(judged.estimate, judged.expectation.unit);
}

}  // namespace gatewright::analysis
