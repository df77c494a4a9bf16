// Series of readings in slots, judged at each look.
// Used through the catalogue.
// Never looks back further than `lookback` readings.
#include "policies/gates/kayenta.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/kayenta_judgement.h"
#include "policies/gates/making.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

class Kayenta final : public GateTest {
 public:
  Kayenta(Statistic statistic, const KayentaSettings& settings, double from, double lookback)
      : statistic_(std::move(statistic)),
        settings_(settings),
        from_(from),
        lookback_(static_cast<std::size_t>(lookback)) {}

  std::string_view name() const noexcept override { return "kayenta"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return Form::readings; }
  Statistic statistic() const override { return statistic_; }
  std::size_t slots() const noexcept override { return kSeriesFrom + 2 * lookback_; }
  bool compares_arms() const noexcept override { return true; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto* told = std::get_if<Readings>(&observation.event);
    if (told == nullptr) return;
    const auto is_good = [](const Reading& reading) {
      return reading.status == ReadingStatus::ok && std::isfinite(reading.value);
    };
    if (!is_good(told->candidate) || !is_good(told->baseline)) return;
    // The newest reading takes the place of the oldest; a rank test does not ask for the order.
    const auto place = static_cast<std::size_t>(slots[kTaken]) % lookback_;
    slots[kSeriesFrom + place] = told->baseline.value;
    slots[kSeriesFrom + lookback_ + place] = told->candidate.value;
    slots[kTaken] += 1.0;
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    if (!(slots[kTaken] >= from_)) return {};
    const auto count = std::min(static_cast<std::size_t>(slots[kTaken]), lookback_);
    const KayentaJudgement judgement =
        judge({.control = slots.subspan(kSeriesFrom, count),
               .experiment = slots.subspan(kSeriesFrom + lookback_, count)},
              settings_);
    const bool failed =
        judgement.result == KayentaClass::high || judgement.result == KayentaClass::low;
    // An error is left out of Kayenta's score, which lets the rollout go on.
    const bool passed =
        judgement.result == KayentaClass::pass || judgement.result == KayentaClass::error;
    return {.harm = failed ? 1.0 : 0.0, .safety = passed ? 1.0 : 0.0, .enough = true};
  }

 private:
  enum Slot : std::size_t { kTaken, kSeriesFrom };

  Statistic statistic_;
  KayentaSettings settings_;
  double from_;
  std::size_t lookback_;
};

std::unique_ptr<GateTest> make_kayenta(const GateSpec& gate, Diagnostics& diagnostics) {
  using Measure = KayentaSettings::Measure;
  const std::size_t problems = diagnostics.size();
  const HarmSpec& harm = gate.harm;
  const MetricInfo* metric = find_metric(gate.metric);
  GATEWRIGHT_ASSERT(metric != nullptr);
  if (harm.kind == HarmSpec::Kind::distribution || harm.relation != Relation::ratio ||
      !(harm.margin > 0.0))
    gates::report(diagnostics, "harm",
                  "kayenta allows a ratio of the means of its readings; write, say, rises_by: 20%");
  const bool cles = gates::parameter<std::string>(gate.test, "measure", "mean_ratio") == "cles";
  const bool up = harm.direction == Direction::up;
  const double share = gates::parameter(gate.test, "allowed_cles", 0.8);
  const double allowed = !cles ? harm.margin : up ? share : 1.0 - share;
  const double from = gates::parameter(gate.test, "from", 50.0);
  const double lookback = gates::parameter(gate.test, "lookback", 360.0);
  if (!(lookback >= 2.0 && lookback <= static_cast<double>(kKayentaReadingsMax)))
    gates::report(diagnostics, "test.lookback", "expected 2 to 1440 readings");
  if (!(from >= 1.0 && from <= lookback))
    gates::report(diagnostics, "test.from", "expected at least 1 reading and at most `lookback`");
  const KayentaSettings settings{
      .direction = up ? KayentaSettings::Direction::increase : KayentaSettings::Direction::decrease,
      .tolerance = gates::parameter(gate.test, "tolerance", 0.25),
      .confidence = gates::parameter(gate.test, "confidence", 0.98),
      .measure = cles ? Measure::cles : Measure::mean_ratio,
      .allowed_increase = allowed,
      .allowed_decrease = allowed};
  if (!(settings.confidence > 0.0 && settings.confidence < 1.0))
    gates::report(diagnostics, "test.confidence", "expected a share above 0% and below 100%");
  if (diagnostics.size() > problems) return nullptr;
  Statistic statistic;
  if (harm.kind == HarmSpec::Kind::quantile) {
    statistic.kind = Statistic::Kind::quantile;
    statistic.probability = harm.probability;
  } else if (metric->kind == MetricKind::event) {
    statistic.kind = Statistic::Kind::rate;
  }
  return std::make_unique<Kayenta>(std::move(statistic), settings, from, lookback);
}

}  // namespace

GateTestInfo kayenta_info() {
  return {
      .name = "kayenta",
      .guarantee = Guarantee::none,
      .about =
          "Kayenta's judge of one metric: a rank test on the readings of each look, and an "
          "effect size",
      .source =
          "Spinnaker Kayenta, NetflixACAJudge-v1.0 and MannWhitneyClassifier; the interval of "
          "R's wilcox.test",
      .parameters =
          {
              {.name = "tolerance",
               .kind = ParameterInfo::Kind::number,
               .default_text = "0.25",
               .about = "the interval must keep this share of the estimated shift away from 0",
               .choices = {},
               .smallest = 0.0,
               .largest = 1.0},
              {.name = "confidence",
               .kind = ParameterInfo::Kind::share,
               .default_text = "98%",
               .about = "of the interval",
               .choices = {},
               .smallest = 0.01,
               .largest = 0.999999},
              {.name = "measure",
               .kind = ParameterInfo::Kind::choice,
               .default_text = "mean_ratio",
               .about = "the effect that harm's ratio allows: of the means; or cles, the share of "
                        "pairs in which the candidate is above",
               .choices = {"mean_ratio", "cles"}},
              {.name = "allowed_cles",
               .kind = ParameterInfo::Kind::share,
               .default_text = "80%",
               .about =
                   "with measure cles: the share of pairs on harm's side that is still allowed",
               .choices = {}},
              {.name = "from",
               .kind = ParameterInfo::Kind::count,
               .default_text = "50",
               .about = "readings before the first judgement",
               .choices = {},
               .smallest = 1.0,
               .largest = 1440.0},
              {.name = "lookback",
               .kind = ParameterInfo::Kind::count,
               .default_text = "360",
               .about = "the newest readings that are judged",
               .choices = {},
               .smallest = 2.0,
               .largest = 1440.0},
          },
      .make = make_kayenta,
  };
}

}  // namespace gatewright
