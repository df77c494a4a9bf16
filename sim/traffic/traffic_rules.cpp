// The rules of a scenario's traffic.
#include <string>
#include <variant>

#include "sim/findings.h"
#include "sim/traffic/profiles.h"

namespace gatewright::sim {
namespace {

void check(const std::string& path, const TokenLaw& law, Findings& findings) {
  if (const auto* lognormal = std::get_if<Lognormal>(&law)) {
    findings.lognormal(path + ".lognormal", *lognormal);
    return;
  }
  const auto& grid = std::get<QuantileGrid>(law);
  if (grid.probabilities.size() != grid.values.size() || grid.values.size() < 2) {
    findings.error(path + ".quantiles", "expected as many values as probabilities, at least two");
    return;
  }
  if (grid.probabilities.front() != 0.0 || grid.probabilities.back() != 1.0)
    findings.error(path + ".quantiles", "expected probabilities from 0% to 100%, both included");
  for (std::size_t i = 0; i < grid.values.size(); ++i) {
    if (!kPositive.contains(grid.values[i])) {
      findings.error(path + ".quantiles",
                     "expected values above 0, got " + number_words(grid.values[i]));
      return;
    }
    if (i > 0 && (!(grid.probabilities[i] > grid.probabilities[i - 1]) ||
                  !(grid.values[i] >= grid.values[i - 1]))) {
      findings.error(path + ".quantiles",
                     "expected rising probabilities and values that do not fall");
      return;
    }
  }
}

}  // namespace

void check(const Traffic& traffic, Findings& findings) {
  if (find_profile(traffic.profile) == nullptr) {
    std::string names;
    for (const Profile& profile : profiles())
      names += (names.empty() ? "" : ", ") + std::string(profile.name);
    findings.error("traffic.profile",
                   "no profile named '" + traffic.profile + "'; there are " + names);
  }
  if (const auto* poisson = std::get_if<PoissonArrivals>(&traffic.arrivals)) {
    findings.number("traffic.arrivals.poisson.rate", poisson->rate_per_second, kPositive);
  } else if (const auto* diurnal = std::get_if<DiurnalArrivals>(&traffic.arrivals)) {
    const std::string path = "traffic.arrivals.diurnal.";
    findings.number(path + "rate", diurnal->rate_per_second, kPositive);
    findings.number(path + "amplitude", diurnal->amplitude, kShare);
    findings.number(path + "second_harmonic", diurnal->second_harmonic, kShare);
    if (diurnal->amplitude + diurnal->second_harmonic > 1.0)
      findings.error(
          path + "second_harmonic",
          "expected amplitude and second_harmonic to sum to at most 1, so that the rate is "
          "never negative");
    findings.time_of_day(path + "peak", diurnal->peak);
    findings.time_of_day(path + "start_of_day", diurnal->start_of_day);
  } else if (const auto* trace = std::get_if<TraceArrivals>(&traffic.arrivals)) {
    if (trace->file.empty())
      findings.error("traffic.arrivals.trace.file", "expected the name of a file");
    if (trace->repeat == TraceRepeat::bootstrap)
      findings.positive("traffic.arrivals.trace.block", trace->block, "5m");
  }
  if (traffic.users.count < 1 || traffic.users.count > 10'000'000)
    findings.error("traffic.users.count",
                   "expected 1 to 10,000,000 users, got " + std::to_string(traffic.users.count));
  findings.number("traffic.users.activity.zipf", traffic.users.zipf, kNotNegative);
  if (traffic.input_tokens) check("traffic.input_tokens", *traffic.input_tokens, findings);
  if (traffic.output_tokens) check("traffic.output_tokens", *traffic.output_tokens, findings);
  if (traffic.token_correlation)
    findings.number("traffic.token_correlation", *traffic.token_correlation, kCorrelation);
}

}  // namespace gatewright::sim
