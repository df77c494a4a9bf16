// The table of scenario files: every key of a world, once.
// Laws that a file writes as {lognormal: {...}} are one-of shapes; what depends on a metric reads it
// first. Never validates what several numbers mean together.
#include "scenarios/scenario_table.h"

#include <array>
#include <cmath>
#include <type_traits>
#include <utility>

#include "scenarios/expression.h"
#include "sim/arms/world_metric.h"
#include "sim/traffic/profiles.h"

namespace gatewright::scenarios {

namespace {

using sim::Arm;
using sim::DelayLaw;
using sim::Effect;
using sim::Lognormal;
using sim::Noise;
using sim::Scenario;
using sim::Traffic;

const Range<Duration> kAnyTime{.least = Duration::zero(), .most = {}};
const Range<Duration> kPositiveTime{.least = Duration::zero(), .most = {}, .open_below = true};
const Range<double> kNotNegative{.least = 0.0, .most = {}};
const Range<double> kPositive{.least = 0.0, .most = {}, .open_below = true};
const Range<double> kZeroToOne{.least = 0.0, .most = 1.0};
const Range<double> kCorrelation{
    .least = -1.0, .most = 1.0, .open_below = true, .open_above = true};
const Range<double> kPromptCorrelation{
    .least = 0.0, .most = 1.0, .open_below = false, .open_above = true};

ShapeOf<double> share() { return quantity(kShare, kZeroToOne); }
ShapeOf<double> seconds(Range<double> range = kNotNegative) { return quantity(kSeconds, range); }
ShapeOf<double> rate() { return quantity(kRate, kPositive); }
ShapeOf<double> number(Range<double> range) { return quantity(kNumber, range); }
ShapeOf<Duration> duration(Range<Duration> range) { return quantity(kDuration, range); }

// ------------------------------------------------------------------------------------------ traffic

ShapeOf<sim::Arrivals> arrivals_shape() {
  using sim::DiurnalArrivals;
  using sim::PoissonArrivals;
  using sim::TraceArrivals;
  using sim::TraceFormat;
  using sim::TraceRepeat;
  const auto poisson = object<PoissonArrivals>(
      {required(field("rate", &PoissonArrivals::rate_per_second, rate(), "requests"))});
  const auto diurnal = object<DiurnalArrivals>({
      required(field("rate", &DiurnalArrivals::rate_per_second, rate(), "mean over the day")),
      field("amplitude", &DiurnalArrivals::amplitude, share(), "of the daily swing, of the mean"),
      field("second_harmonic", &DiurnalArrivals::second_harmonic, share(),
            "of the half-daily swing, of the mean"),
      field("peak", &DiurnalArrivals::peak, duration(kAnyTime), "time of day of the peak"),
      field("start_of_day", &DiurnalArrivals::start_of_day, duration(kAnyTime),
            "time of day at which the rollout starts"),
  });
  const auto trace = object<TraceArrivals>({
      required(field("file", &TraceArrivals::file, text(false),
                     "recorded arrivals and tokens (plain or .gz), relative to this file")),
      required(field("format", &TraceArrivals::format,
                     choice<TraceFormat>("a format", {{"azure", TraceFormat::azure},
                                                      {"burstgpt", TraceFormat::burstgpt},
                                                      {"mooncake", TraceFormat::mooncake},
                                                      {"csv", TraceFormat::csv}}),
                     "of the file")),
      field("repeat", &TraceArrivals::repeat,
            choice<TraceRepeat>(
                "a way", {{"loop", TraceRepeat::loop}, {"bootstrap", TraceRepeat::bootstrap}}),
            "how a recording that is shorter than the horizon goes on"),
      field("block", &TraceArrivals::block, duration(kPositiveTime), "of the bootstrap"),
  });
  return one_of<sim::Arrivals>(
      {variant_of<PoissonArrivals, PoissonArrivals, DiurnalArrivals, TraceArrivals>(
           "poisson", poisson, "independent requests at a constant rate"),
       variant_of<DiurnalArrivals, PoissonArrivals, DiurnalArrivals, TraceArrivals>(
           "diurnal", diurnal, "independent requests at a rate that follows the day"),
       variant_of<TraceArrivals, PoissonArrivals, DiurnalArrivals, TraceArrivals>("trace", trace,
                                                                                  "a recording")});
}

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  for (const sim::Profile& profile : sim::profiles()) names.emplace_back(profile.name);
  return names;
}

ShapeOf<Traffic> traffic_shape() {
  using sim::Users;
  const auto activity = object<Users>({field("zipf", &Users::zipf, number(kNotNegative),
                                             "activity of the k-th user ~ k^-zipf; 0: alike")});
  const auto users = object<Users>({
      field("count", &Users::count,
            ShapeOf<std::uint32_t>(std::make_shared<CountShape<std::uint32_t>>(
                Range<std::uint64_t>{.least = 1, .most = 10'000'000})),
            "who send requests"),
      group("activity", activity, "how unequal they are"),
  });
  return object<Traffic>({
      field("profile", &Traffic::profile, name_of("a profile", profile_names()),
            "measured arrivals and token laws, for all that is not written out"),
      field("arrivals", &Traffic::arrivals, arrivals_shape(),
            "when requests come; default: poisson at the profile's rate"),
      field("users", &Traffic::users, users, "who sends them"),
  });
}

ShapeOf<Lognormal> lognormal_shape(const Unit<double>& unit) {
  return object<Lognormal>({
      required(field("median", &Lognormal::median, quantity(unit, kPositive), "of the law")),
      required(field("sigma", &Lognormal::sigma, number(kNotNegative), "sd of the logarithm")),
      unless(
          0.0, &Lognormal::clip,
          field("clip", &Lognormal::clip, quantity(unit, kPositive), "larger values become this")),
  });
}

/// {0%: 5 tokens, 50%: 120 tokens, 100%: 900 tokens}, in rising order.
class QuantileGridShape final : public Shape<sim::QuantileGrid> {
 public:
  void read(const Node& node, const std::string& path, Problems& problems,
            sim::QuantileGrid& grid) const override {
    if (node.kind != Node::Kind::map) {
      problems.error(node, path, expected("a map such as {0%: 5 tokens, 100%: 900 tokens}", node));
      return;
    }
    grid = {};
    for (std::size_t i = 0; i < node.fields.size(); ++i) {
      const auto& [key, value] = node.fields[i];
      const std::optional<double> probability = kShare.parse(key);
      if (!probability || *probability < 0.0 || *probability > 1.0)
        problems.error(node.key_mark(i), path,
                       "expected a share from 0% to 100% as the key, got " + shortened(key));
      double tokens = 0.0;
      quantity(kTokens, kPositive)->read(value, join(path, key), problems, tokens);
      grid.probabilities.push_back(probability.value_or(0.0));
      grid.values.push_back(tokens);
    }
  }
  [[nodiscard]] Node write(const sim::QuantileGrid& grid) const override {
    Node node = map_node();
    for (std::size_t i = 0; i < grid.values.size(); ++i)
      put(node, kShare.format(grid.probabilities[i]), plain_node(kTokens.format(grid.values[i])));
    return node;
  }
  [[nodiscard]] Node schema() const override {
    Node schema =
        map_node({{"type", quoted_node("object")}, {"additionalProperties", plain_node("false")}});
    put(schema, "patternProperties",
        map_node({{std::string(kShare.pattern), quantity(kTokens, kPositive)->schema()}}));
    return schema;
  }
};

ShapeOf<sim::TokenLaw> token_law() {
  return one_of<sim::TokenLaw>({variant_of<Lognormal, Lognormal, sim::QuantileGrid>(
                                    "lognormal", lognormal_shape(kTokens), "a lognormal law"),
                                variant_of<sim::QuantileGrid, Lognormal, sim::QuantileGrid>(
                                    "quantiles", std::make_shared<QuantileGridShape>(),
                                    "a quantile function, log-linear between its points")});
}

ShapeOf<Traffic> tokens_shape() {
  return object<Traffic>({
      field("input", &Traffic::input_tokens, token_law(),
            "tokens of a prompt; default: the profile's"),
      field("output", &Traffic::output_tokens, token_law(),
            "tokens of the baseline's answer; default: the profile's"),
      field("correlation", &Traffic::token_correlation, number(kCorrelation),
            "of the two lengths (Gaussian copula); default: the profile's"),
  });
}

// --------------------------------------------------------------------------------------------- arms

/// {bernoulli: {p: 1%}} for one member.
Field<Arm> bernoulli(double Arm::*probability, std::string about) {
  return group("bernoulli",
               object<Arm>({required(field("p", probability, share(), std::move(about)))}),
               "independent events");
}

std::vector<Field<Arm>> arm_fields() {
  using Price = Arm::Price;
  using Latency = Arm::Latency;
  using Thumbs = Arm::Thumbs;
  using Quality = Arm::Quality;
  const auto price = object<Price>({
      field("model", &Price::model, text(), "a name, for people"),
      required(field("input", &Price::input_usd_per_token, quantity(kUsdPerToken, kNotNegative),
                     "price of the prompt")),
      required(field("output", &Price::output_usd_per_token, quantity(kUsdPerToken, kNotNegative),
                     "price of the answer")),
  });
  const auto latency = object<Latency>({
      field("ttft", &Latency::ttft,
            one_of<Lognormal>({group("lognormal", lognormal_shape(kSeconds), "a lognormal law")}),
            "time to the first token"),
      field("per_output_token", &Latency::per_output_token_seconds, seconds(),
            "time per token after it"),
      field("timeout", &Latency::timeout_seconds, seconds(kPositive),
            "slower answers end as errors"),
  });
  const auto thumbs = object<Thumbs>({
      required(field("down", &Thumbs::down, share(), "answers a user would rate down")),
      required(field("up", &Thumbs::up, share(), "answers a user would rate up")),
      required(field("rate_given", &Thumbs::rate_given, share(),
                     "share of those ratings that are really given; there is no public figure")),
  });
  const auto quality = one_of<Quality>({group(
      "normal",
      object<Quality>({required(field("mean", &Quality::mean, number(kZeroToOne), "score")),
                       required(field("sd", &Quality::sd, number(kNotNegative), "of the score"))}),
      "a normal law, cut off at 0 and 1")});
  const auto error = object<Arm>({
      bernoulli(&Arm::error_probability, "share of requests that fail"),
      field("failed_latency_ratio", &Arm::failed_latency_ratio, number(kPositive),
            "latency of a failure against that of the answer"),
  });
  return {
      required(field("price", &Arm::price, price, "what tokens cost")),
      field("latency", &Arm::latency, latency, "how long an answer takes"),
      group("error", error, "requests without an answer"),
      group("refusal",
            object<Arm>({bernoulli(&Arm::refusal_probability, "share of answers that decline")}),
            "answers that decline the request"),
      field("thumbs", &Arm::thumbs, thumbs, "what users think of the answers"),
      field("quality", &Arm::quality, quality, "a judge's score, 0 to 1"),
  };
}

ShapeOf<Scenario> baseline_shape() {
  std::vector<Field<Scenario>> fields;
  for (Field<Arm>& arm_field : arm_fields())
    fields.push_back(within(&Scenario::baseline, std::move(arm_field)));
  fields.push_back(field("same_prompt_correlation", &Scenario::same_prompt_correlation,
                         number(kPromptCorrelation), "between the arms' answers to one prompt"));
  return object<Scenario>(std::move(fields));
}

/// Metrics that effects and deployment noise can act on.
std::vector<std::string> metrics_that_differ(bool positive_only = false) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sim::kWorldMetrics; ++i) {
    const auto metric = static_cast<sim::WorldMetric>(i);
    if (sim::can_differ(metric) && (!positive_only || sim::is_positive(metric)))
      names.emplace_back(sim::to_string(metric));
  }
  return names;
}

