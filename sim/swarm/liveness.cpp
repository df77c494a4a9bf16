#include "sim/swarm/liveness.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <type_traits>

#include "policies/exposure.h"
#include "policies/metric.h"
#include "policies/staged/staged_policy.h"
#include "sim/delay.h"

namespace gatewright::sim {
namespace {

using namespace std::chrono_literals;
using Relation = HarmSpec::Relation;

/// ln 1e9: what is required fails for lack of luck once in a thousand million.
constexpr double kLogOdds = 20.7;

double to_seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

Duration up_to_seconds(double seconds) noexcept {
  return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(std::min(seconds, 1e9))));
}

/// Time in which a Poisson process of this rate surely has `count` events: the mean m then satisfies
/// m - sqrt(2 m ln odds) >= count (the lower Chernoff bound).
Duration time_to_see(double count, double rate_per_second) noexcept {
  const double root = std::sqrt(kLogOdds / 2.0) + std::sqrt(kLogOdds / 2.0 + count);
  return rate_per_second > 0.0 ? up_to_seconds(root * root / rate_per_second) : Duration::max();
}

/// A delay that one report in a thousand million exceeds.
Duration surely_told_after(const DelayLaw& law) noexcept {
  constexpr double kSigmas = 6.0;
  return law.kind == DelayLaw::Kind::lognormal ? up_to_seconds(law.a * std::exp(kSigmas * law.b))
                                               : longest_delay(law);
}

/// What a gate sees in a stage.
struct Sight {
  bool is_measured = false;
  double rate_per_second = 0.0;  ///< of the arm with fewer requests, at least
};

class Reckoning {
 public:
  Reckoning(const RandomWorld& world, const Policy& policy)
      : scenario_(world.scenario),
        plan_(world.plan),
        policy_(policy),
        confirmed_after_(longest_delay(delay_law(world.scenario.rollback))),
        told_after_(surely_told_after(world.scenario.telemetry.delay)),
        rate_(least_rate(world.scenario.traffic)) {}

  [[nodiscard]] Duration ends_by() const {
    Duration sum{};
    for (const StageSpec& stage : plan_.stages)
      sum += stage.timeout.value_or(std::max<Duration>(10 * stage.dwell, 24h));
    return sum;
  }

