#include "sim/scenario.h"

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "policies/metric.h"
#include "sim/arms/world_metric.h"
#include "sim/traffic/profiles.h"

namespace gatewright::sim {
namespace {

/// One range of allowed numbers, said as one would say it.
struct Range {
  double least;
  double most;
  bool open_below = false;  ///< `least` itself is not allowed
  bool open_above = false;  ///< `most` itself is not allowed
  std::string_view words;

  [[nodiscard]] bool contains(double value) const noexcept {
    return std::isfinite(value) && (open_below ? value > least : value >= least) &&
           (open_above ? value < most : value <= most);
  }
};

constexpr double kHuge = 1e15;
constexpr Range kPositive{0.0, kHuge, true, false, "a number above 0"};
constexpr Range kNotNegative{0.0, kHuge, false, false, "a number of at least 0"};
constexpr Range kShare{0.0, 1.0, false, false, "a share from 0% to 100%"};
constexpr Range kCorrelation{-1.0, 1.0, true, true, "a correlation above -1 and below 1"};
constexpr Range kPromptCorrelation{0.0, 1.0, false, true, "a correlation from 0 to below 1"};
constexpr Range kScore{0.0, 1.0, false, false, "a score from 0 to 1"};

/// The smallest number that could be meant, printed for people.
std::string text(double value) {
  std::string digits = std::to_string(value);
  if (digits.find('.') == std::string::npos) return digits;
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

class Validator {
 public:
  explicit Validator(const Scenario& scenario) : scenario_(scenario) {}

  Diagnostics run() && {
    if (scenario_.name.empty()) error("name", "expected a name");
    traffic(scenario_.traffic);
    baseline(scenario_.baseline);
    number("baseline.same_prompt_correlation", scenario_.same_prompt_correlation,
           kPromptCorrelation);
    for (const Effect& effect : scenario_.effects) one_effect(effect);
    noise(scenario_.noise);
    times();
    if (scenario_.rollback.actuation == Actuation::custom)
      delay("rollback.delay", scenario_.rollback.delay);
    number("objectives.latency", scenario_.objectives.latency_seconds, kPositive);
    number("objectives.quality_floor", scenario_.objectives.quality_floor, kScore);
    return std::move(diagnostics_);
  }

 private:
  void error(std::string path, std::string message) {
    diagnostics_.push_back({.path = std::move(path), .message = std::move(message)});
  }

  void number(std::string path, double value, const Range& range) {
    if (range.contains(value)) return;
    error(std::move(path), "expected " + std::string(range.words) + ", got " + text(value));
  }

  void positive(std::string path, Duration value, std::string_view example) {
    if (value > Duration::zero()) return;
    error(std::move(path), "expected a time above 0, such as " + std::string(example));
  }

  void traffic(const Traffic& traffic) {
    if (find_profile(traffic.profile) == nullptr) {
      std::string names;
      for (const Profile& profile : profiles())
        names += (names.empty() ? "" : ", ") + std::string(profile.name);
      error("traffic.profile", "no profile named '" + traffic.profile + "'; there are " + names);
    }
    if (const auto* poisson = std::get_if<PoissonArrivals>(&traffic.arrivals)) {
      number("traffic.arrivals.poisson.rate", poisson->rate_per_second, kPositive);
    } else if (const auto* diurnal = std::get_if<DiurnalArrivals>(&traffic.arrivals)) {
      const std::string path = "traffic.arrivals.diurnal.";
      number(path + "rate", diurnal->rate_per_second, kPositive);
      number(path + "amplitude", diurnal->amplitude, kShare);
      number(path + "second_harmonic", diurnal->second_harmonic, kShare);
      if (diurnal->amplitude + diurnal->second_harmonic > 1.0)
        error(path + "second_harmonic",
              "expected amplitude and second_harmonic to sum to at most 1, so that the rate is "
              "never negative");
      time_of_day(path + "peak", diurnal->peak);
      time_of_day(path + "start_of_day", diurnal->start_of_day);
    } else if (const auto* trace = std::get_if<TraceArrivals>(&traffic.arrivals)) {
      if (trace->file.empty()) error("traffic.arrivals.trace.file", "expected the name of a file");
      if (trace->repeat == TraceRepeat::bootstrap)
        positive("traffic.arrivals.trace.block", trace->block, "5m");
    }
    if (traffic.users.count < 1 || traffic.users.count > 10'000'000)
      error("traffic.users.count",
            "expected 1 to 10,000,000 users, got " + std::to_string(traffic.users.count));
    number("traffic.users.activity.zipf", traffic.users.zipf, kNotNegative);
    if (traffic.input_tokens) token_law("traffic.input_tokens", *traffic.input_tokens);
    if (traffic.output_tokens) token_law("traffic.output_tokens", *traffic.output_tokens);
    if (traffic.token_correlation)
      number("traffic.token_correlation", *traffic.token_correlation, kCorrelation);
  }

  void time_of_day(std::string path, Duration value) {
    if (value >= Duration::zero() && value < std::chrono::hours(24)) return;
    error(std::move(path), "expected a time of day, from 0h to below 24h");
  }

  void token_law(const std::string& path, const TokenLaw& law) {
    if (const auto* lognormal = std::get_if<Lognormal>(&law)) {
      one_lognormal(path + ".lognormal", *lognormal);
      return;
    }
    const auto& grid = std::get<QuantileGrid>(law);
    if (grid.probabilities.size() != grid.values.size() || grid.values.size() < 2) {
      error(path + ".quantiles", "expected as many values as probabilities, at least two");
      return;
    }
    if (grid.probabilities.front() != 0.0 || grid.probabilities.back() != 1.0)
      error(path + ".quantiles", "expected probabilities from 0% to 100%, both included");
    for (std::size_t i = 0; i < grid.values.size(); ++i) {
      if (!kPositive.contains(grid.values[i])) {
        error(path + ".quantiles", "expected values above 0, got " + text(grid.values[i]));
        return;
      }
      if (i > 0 && (!(grid.probabilities[i] > grid.probabilities[i - 1]) ||
                    !(grid.values[i] >= grid.values[i - 1]))) {
        error(path + ".quantiles", "expected rising probabilities and values that do not fall");
        return;
      }
    }
  }

  void one_lognormal(const std::string& path, const Lognormal& law) {
    number(path + ".median", law.median, kPositive);
    number(path + ".sigma", law.sigma, kNotNegative);
    number(path + ".clip", law.clip, kNotNegative);
  }

  void baseline(const Arm& arm) {
    number("baseline.price.input", arm.price.input_usd_per_token, kNotNegative);
    number("baseline.price.output", arm.price.output_usd_per_token, kNotNegative);
    one_lognormal("baseline.latency.ttft.lognormal", arm.latency.ttft);
    number("baseline.latency.per_output_token", arm.latency.per_output_token_seconds, kNotNegative);
    number("baseline.latency.timeout", arm.latency.timeout_seconds, kPositive);
    number("baseline.error.bernoulli.p", arm.error_probability, kShare);
    number("baseline.failed_latency_ratio", arm.failed_latency_ratio, kPositive);
    number("baseline.refusal.bernoulli.p", arm.refusal_probability, kShare);
    number("baseline.thumbs.down", arm.thumbs.down, kShare);
    number("baseline.thumbs.up", arm.thumbs.up, kShare);
    number("baseline.thumbs.rate_given", arm.thumbs.rate_given, kShare);
    if (arm.thumbs.down + arm.thumbs.up > 1.0)
      error("baseline.thumbs.up", "expected down and up to sum to at most 100%");
    number("baseline.quality.normal.mean", arm.quality.mean, kScore);
    number("baseline.quality.normal.sd", arm.quality.sd, kNotNegative);
  }

  void one_effect(const Effect& effect) {
    const std::string path = "candidate.effects." + effect.metric;
    const std::optional<WorldMetric> metric = world_metric(effect.metric);
    if (!metric || !can_differ(*metric)) {
      std::string names;
      for (std::size_t i = 0; i < kWorldMetrics; ++i) {
        const auto candidate = static_cast<WorldMetric>(i);
        if (can_differ(candidate))
          names += (names.empty() ? "" : ", ") + std::string(to_string(candidate));
      }
      error(path, "no effect can act on '" + effect.metric + "'; expected one of " + names);
      return;
    }
    number(path + ".multiply", effect.multiply, kNotNegative);
    if (is_positive(*metric) && effect.multiply == 0.0)
      error(path + ".multiply",
            "expected a factor above 0: " + effect.metric + " is a positive number");
    if (!std::isfinite(effect.shift)) error(path + ".shift", "expected a finite number");
    if (effect.from < Duration::zero()) error(path + ".from", "expected a time of at least 0");
    if (effect.ramp_in < Duration::zero())
      error(path + ".ramp_in", "expected a time of at least 0");
    if ((effect.multiply - 1.0) * effect.shift < 0.0 && !effect.harmful)
      error(path + ".harmful",
            "expected true or false: multiply and shift pull in opposite directions");
  }

  void noise(const Noise& noise) {
    for (const auto& [name, sd] : noise.deployment) {
      const std::string path = "noise.deployment." + name;
      const std::optional<WorldMetric> metric = world_metric(name);
      if (!metric || !can_differ(*metric))
        error(path, "no deployment noise can act on '" + name + "'");
      number(path, sd, kNotNegative);
    }
    for (const auto& [name, window] : noise.window) {
      const std::string path = "noise.window." + name;
      const std::optional<WorldMetric> metric = world_metric(name);
      if (!metric || !is_positive(*metric) || !can_differ(*metric))
        error(path, "no window noise can act on '" + name +
                        "'; expected one of latency, ttft, tpot, output_tokens, cost");
      number(path + ".cv", window.cv, kNotNegative);
      positive(path + ".correlation_time", window.correlation_time, "10m");
    }
  }

  void times() {
    positive("horizon", scenario_.horizon, "12h");
    if (scenario_.horizon > std::chrono::hours(24 * 366))
      error("horizon", "expected at most 366 days");
    positive("telemetry.window", scenario_.telemetry.window, "1m");
    if (scenario_.telemetry.window > Duration::zero() &&
        scenario_.telemetry.window < std::chrono::seconds(1))
      error("telemetry.window", "expected at least 1s");
    if (scenario_.horizon > Duration::zero() && scenario_.telemetry.window > scenario_.horizon)
      error("telemetry.window", "expected a window no longer than the horizon");
    delay("telemetry.delay", scenario_.telemetry.delay);
  }

  void delay(const std::string& path, const DelayLaw& law) {
    switch (law.kind) {
      case DelayLaw::Kind::fixed:
        number(path + ".fixed", law.a, kNotNegative);
        break;
      case DelayLaw::Kind::uniform:
        number(path + ".uniform.min", law.a, kNotNegative);
        number(path + ".uniform.max", law.b, kNotNegative);
        if (law.b < law.a) error(path + ".uniform.max", "expected at least the minimum");
        break;
      case DelayLaw::Kind::lognormal:
        number(path + ".lognormal.median", law.a, kPositive);
        number(path + ".lognormal.sigma", law.b, kNotNegative);
        break;
    }
  }

  const Scenario& scenario_;
  Diagnostics diagnostics_;
};

}  // namespace

Scenario healthy_twin(Scenario scenario) {
  scenario.effects.clear();
  return scenario;
}

DelayLaw delay_law(const Rollback& rollback) noexcept {
  using Kind = DelayLaw::Kind;
  switch (rollback.actuation) {
    case Actuation::policy_flip:
      return {Kind::uniform, 1.0, 5.0};
    case Actuation::blue_green:
      return {Kind::uniform, 0.1, 1.0};
    case Actuation::scripted:
      return {Kind::uniform, 120.0, 180.0};
    case Actuation::redeploy:
      return {Kind::uniform, 300.0, 600.0};
    case Actuation::manual:
      return {Kind::lognormal, 900.0, 0.7};
    case Actuation::custom:
      break;
  }
  return rollback.delay;
}

bool is_harmful(const Effect& effect) noexcept {
  const bool has_size = effect.multiply != 1.0 || effect.shift != 0.0;
  if (!has_size) return false;
  if (effect.harmful) return *effect.harmful;
  const MetricInfo* metric = find_metric(effect.metric);
  if (metric == nullptr) return false;
  const bool rises = effect.multiply > 1.0 || effect.shift > 0.0;
  return rises == (metric->harm == Direction::up);
}

std::optional<Duration> harmful_from(const Scenario& scenario) noexcept {
  std::optional<Duration> first;
  for (const Effect& effect : scenario.effects)
    if (is_harmful(effect) && (!first || effect.from < *first)) first = effect.from;
  return first;
}

Diagnostics validate(const Scenario& scenario) { return Validator(scenario).run(); }

}  // namespace gatewright::sim