/// A difference of any metric, for schemas.
Node difference_schema() { return map_node({{"type", quoted_node("string")}}); }

ShapeOf<Effect> effect_shape() {
  const auto shift_of = [](const Effect& effect) -> ShapeOf<double> {
    const MetricInfo* metric = find_metric(effect.metric);
    return metric ? quantity(difference_unit(*metric)) : nullptr;
  };
  return object<Effect>({
      required(field("metric", &Effect::metric, name_of("a metric", metrics_that_differ()),
                     "what is different")),
      field("multiply", &Effect::multiply, quantity(kFactor, kNotNegative),
            "the value, or the probability of an event, times this"),
      dependent<Effect, double>(
          "shift", &Effect::shift, shift_of, difference_schema,
          "then plus this, in the metric's unit: 0.3pp, 50ms, $0.001, 20 tokens"),
      field("from", &Effect::from, duration(kAnyTime), "since the start of the rollout"),
      field("ramp_in", &Effect::ramp_in, duration(kAnyTime),
            "grows linearly to its size over this"),
      field("harmful", &Effect::harmful, quantity(kBoolean),
            "default: whether it moves its metric in the direction of harm"),
  });
}

// -------------------------------------------------------------------------------------------- noise

/// A map from metrics to values whose shape may depend on the metric.
template <class V>
class MetricMapShape final : public Shape<std::map<std::string, V>> {
 public:
  using Map = std::map<std::string, V>;
  using ShapeFor = std::function<ShapeOf<V>(const std::string& metric)>;
  MetricMapShape(std::vector<std::string> metrics, ShapeFor shape_for)
      : metrics_(std::move(metrics)), shape_for_(std::move(shape_for)) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            Map& map) const override {
    if (node.kind != Node::Kind::map) {
      problems.error(node, path, expected("a map from metrics to their noise", node));
      return;
    }
    for (std::size_t i = 0; i < node.fields.size(); ++i) {
      const auto& [metric, value] = node.fields[i];
      if (std::ranges::find(metrics_, metric) == metrics_.end()) {
        problems.error(
            node.key_mark(i), path,
            "`" + shortened(metric) + "` is no metric with such noise" + hint(metric, metrics_));
        continue;
      }
      shape_for_(metric)->read(value, join(path, metric), problems, map[metric]);
    }
  }
  [[nodiscard]] Node write(const Map& map) const override {
    Node node = map_node();
    for (const auto& [metric, value] : map) put(node, metric, shape_for_(metric)->write(value));
    return node;
  }
  [[nodiscard]] Node schema() const override {
    std::vector<std::pair<std::string, Node>> properties;
    for (const std::string& metric : metrics_)
      properties.emplace_back(metric, shape_for_(metric)->schema());
    return object_schema(std::move(properties), {});
  }

 private:
  std::vector<std::string> metrics_;
  ShapeFor shape_for_;
};

