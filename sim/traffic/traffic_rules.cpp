// The rules of a scenario's traffic.
#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "sim/findings.h"
#include "sim/traffic/profiles.h"
#include "sim/traffic/rate_path.h"
#include "sim/traffic/tenant_renewals.h"
#include "sim/users/population.h"
#include "sim/users/session_flow.h"

namespace gatewright::sim {
namespace {

constexpr Range kCoefficientOfVariation{0.0, 10.0, false, false,
                                        "a coefficient of variation from 0% to 1,000%"};

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

void check_wave(const std::string& path, const DailyWave& wave, Findings& findings) {
  findings.number(path + "amplitude", wave.amplitude, kShare);
  findings.number(path + "second_harmonic", wave.second_harmonic, kShare);
  if (wave.amplitude + wave.second_harmonic > 1.0)
    findings.error(
        path + "second_harmonic",
        "expected amplitude and second_harmonic to sum to at most 1, so that the rate is "
        "never negative");
  findings.time_of_day(path + "peak", wave.peak);
  findings.time_of_day(path + "start_of_day", wave.start_of_day);
}

void check(const std::string& path, const BurstyArrivals::Modulation& law, Findings& findings) {
  findings.number(path + ".cv", *law.cv, kCoefficientOfVariation);
  if (*law.correlation_time < std::chrono::seconds(1))
    findings.error(path + ".correlation_time", "expected a time of at least 1s, such as 5m");
}

/// Of arrivals in which everything is said.
void check(const BurstyArrivals& law, Findings& findings) {
  const std::string path = "traffic.arrivals.bursty.";
  findings.number(path + "rate", *law.rate_per_second, kPositive);
  check(path + "fast", law.fast, findings);
  check(path + "slow", law.slow, findings);
  findings.number(path + "day_level_cv", *law.day_level_cv, kCoefficientOfVariation);
  check_wave(path, {*law.amplitude, *law.second_harmonic, law.peak, law.start_of_day}, findings);
}

void check(const std::vector<TrafficChange>& changes, bool recorded, Findings& findings) {
  const Range factor = recorded ? Range{0.0, 1.0, false, false,
                                        "a factor from 0 to 1: no more than is recorded can come"}
                                : Range{0.0, 1e6, false, false, "a factor from 0 to 1,000,000"};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const std::string path = "traffic.changes." + std::to_string(i);
    findings.not_negative(path + ".from", changes[i].from);
    if (changes[i].lasts) findings.positive(path + ".lasts", *changes[i].lasts, "30m");
    findings.number(path + ".factor", changes[i].factor, factor);
  }
}

/// Sessions under way at once, on average, that still fit in memory.
constexpr double kMostUnderWay = 1e7;

void check(const Sessions& sessions, bool recorded, double per_second, Findings& findings) {
  const std::string path = "traffic.users.sessions";
  findings.number(path + ".requests", sessions.requests,
                  {1.0, 1e6, false, false, "a mean from 1 to 1,000,000 requests"});
  findings.delay(path + ".think", sessions.think);
  findings.positive(path + ".gap", sessions.gap, "20m");
  if (sessions.requests == 1.0) return;
  if (recorded)
    findings.error(path + ".requests",
                   "expected 1: what a trace records are requests, not starts of sessions");
  if (!(per_second * mean_seconds(sessions.think) <= kMostUnderWay))
    findings.error(path + ".think",
                   "expected at most 10,000,000 sessions under way at once, which "
                   "is the rate times the mean time to think");
}

void check(const Tenants::Burstiness& burstiness, const Tenants& tenants, bool recorded,
           Findings& findings) {
  const std::string path = "traffic.tenants.burstiness";
  if (recorded) findings.error(path, "expected none: a trace has its own arrivals");
  if (tenants.count == 0)
    findings.error(path, "expected traffic.tenants.count above 0: it is tenants that are bursty");
  if (tenants.count > 100'000)
    findings.error(path, "expected at most 100,000 tenants, each with a process of its own");
  const Range range{kLeastGapCv, kMostGapCv, false, false,
                    "a coefficient of variation from 0.05 to 31"};
  findings.number(path + ".gap_cv.median", burstiness.gap_cv_median, range);
  findings.number(path + ".gap_cv.p90", burstiness.gap_cv_p90, range);
  if (burstiness.gap_cv_p90 < burstiness.gap_cv_median)
    findings.error(path + ".gap_cv.p90", "expected at least the median");
  findings.number(path + ".weibull_share", burstiness.weibull_share, kShare);
}

/// Said in the scenario; 0 where a trace says it.
double mean_rate(const Traffic& traffic) {
  if (const auto* poisson = std::get_if<PoissonArrivals>(&traffic.arrivals))
    return poisson->rate_per_second;
  if (const auto* diurnal = std::get_if<DiurnalArrivals>(&traffic.arrivals))
    return diurnal->rate_per_second;
  const auto* bursty = std::get_if<BurstyArrivals>(&traffic.arrivals);
  const Profile* profile = find_profile(traffic.profile);
  if (bursty == nullptr || profile == nullptr) return 0.0;
  return bursty->rate_per_second.value_or(profile->rate_per_second());
}

void check(const Users& users, const Tenants& tenants, Findings& findings) {
  if (users.count < 1 || users.count > 10'000'000)
    findings.error("traffic.users.count",
                   "expected 1 to 10,000,000 users, got " + std::to_string(users.count));
  findings.number("traffic.users.activity.zipf", users.zipf, kNotNegative);
  findings.number("traffic.tenants.zipf", tenants.zipf, kNotNegative);
  if (tenants.count > users.count)
    findings.error(
        "traffic.tenants.count",
        "expected at most as many tenants as users, which are " + std::to_string(users.count));
  if (tenants.largest)
    findings.number("traffic.tenants.largest", *tenants.largest,
                    {0.0, 1.0, true, true, "a share above 0% and below 100%"});
}

void check(const std::vector<Segment>& segments, Findings& findings) {
  if (segments.empty()) return;
  if (segments.size() > kSegmentsMost)
    findings.error("traffic.segments",
                   "expected at most " + std::to_string(kSegmentsMost) + " segments");
  constexpr double kRounding = 1e-9;
  double total = 0.0;
  for (const Segment& segment : segments) {
    findings.number("traffic.segments." + segment.name, segment.share, kShare);
    total += segment.share;
  }
  if (!(std::abs(total - 1.0) <= kRounding))
    findings.error("traffic.segments",
                   "expected shares that sum to 100%, got " + number_words(100.0 * total) + "%");
}

}  // namespace

void check(const Traffic& traffic, Findings& findings) {
  findings.number("traffic.cached_input", traffic.cached_input, kShare);
  const Profile* profile = find_profile(traffic.profile);
  if (profile == nullptr) {
    std::string names;
    for (const Profile& known : profiles())
      names += (names.empty() ? "" : ", ") + std::string(known.name);
    findings.error("traffic.profile",
                   "no profile named '" + traffic.profile + "'; there are " + names);
  }
  if (const auto* poisson = std::get_if<PoissonArrivals>(&traffic.arrivals)) {
    findings.number("traffic.arrivals.poisson.rate", poisson->rate_per_second, kPositive);
  } else if (const auto* diurnal = std::get_if<DiurnalArrivals>(&traffic.arrivals)) {
    findings.number("traffic.arrivals.diurnal.rate", diurnal->rate_per_second, kPositive);
    check_wave("traffic.arrivals.diurnal.",
               {diurnal->amplitude, diurnal->second_harmonic, diurnal->peak, diurnal->start_of_day},
               findings);
  } else if (const auto* bursty = std::get_if<BurstyArrivals>(&traffic.arrivals);
             bursty && profile) {
    check(filled(*bursty, *profile), findings);
  } else if (const auto* trace = std::get_if<TraceArrivals>(&traffic.arrivals)) {
    if (trace->file.empty())
      findings.error("traffic.arrivals.trace.file", "expected the name of a file");
    if (trace->repeat == TraceRepeat::bootstrap)
      findings.positive("traffic.arrivals.trace.block", trace->block, "5m");
  }
  check(traffic.users, traffic.tenants, findings);
  check(traffic.segments, findings);
  const bool recorded = std::holds_alternative<TraceArrivals>(traffic.arrivals);
  check(traffic.changes, recorded, findings);
  check(traffic.users.sessions, recorded, mean_rate(traffic), findings);
  if (traffic.tenants.burstiness)
    check(*traffic.tenants.burstiness, traffic.tenants, recorded, findings);
  findings.number("traffic.cached_input", traffic.cached_input, kShare);
  if (traffic.input_tokens) check("traffic.input_tokens", *traffic.input_tokens, findings);
  if (traffic.output_tokens) check("traffic.output_tokens", *traffic.output_tokens, findings);
  if (traffic.token_correlation)
    findings.number("traffic.token_correlation", *traffic.token_correlation, kCorrelation);
}

}  // namespace gatewright::sim
