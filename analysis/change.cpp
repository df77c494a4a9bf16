// Changes to means and back, and to words.
// Used by lint.
// Never rounds but for words.
#include "analysis/change.h"

#include <cmath>

#include <fmt/format.h>

#include "policies/metric.h"

namespace gatewright::analysis {
namespace {

using Relation = HarmSpec::Relation;

[[nodiscard]] bool is_apart(const MetricLaw& law) {
  return law.change == MetricLaw::Change::distance || law.change == MetricLaw::Change::index;
}

}  // namespace

double change_of(const HarmSpec& harm, const Probe& probe, const MetricLaw& law, double candidate) {
  if (is_apart(law)) return apart_by(law, candidate);
  const double mean = candidate + law.both, baseline = law.mean + law.both;
  if (harm.relation == Relation::absolute) return mean;
  if (harm.relation == Relation::difference) return mean - baseline;
  return probe.statistic.kind == Statistic::Kind::mean_log ? std::exp(mean - baseline)
                                                           : mean / baseline;
}

std::optional<double> mean_of(const HarmSpec& harm, const Probe& probe, const MetricLaw& law,
                              double change) {
  if (is_apart(law)) return factor_apart(law, change);
  const double baseline = law.mean + law.both;
  if (harm.relation == Relation::absolute) return change - law.both;
  if (harm.relation == Relation::difference) return baseline + change - law.both;
  return (probe.statistic.kind == Statistic::Kind::mean_log ? baseline + std::log(change)
                                                            : baseline * change) -
         law.both;
}

std::string change_text(const std::string& metric, const HarmSpec& harm, double change) {
  const MetricInfo& info = *find_metric(metric);
  const bool in_points = info.unit == "share" || info.unit == "score";
  if (harm.kind == HarmSpec::Kind::distribution) return fmt::format("{:.3g}", change);
  switch (harm.relation) {
    case Relation::ratio:
      return fmt::format("{:.3g}x", change);
    case Relation::difference:
      return in_points ? fmt::format("{:+.3g}pp", 100.0 * change)
                       : fmt::format("{:+.3g} {}", change, info.unit);
    case Relation::absolute:
      break;
  }
  return info.unit == "share"   ? fmt::format("{:.3g}%", 100.0 * change)
         : info.unit == "score" ? fmt::format("{:.3g}", change)
                                : fmt::format("{:.3g} {}", change, info.unit);
}

}  // namespace gatewright::analysis