ShapeOf<Noise> noise_shape() {
  using Window = Noise::Window;
  const auto deployment = std::make_shared<MetricMapShape<double>>(
      metrics_that_differ(), [](const std::string& metric) {
        const MetricInfo* info = find_metric(metric);
        const bool relative = info && info->kind == MetricKind::positive;
        return quantity(relative ? kRelativeChange : kPoints, kNotNegative);
      });
  ShapeOf<Window> one_window = object<Window>({
      required(field("cv", &Window::cv, quantity(kShare, kNotNegative), "sd of the factor")),
      field("correlation_time", &Window::correlation_time, duration(kPositiveTime),
            "how long it stays alike"),
  });
  const auto window = std::make_shared<MetricMapShape<Window>>(
      metrics_that_differ(true),
      [one_window](const std::string&) -> const ShapeOf<Window>& { return one_window; });
  return object<Noise>({
      field("deployment", &Noise::deployment, ShapeOf<std::map<std::string, double>>(deployment),
            "sd of one draw per rollout and arm, which does not average out"),
      field("window", &Noise::window, ShapeOf<std::map<std::string, Window>>(window),
            "a factor that both arms share and that drifts"),
  });
}

// ---------------------------------------------------------------------------------------- telemetry

struct LognormalDelay {
  double median = 0.0;
  std::optional<double> sigma, p95;
};

