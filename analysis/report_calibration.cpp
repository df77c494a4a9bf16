#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/calibration.h"
#include "analysis/csv.h"
#include "analysis/estimate_json.h"
#include "analysis/layout.h"

namespace gatewright::analysis {
namespace {

using Json = nlohmann::ordered_json;

/// Columns of the page: the threshold, two shares with bars, a remark.
constexpr std::size_t kThreshold = 15;
constexpr std::size_t kBar = 7;
constexpr std::size_t kValue = 7;
constexpr std::size_t kInterval = 14;

[[nodiscard]] std::string threshold_text(const CalibratedGate& gate, double threshold) {
  std::string text = fmt::format("{:.4g}{}", threshold, gate.unit);
  if (gate.alpha) {
    const double budget = 100.0 * std::pow(*gate.alpha, threshold);
    text += budget >= 0.001 ? fmt::format(" ({:.2g}%)", budget) : " (<0.001%)";
  }
  return text;
}

/// Points at which the curve says something: where either rate falls below a round share.
[[nodiscard]] std::vector<std::size_t> telling_points(const std::vector<CurvePoint>& curve) {
  std::vector<std::size_t> places;
  if (curve.empty()) return places;
  const auto first_at = [&](double share, Estimate CurvePoint::*rate) {
    const auto found = std::ranges::find_if(curve, [&](const CurvePoint& point) {
      return (point.*rate).runs > 0 && (point.*rate).value <= share;
    });
    if (found != curve.end()) places.push_back(static_cast<std::size_t>(found - curve.begin()));
  };
  places.push_back(0);
  for (const double share : {0.75, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.0})
    first_at(share, &CurvePoint::false_alarm_alone);
  for (const double share : {0.95, 0.75, 0.5, 0.25}) first_at(share, &CurvePoint::detection_alone);
  std::ranges::sort(places);
  const auto repeated = std::ranges::unique(places);
  places.erase(repeated.begin(), repeated.end());
  return places;
}

class CalibrationPage {
 public:
  CalibrationPage(const ReportContext& context, const Calibration& calibration)
      : context_(context),
        calibration_(calibration),
        style_{.colour = context.colour, .unicode = context.unicode} {}

  [[nodiscard]] std::string take() {
    line(style_.bold(cut(context_.scenario, kPageWidth, context_.unicode)));
    paragraph(context_.sentence, 0);
    for (const std::string& note : context_.notes) paragraph(note, 2);
    for (const CalibratedGate& gate : calibration_.gates) write(gate);
    line("");
    paragraph(
        fmt::format("Each curve comes from one recording of {} runs per world with every gate "
                    "watching; playing the plan again with any of these thresholds would halt the "
                    "same runs at the same moments. Alone: as if no other gate could halt.",
                    number(static_cast<double>(calibration_.runs), 0)),
        0);
    line("");
    line(style_.dim("repro: " + context_.repro));
    return std::move(text_);
  }