  [[nodiscard]] std::optional<Duration> completes_by() const {
    if (plan_.advance_when == AdvanceWhen::safety_shown) return std::nullopt;
    Duration sum{};
    for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage) {
      const std::optional<Duration> lasts = stage_lasts(stage);
      if (!lasts) return std::nullopt;
      sum += *lasts;
    }
    return sum;
  }

  /// Whether gate `gate` cannot miss great harm.
  [[nodiscard]] bool sees_harm(std::size_t gate) const {
    const GateSpec& spec = plan_.gates[gate];
    const double needed = needed_requests(spec);
    double requests = 0.0;
    for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage) {
      const Sight sight = sight_of(gate, stage);
      if (!sight.is_measured) continue;
      const Probe& probe = policy_.probes()[gate];
      // Windows that are closed and told while the dwell runs.
      const Duration lag = probe.initial_delay + probe.window + probe.every + told_after_;
      const double seconds = to_seconds(plan_.stages[stage].dwell - lag);
      if (seconds <= 0.0) continue;
      if (spec.test.name == "fixed_threshold") {
        const bool has_looks = seconds >= kLooks * to_seconds(probe.every);
        if (has_looks && sight.rate_per_second * to_seconds(probe.window) >= needed) return true;
        continue;
      }
      // Overlapping windows count twice what they hold twice, and gaps between windows hold nothing.
      const double seen = std::min(1.0, to_seconds(probe.window) / to_seconds(probe.every));
      const double here = seconds * sight.rate_per_second * seen;
      requests = spec.evidence == EvidenceSpan::stage ? std::max(requests, here) : requests + here;
    }
    return spec.test.name != "fixed_threshold" && requests >= needed;
  }

 private:
  static constexpr double kLooks = 8.0;  ///< more than any counting rule of the swarm needs

  [[nodiscard]] Sight sight_of(std::size_t gate, std::size_t stage) const {
    const GateSpec& spec = plan_.gates[gate];
    const MetricInfo* metric = find_metric(spec.metric);
    const bool compares = spec.harm.relation != Relation::absolute;
    const Exposure& exposure = policy_.stages()[stage].exposure;
    const StageSpec& at = plan_.stages[stage];
    if (policy_.probes()[gate].statistic.pairs) {
      const double paired = at.mirrored * scenario_.telemetry.mirrored_sampled;
      return {.is_measured = at.mirrored > 0.0, .rate_per_second = paired * rate_ * answered()};
    }
    if (metric == nullptr || !is_measured(*metric, compares, exposure)) return {};
    // Nobody sees mirrored answers; which requests are mirrored has nothing to do with users.
    const double mirrored = metric->scope == MetricScope::seen
                                ? 0.0
                                : at.mirrored * scenario_.telemetry.mirrored_sampled;
    const double candidate = least_share(at.served, scenario_, plan_.assignment) + mirrored;
    const double baseline = least_share(1.0 - at.served, scenario_, plan_.assignment);
    const double share = compares ? std::min(candidate, baseline) : candidate;
    return {.is_measured = true, .rate_per_second = share * rate_ * answered()};
  }

  /// At least this share of requests get an answer.
  [[nodiscard]] double answered() const noexcept {
    return 0.9 * (1.0 - scenario_.baseline.error_probability) *
           (1.0 - scenario_.baseline.refusal_probability);
  }

  [[nodiscard]] std::optional<Duration> stage_lasts(std::size_t stage) const {
    const StageSpec& spec = plan_.stages[stage];
    if (spec.approval) return std::nullopt;
    if (spec.advance_when.value_or(plan_.advance_when) == AdvanceWhen::safety_shown)
      return std::nullopt;
    Duration waits = spec.dwell;
    double best_rate = 0.0;
    for (std::size_t gate = 0; gate < plan_.gates.size(); ++gate) {
      const Sight sight = sight_of(gate, stage);
      if (!sight.is_measured) continue;
      const Probe& probe = policy_.probes()[gate];
      const Duration longer = std::max(probe.window, probe.every);
      const Duration fresh_again = longer + probe.every + told_after_;
      const Duration silence =
          plan_.gates[gate].silence.value_or(std::max<Duration>(3 * longer, 10min));
      if (silence <= fresh_again) return std::nullopt;
      if (sight.rate_per_second * to_seconds(probe.window) < kLogOdds) return std::nullopt;
      waits = std::max(waits, probe.initial_delay + probe.window + fresh_again);
      best_rate = std::max(best_rate,
                           sight.rate_per_second *
                               std::min(1.0, to_seconds(probe.window) / to_seconds(probe.every)));
    }
    if (spec.min_samples > 0) {
      const Duration seen = time_to_see(static_cast<double>(spec.min_samples), best_rate);
      if (seen > 24h) return std::nullopt;
      waits = std::max(waits, seen + 4 * plan_.every + told_after_);
    }
    // The wait for the confirmation comes first, and a window that began before it may be told late.
    const Duration lasts = confirmed_after_ + waits + told_after_;
    if (lasts >= spec.timeout.value_or(24h)) return std::nullopt;
    return lasts;
  }

  /// Requests of the arm with fewer of them with which great harm is beyond doubt; of a threshold,
  /// per window. Several times what the tests need for so much of it.
  [[nodiscard]] double needed_requests(const GateSpec& spec) const {
    const MetricInfo* metric = find_metric(spec.metric);
    double needed = 6000.0;  // heavy tails on the linear scale
    if (metric->kind == MetricKind::event)
      needed = std::max(1000.0, 300.0 / harmed_probability(spec));
    else if (const auto scale = spec.test.parameters.find("scale");
             scale != spec.test.parameters.end() && scale->second == TestValue(std::string("log")))
      needed = 2000.0;
    else if (spec.harm.kind == HarmSpec::Kind::quantile)
      needed = 1000.0;
    return needed + 2.0 * static_cast<double>(spec.min_samples);
  }

  /// Of the event at a candidate that does great_harm(), at most.
  [[nodiscard]] double harmed_probability(const GateSpec& spec) const {
    const Effect harm = great_harm(spec, scenario_.baseline);
    double probability = scenario_.baseline.error_probability;
    if (spec.metric == "refusal") probability = scenario_.baseline.refusal_probability;
    if (spec.metric == "thumbs_down")
      probability = scenario_.baseline.thumbs.down * scenario_.baseline.thumbs.rate_given;
    return std::min(1.0, probability * harm.multiply + harm.shift);
  }

  const Scenario& scenario_;
  const PlanSpec& plan_;
  const Policy& policy_;
  Duration confirmed_after_;
  Duration told_after_;
  double rate_;
};

}  // namespace