constexpr double kNormalP95 = 1.6448536269514722;  // standard normal quantile at 95%

ShapeOf<DelayLaw> delay_shape() {
  using Kind = DelayLaw::Kind;
  struct Uniform {
    double from = 0.0, to = 0.0;
  };
  const auto uniform = object<Uniform>(
      {required(field("from", &Uniform::from, seconds(), "shortest")),
       required(field("to", &Uniform::to, seconds(), "longest"))},
      [](const Node& node, const std::string& path, Problems& problems, Uniform& law) {
        if (law.to < law.from)
          problems.error(*node.find("to"), join(path, "to"), "`to` is less than `from`");
      });
  const auto lognormal = object<LognormalDelay>(
      {required(field("median", &LognormalDelay::median, seconds(kPositive), "of the law")),
       field("sigma", &LognormalDelay::sigma, number(kNotNegative), "sd of the logarithm"),
       field("p95", &LognormalDelay::p95, seconds(kPositive), "instead of sigma")},
      [](const Node& node, const std::string& path, Problems& problems, LognormalDelay& law) {
        if (law.sigma.has_value() == law.p95.has_value()) {
          problems.error(node, path, "expected `sigma` or `p95`, one of them");
        } else if (law.p95 && *law.p95 < law.median) {
          problems.error(*node.find("p95"), join(path, "p95"), "`p95` is less than `median`");
        }
      });
  return one_of<DelayLaw>({
      alternative<DelayLaw, double>(
          "fixed", seconds(),
          [](double delay) {
            return DelayLaw{Kind::fixed, delay, 0.0};
          },
          [](const DelayLaw& law) {
            return law.kind == Kind::fixed ? std::optional(law.a) : std::nullopt;
          },
          "always the same"),
      alternative<DelayLaw, Uniform>(
          "uniform", uniform,
          [](Uniform law) {
            return DelayLaw{Kind::uniform, law.from, law.to};
          },
          [](const DelayLaw& law) {
            return law.kind == Kind::uniform ? std::optional(Uniform{law.a, law.b}) : std::nullopt;
          },
          "anything between two times"),
      alternative<DelayLaw, LognormalDelay>(
          "lognormal", lognormal,
          [](const LognormalDelay& law) {
            const double sigma =
                law.sigma ? *law.sigma
                          : std::log(law.p95.value_or(law.median) / law.median) / kNormalP95;
            return DelayLaw{Kind::lognormal, law.median, sigma};
          },
          [](const DelayLaw& law) {
            return law.kind == Kind::lognormal
                       ? std::optional(LognormalDelay{.median = law.a, .sigma = law.b, .p95 = {}})
                       : std::nullopt;
          },
          "long-tailed"),
  });
}