 private:
  void line(const std::string& text) {
    text_ += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  void paragraph(std::string_view text, std::size_t indent) {
    for (const std::string& part : wrapped(text, kPageWidth - indent))
      line(std::string(indent, ' ') + part);
  }

  [[nodiscard]] std::string cell(const Estimate& estimate, bool with_bar) const {
    if (estimate.runs == 0) return std::string(kBar + kValue + kInterval, ' ');
    return left(with_bar ? bar(estimate.value, kBar - 1, style_.unicode) : "", kBar) +
           right(value_text(estimate, "%"), kValue - 1) + " " +
           style_.dim(left(interval_text(estimate, "%"), kInterval));
  }

  void row(const std::string& label, const Estimate& false_alarm, const Estimate& detection,
           const std::string& remark) {
    line("  " + left(label, kThreshold) + cell(false_alarm, true) + cell(detection, true) + remark);
  }

  void write(const CalibratedGate& gate) {
    line("");
    const std::string aside = gate.test + ", guarantee " + gate.guarantee;
    line(style_.bold(left("gate " + gate.gate, kPageWidth - width(aside))) + style_.dim(aside));
    line(style_.rule(kPageWidth));
    explain(gate);
    table(gate, Among::alone);
    table(gate, Among::plan);
    budget_lines(gate);
  }

  void explain(const CalibratedGate& gate) {
    if (gate.kind == sim::ThresholdKind::margin) {
      paragraph("The threshold is the margin, as in the plan.", 2);
    } else if (gate.alpha) {
      paragraph(fmt::format("Threshold 1 is the plan's: a false-alarm share of {0:.3g}%. Threshold "
                            "t stands for the share {0:.3g}%^t, in brackets.",
                            100.0 * *gate.alpha),
                2);
      if (gate.is_tuned_by_budget)
        paragraph(
            "The test is tuned to its share: t is a promise of that share with the tuning of the "
            "plan, not the plan with another budget.",
            2);
    } else {
      paragraph("The threshold is the share of the evidence needed; 1 is the plan's.", 2);
    }
  }

  void table(const CalibratedGate& gate, Among among) {
    const bool alone = among == Among::alone;
    line(style_.bold("  " + left(alone ? "alone" : "in the plan", kThreshold) +
                     left("false alarms", kBar + kValue + kInterval) +
                     (calibration_.is_harmful ? "detection" : "")));
    std::vector<std::size_t> places = telling_points(gate.curve);
    const auto& crossed = alone ? gate.crossing_alone : gate.crossing_plan;
    if (crossed) places.push_back(*crossed);
    const auto chosen = std::ranges::find_if(gate.curve, [&](const CurvePoint& point) {
      return gate.choice && point.threshold == gate.choice->as_chosen.threshold;
    });
    if (alone && chosen != gate.curve.end())
      places.push_back(static_cast<std::size_t>(chosen - gate.curve.begin()));
    std::ranges::sort(places);
    const auto repeated = std::ranges::unique(places);
    places.erase(repeated.begin(), repeated.end());
    const auto tell = [&](const CurvePoint& point, const std::string& remark) {
      row(threshold_text(gate, point.threshold),
          alone ? point.false_alarm_alone : point.false_alarm,
          alone ? point.detection_alone : point.detection, remark);
    };
    const bool is_rising =
        gate.curve.size() < 2 || gate.curve.front().threshold <= gate.curve.back().threshold;
    bool is_planned_told = false;
    for (const std::size_t place : places) {
      const CurvePoint& point = gate.curve[place];
      const bool is_past = is_rising ? point.threshold >= gate.planned.threshold
                                     : point.threshold <= gate.planned.threshold;
      if (!is_planned_told && is_past) {
        tell(gate.planned, "planned");
        is_planned_told = true;
        if (point.threshold == gate.planned.threshold) continue;
      }
      tell(point, alone && gate.choice && &point == &*chosen ? "choice"
                  : crossed == place                         ? "crossing"
                                                             : "");
    }
    if (!is_planned_told) tell(gate.planned, "planned");
  }

  void budget_lines(const CalibratedGate& gate) {
    const auto where = [&](const std::optional<std::size_t>& place) {
      if (!place) return std::string("crossed nowhere on this curve");
      return *place == 0 ? std::string("kept everywhere on this curve")
                         : "crossed at " + threshold_text(gate, gate.curve[*place].threshold);
    };
    paragraph(fmt::format("The gate's budget, {:.3g}%, is {}; the plan's, {:.3g}%, is {}.",
                          100.0 * gate.budget, where(gate.crossing_alone),
                          100.0 * calibration_.plan_budget, where(gate.crossing_plan)),
              2);
    if (!gate.choice) {
      const double tail = (1.0 - calibration_.confidence) / 2.0;
      paragraph(fmt::format("No choice: {} runs cannot show a rate within {:.3g}%. It takes at "
                            "least {} runs without an alarm.",
                            number(static_cast<double>(calibration_.runs), 0), 100.0 * gate.budget,
                            number(std::ceil(std::log(tail) / std::log1p(-gate.budget)), 0)),
                2);
      return;
    }
    const Choice& choice = *gate.choice;
    std::string text =
        fmt::format("Choice: {}, the tightest whose interval lies within the gate's budget.",
                    threshold_text(gate, choice.as_chosen.threshold));
    if (choice.on_fresh_runs) {
      const Estimate& alarms = choice.on_fresh_runs->false_alarm_alone;
      const Estimate& detection = choice.on_fresh_runs->detection_alone;
      text += fmt::format(
          " It was chosen for looking well on these runs; on {} fresh ones its "
          "false-alarm rate is {} {}",
          number(static_cast<double>(alarms.runs), 0), value_text(alarms, "%"),
          interval_text(alarms, "%"));
      if (detection.runs > 0)
        text += fmt::format(", its detection probability {} {}", value_text(detection, "%"),
                            interval_text(detection, "%"));
      text += ".";
    }
    if (gate.alpha && choice.as_chosen.threshold < 1.0)
      text += " Below 1 the test promises more alarms than its share: only the runs speak for it.";
    paragraph(text, 2);
  }

  const ReportContext& context_;
  const Calibration& calibration_;
  Style style_;
  std::string text_;
};

[[nodiscard]] Json object_of(const CurvePoint& point) {
  return {{"threshold", point.threshold},
          {"alone",
           {{"false_alarm_rate", json_of(point.false_alarm_alone)},
            {"detection_probability", json_of(point.detection_alone)}}},
          {"in_plan",
           {{"false_alarm_rate", json_of(point.false_alarm)},
            {"detection_probability", json_of(point.detection)},
            {"detection_delay_minutes_p50", json_of(point.detection_delay_minutes_p50)}}}};
}

}  // namespace

std::string text(const ReportContext& context, const Calibration& calibration) {
  return CalibrationPage(context, calibration).take();
}

std::string json(const ReportContext& context, const Calibration& calibration) {
  Json gates = Json::array();
  for (const CalibratedGate& gate : calibration.gates) {
    const auto threshold_at = [&](const std::optional<std::size_t>& place) {
      return place ? Json(gate.curve[*place].threshold) : Json(nullptr);
    };
    Json curve = Json::array();
    for (const CurvePoint& point : gate.curve) curve.push_back(object_of(point));
    Json choice = nullptr;
    if (gate.choice) {
      choice = {{"as_chosen", object_of(gate.choice->as_chosen)}, {"on_fresh_runs", nullptr}};
      if (gate.choice->on_fresh_runs)
        choice["on_fresh_runs"] = object_of(*gate.choice->on_fresh_runs);
    }
    gates.push_back(
        {{"gate", gate.gate},
         {"test", gate.test},
         {"guarantee", gate.guarantee},
         {"threshold_is", gate.kind == sim::ThresholdKind::margin ? "margin" : "evidence"},
         {"budget", gate.budget},
         {"alpha", gate.alpha ? Json(*gate.alpha) : Json(nullptr)},
         {"tuned_by_budget", gate.is_tuned_by_budget},
         {"planned", object_of(gate.planned)},
         {"crossing_alone", threshold_at(gate.crossing_alone)},
         {"crossing_in_plan", threshold_at(gate.crossing_plan)},
         {"choice", std::move(choice)},
         {"curve", std::move(curve)}});
  }
  const Json whole = {{"scenario", context.scenario},
                      {"sentence", context.sentence},
                      {"notes", context.notes},
                      {"fidelity", context.fidelity},
                      {"seed", context.seed},
                      {"runs", calibration.runs},
                      {"confidence", calibration.confidence},
                      {"false_alarm_budget", calibration.plan_budget},
                      {"gates", std::move(gates)},
                      {"repro", context.repro}};
  return json_text(whole);
}

std::string csv(const Calibration& calibration) {
  std::string table = "gate,threshold,runs,confidence";
  for (const char* name :
       {"false_alarm_rate_alone", "detection_probability_alone", "false_alarm_rate",
        "detection_probability", "detection_delay_minutes_p50"})
    table += fmt::format(",{0},{0}_lower,{0}_upper", name);
  table += "\r\n";
  for (const CalibratedGate& gate : calibration.gates)
    for (const CurvePoint& point : gate.curve)
      table += fmt::format(
          "{},{},{},{}{}{}{}{}{}\r\n", csv_field(gate.gate), point.threshold, calibration.runs,
          calibration.confidence, csv_estimate(&point.false_alarm_alone),
          csv_estimate(&point.detection_alone), csv_estimate(&point.false_alarm),
          csv_estimate(&point.detection), csv_estimate(&point.detection_delay_minutes_p50));
  return table;
}

}  // namespace gatewright::analysis