Liveness liveness_of(const RandomWorld& world, const Policy& policy) {
  const Reckoning reckoning(world, policy);
  return {.ends_by = reckoning.ends_by(),
          .completes_by = reckoning.completes_by(),
          .must_halt = world.harmed_gate && reckoning.sees_harm(*world.harmed_gate)};
}

std::vector<Violation> check_liveness(const Liveness& owed, Guise guise, const RunRecord& record) {
  if (guise == Guise::faulty) return {};
  std::vector<Violation> violations;
  const auto broken = [&](std::string message) {
    violations.push_back({"liveness", record.steps, std::move(message)});
  };
  const auto minutes = [](Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::minutes>(duration).count()) +
           " min";
  };
  if (record.outcome == Outcome::unfinished || record.ended_at > owed.ends_by)
    broken("the rollout had not ended after " + minutes(owed.ends_by) +
           ", the sum of its stages' timeouts");
  const bool alarmed = record.outcome == Outcome::halted && record.cause == Cause::gate_failed;
  if (guise == Guise::healthy && owed.completes_by && !alarmed) {
    if (record.outcome != Outcome::completed)
      broken("a healthy candidate did not complete, and no gate had failed: " +
             std::string(to_string(record.cause)));
    else if (record.ended_at > *owed.completes_by)
      broken("a healthy candidate took " + minutes(record.ended_at) + " to complete instead of " +
             minutes(*owed.completes_by));
  }
  if (guise == Guise::harmful && owed.must_halt && record.outcome != Outcome::halted)
    broken("a candidate of great harm was not halted");
  return violations;
}

double least_share(double share, const Scenario& scenario, const Assignment& assignment) {
  if (share <= 0.0) return 0.0;
  if (share >= 1.0 || assignment.by == AssignmentUnit::request) return share;
  double sum = 0.0;
  double squares = 0.0;
  for (std::uint32_t user = 1; user <= scenario.traffic.users.count; ++user) {
    const double weight = std::pow(static_cast<double>(user), -scenario.traffic.users.zipf);
    sum += weight;
    squares += weight * weight;
  }
  return std::max(0.0, share - std::sqrt(2.0 * kLogOdds * share * squares / (sum * sum)));
}

double least_rate(const Traffic& traffic) noexcept {
  double rate = 0.0;
  if (const auto* poisson = std::get_if<PoissonArrivals>(&traffic.arrivals))
    rate = poisson->rate_per_second;
  else if (const auto* diurnal = std::get_if<DiurnalArrivals>(&traffic.arrivals))
    rate = diurnal->rate_per_second *
           std::max(0.0, 1.0 - diurnal->amplitude - diurnal->second_harmonic);
  for (const TrafficChange& change : traffic.changes) rate *= std::min(1.0, change.factor);
  return rate;
}

}  // namespace gatewright::sim