ShapeOf<sim::Telemetry> telemetry_shape() {
  using sim::Telemetry;
  return object<Telemetry>({
      field("window", &Telemetry::window, duration(kPositiveTime),
            "resolution of the metrics; windows of gates are whole multiples"),
      field("delay", &Telemetry::delay, delay_shape(), "from the close of a window to the engine"),
  });
}

ShapeOf<sim::Rollback> rollback_shape() {
  using sim::Actuation;
  using sim::Rollback;
  Field<Rollback> delay =
      field("delay", &Rollback::delay, delay_shape(), "of a `custom` actuation");
  delay.write = [write = delay.write](const Rollback& rollback) {
    return rollback.actuation == Actuation::custom ? write(rollback) : std::nullopt;
  };
  return object<Rollback>(
      {field("actuation", &Rollback::actuation,
             choice<Actuation>("an actuation", {{"policy_flip", Actuation::policy_flip},
                                                {"blue_green", Actuation::blue_green},
                                                {"scripted", Actuation::scripted},
                                                {"redeploy", Actuation::redeploy},
                                                {"manual", Actuation::manual},
                                                {"custom", Actuation::custom}}),
             "from a decision to its exposure: policy_flip 1..5s, blue_green 0.1..1s, scripted "
             "2..3m, "
             "redeploy 5..10m, manual about 15m, custom as `delay` says"),
       std::move(delay)},
      [](const Node& node, const std::string& path, Problems& problems, Rollback& rollback) {
        const bool has_delay = node.find("delay") != nullptr;
        if (has_delay && !node.find("actuation")) rollback.actuation = Actuation::custom;
        if (has_delay != (rollback.actuation == Actuation::custom))
          problems.error(node, path,
                         has_delay ? "`delay` goes with `actuation: custom` only"
                                   : "`actuation: custom` needs a `delay`");
      });
}

