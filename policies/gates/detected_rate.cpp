// The correction of Rogan and Gladen, moved into the edge of harm.
// Used through the catalogue.
// Never divides evidence by an index: the bets see what was reported.
#include "policies/gates/detected_rate.h"

#include <string>

#include "policies/gates/making.h"
#include "policies/gates/two_sample_rate.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

std::unique_ptr<GateTest> make_detected_rate(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(diagnostics, "test",
                  "detected_rate corrects rates of events, and " + gate.metric +
                      " is a number per request; use normal_mixture");
  const Detector of_baseline{.sensitivity = gates::parameter(gate.test, "sensitivity", 1.0),
                             .specificity = gates::parameter(gate.test, "specificity", 1.0)};
  const Detector of_candidate{
      .sensitivity = gates::parameter(gate.test, "candidate_sensitivity", of_baseline.sensitivity),
      .specificity = gates::parameter(gate.test, "candidate_specificity", of_baseline.specificity)};
  for (const auto& [detector, place] :
       {std::pair{of_baseline, "test.specificity"}, {of_candidate, "test.candidate_specificity"}})
    if (!(detector.index() > 0.0))
      gates::report(diagnostics, place,
                    "a detector must report more of the events than of the rest: expected "
                    "sensitivity + specificity above 100%");
  if (gate.harm.relation == Relation::difference &&
      !(gate.harm.margin > -1.0 && gate.harm.margin < 1.0))
    gates::report(diagnostics, "harm", "expected a difference of rates above -100% and below 100%");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<RateBetTest>(
      reported_edge(linear_edge(gate.harm), of_baseline, of_candidate),
      RateBetTest::Settings{.name = "detected_rate",
                            .tightest_at = gates::parameter(gate.test, "tightest_at", 1000.0),
                            .min_samples = gate.min_samples});
}

ParameterInfo share_of_detector(std::string_view name, std::string_view default_text,
                                std::string_view about) {
  return {.name = name,
          .kind = ParameterInfo::Kind::share,
          .default_text = default_text,
          .about = about,
          .choices = {},
          .smallest = 0.0,
          .largest = 1.0};
}

}  // namespace

gates::LinearEdge reported_edge(const gates::LinearEdge& true_edge, const Detector& of_baseline,
                                const Detector& of_candidate) noexcept {
  // p_c = factor p_b + shift of true rates; each reported rate is index x true rate + false alarms.
  const double factor = true_edge.factor * of_candidate.index() / of_baseline.index();
  return {.factor = factor,
          .shift = of_candidate.reported(true_edge.shift) - factor * of_baseline.reported(0.0),
          .harm = true_edge.harm};
}

GateTestInfo detected_rate_info() {
  return {
      .name = "detected_rate",
      .guarantee = Guarantee::anytime,
      .about =
          "true rates behind a detector's reports, corrected for its errors in each arm; valid "
          "at every look, for the errors stated",
      .source =
          "Rogan, Gladen, American Journal of Epidemiology 107 (1978) 71; bets as in "
          "two_sample_rate",
      .parameters =
          {
              share_of_detector("sensitivity", "100%", "share of true events that is reported"),
              share_of_detector("specificity", "100%", "share of non-events that is not reported"),
              share_of_detector("candidate_sensitivity", "100%",
                                "the same on the candidate's answers; default: as sensitivity"),
              share_of_detector("candidate_specificity", "100%",
                                "the same on the candidate's answers; default: as specificity"),
              gates::tightest_at_parameter(
                  {.default_text = "1000",
                   .about =
                       "requests per arm (harmonic mean of the arms) at which the least evidence "
                       "is asked for"}),
          },
      .make = make_detected_rate,
  };
}

}  // namespace gatewright