ShapeOf<sim::Objectives> objectives_shape() {
  using sim::Objectives;
  return object<Objectives>({
      field("latency", &Objectives::latency_seconds, seconds(kPositive), "a slower answer is bad"),
      field("quality", &Objectives::quality_floor, number(kZeroToOne), "a lower score is bad"),
  });
}

}  // namespace

std::vector<Field<Scenario>> scenario_fields() {
  const auto candidate = object<Scenario>({
      fixed<Scenario>("like", "an arm", {"baseline"}, "what the candidate is but for its effects"),
      field("effects", &Scenario::effects, list(effect_shape()), "how it differs"),
  });
  return {
      required(field("name", &Scenario::name, text(false), "of the scenario, in reports")),
      field("about", &Scenario::about, text(), "what the world is and what should happen"),
      field("seed", &Scenario::seed, quantity(kCount), "of all random streams"),
      field("horizon", &Scenario::horizon, duration(kPositiveTime),
            "the run ends here at the latest"),
      field("traffic", &Scenario::traffic, traffic_shape(), "requests and users"),
      within(&Scenario::traffic, group("tokens", tokens_shape(), "lengths of prompts and answers")),
      required(group("baseline", baseline_shape(), "what one request does now")),
      group("candidate", candidate, "what may replace it; without effects: a healthy candidate"),
      field("noise", &Scenario::noise, noise_shape(), "what no sample size averages out"),
      field("telemetry", &Scenario::telemetry, telemetry_shape(), "how the engine learns of it"),
      field("rollback", &Scenario::rollback, rollback_shape(), "how the router follows decisions"),
      field("objectives", &Scenario::objectives, objectives_shape(),
            "what users expect of an answer"),
  };
}

void fill_arrivals(Scenario& scenario) {
  auto* poisson = std::get_if<sim::PoissonArrivals>(&scenario.traffic.arrivals);
  const sim::Profile* profile = sim::find_profile(scenario.traffic.profile);
  if (poisson && poisson->rate_per_second == 0.0 && profile)
    poisson->rate_per_second = profile->rate_per_second;
}

Scenario with_defaults(Scenario scenario) {
  Traffic& traffic = scenario.traffic;
  const bool recorded = std::holds_alternative<sim::TraceArrivals>(traffic.arrivals);
  if (const sim::Profile* profile = sim::find_profile(traffic.profile); profile && !recorded) {
    if (!traffic.input_tokens) traffic.input_tokens = profile->input_tokens;
    if (!traffic.output_tokens) traffic.output_tokens = profile->output_tokens;
    if (!traffic.token_correlation) traffic.token_correlation = profile->token_correlation;
  }
  for (Effect& effect : scenario.effects)
    if (!effect.harmful) effect.harmful = sim::is_harmful(effect);
  return scenario;
}

std::string path_in_file(std::string path) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kMoved{
      Pair{"traffic.input_tokens", "tokens.input"},
      Pair{"traffic.output_tokens", "tokens.output"},
      Pair{"traffic.token_correlation", "tokens.correlation"},
      Pair{"baseline.failed_latency_ratio", "baseline.error.failed_latency_ratio"},
      Pair{"objectives.quality_floor", "objectives.quality"},
  };
  for (const auto& [theirs, ours] : kMoved)
    if (path.starts_with(theirs)) return std::string(ours) + path.substr(theirs.size());
  return path;
}

}  // namespace gatewright::scenarios
