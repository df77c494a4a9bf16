#include "scenarios/arm_table.h"

#include "scenarios/expression.h"
#include "scenarios/laws.h"
#include "sim/arms/world_metric.h"

namespace gatewright::scenarios {

namespace {

using sim::Arm;
using sim::Effect;
using sim::Lognormal;
using sim::Scenario;

/// {bernoulli: {p: 1%}} for one member, and what else its events are like.
Field<Arm> bernoulli(double Arm::*probability, std::string about,
                     std::vector<Field<Arm>> more = {}) {
  more.insert(more.begin(), required(field("p", probability, share(), std::move(about))));
  return group("bernoulli", object<Arm>(std::move(more)), "events by chance");
}

/// What a token costs: the keys that a price, its tiers and its changes share.
template <class Level>
std::vector<Field<Level>> level_fields() {
  return {field("input", &Level::input_usd_per_token, quantity(kUsdPerToken, kNotNegative),
                "price of the prompt"),
          field("output", &Level::output_usd_per_token, quantity(kUsdPerToken, kNotNegative),
                "price of the answer"),
          field("cached_input", &Level::cached_input_usd_per_token,
                quantity(kUsdPerToken, kNotNegative),
                "price of what is read from the cache; default: that of the prompt")};
}

ShapeOf<std::vector<Arm::Price::Tier>> tiers_shape() {
  using Tier = Arm::Price::Tier;
  std::vector<Field<Tier>> fields = level_fields<Tier>();
  for (const std::size_t i : {0U, 1U}) fields[i] = required(std::move(fields[i]));
  fields.insert(fields.begin(),
                required(field("above_input", &Tier::above_input_tokens,
                               quantity(kTokens, kPositive), "for requests with longer prompts")));
  return list(object<Tier>(std::move(fields)));
}

ShapeOf<Arm::Price> price_shape() {
  using Price = Arm::Price;
  using Change = Price::Change;
  std::vector<Field<Change>> change = level_fields<Change>();
  for (const std::size_t i : {0U, 1U}) change[i] = required(std::move(change[i]));
  change.insert(change.begin(), required(field("from", &Change::from, duration(kPositiveTime),
                                               "since the start of the rollout")));
  change.push_back(unless({}, &Change::tiers,
                          field("tiers", &Change::tiers, tiers_shape(),
                                "other prices for long prompts, whole requests at a time")));

  std::vector<Field<Price>> fields = level_fields<Price>();
  for (const std::size_t i : {0U, 1U})
    fields[i].write = [write = fields[i].write](const Price& price) {
      return price.file.empty() ? write(price) : std::nullopt;
    };
  fields.insert(fields.begin(), field("model", &Price::model, text(),
                                      "a name, for people; with `file`: the model to look up"));
  fields.push_back(unless({}, &Price::tiers,
                          field("tiers", &Price::tiers, tiers_shape(),
                                "other prices for long prompts, whole requests at a time")));
  fields.push_back(unless({}, &Price::changes,
                          field("changes", &Price::changes, list(object<Change>(std::move(change))),
                                "prices that hold from a moment on")));
  fields.push_back(unless({}, &Price::file,
                          field("file", &Price::file, text(false),
                                "a price file in the genai-prices format, plain or .gz, instead of "
                                "prices; `starts_at` says which of its dated prices hold")));
  return object<Price>(std::move(fields), [](const Node& node, const std::string& path,
                                             Problems& problems, Price& price) {
    for (const char* key : {"input", "output"})
      if (price.file.empty() && node.find(key) == nullptr)
        problems.error(node, path, "the key `" + std::string(key) + "` is missing");
  });
}

ShapeOf<Arm::Detector> detector_shape() {
  using Detector = Arm::Detector;
  return object<Detector>({
      required(field("sensitivity", &Detector::sensitivity, share(), "refusals that it flags")),
      required(field("specificity", &Detector::specificity, share(),
                     "other answers that it does not flag")),
  });
}

/// {normal: {mean: 0.78, sd: 0.19}}
ShapeOf<Arm::Score> score_shape() {
  using Score = Arm::Score;
  return one_of<Score>({group(
      "normal",
      object<Score>({required(field("mean", &Score::mean, number(kZeroToOne), "score")),
                     required(field("sd", &Score::sd, number(kNotNegative), "of the score"))}),
      "a normal law, cut off at 0 and 1")});
}

std::vector<Field<Arm>> arm_fields() {
  using Latency = Arm::Latency;
  using Thumbs = Arm::Thumbs;
  using Bursts = Arm::ErrorBursts;
  using Collapse = Arm::Collapse;
  using Hang = Arm::Hang;
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
      unless({}, &Thumbs::delay,
             field("delay", &Thumbs::delay, delay_shape(),
                   "from the request to its rating; default: at once")),
  });
  const auto bursts = object<Bursts>({
      field("burst_share", &Bursts::burst_share, share(), "of the time that is spent in bursts"),
      field("burst_p", &Bursts::burst_probability, share(), "share of requests that fail in one"),
      field("burst", &Bursts::burst, duration(kPositiveTime), "mean length, exponential"),
      field("shared", &Bursts::shared, quantity(kBoolean),
            "both arms burst at once, as when a provider has trouble"),
  });
  const auto collapse = object<Collapse>({
      field("p", &Collapse::probability, share(), "share of answers"),
      field("tokens", &Collapse::tokens, quantity(kTokens, kPositive), "they have at most so many"),
      field("quality", &Collapse::quality, number(kZeroToOne), "theirs at most"),
  });
  const auto hang = object<Hang>({
      field("p", &Hang::probability, share(), "share of requests"),
      field("factor", &Hang::factor, quantity(kFactor, kPositive),
            "they take so many times as long"),
  });
  const auto error = object<Arm>({
      bernoulli(&Arm::error_probability, "share of requests that fail",
                {field("clustered", &Arm::error_bursts, bursts,
                       "failures in bursts (Gilbert-Elliott), p over all time")}),
      unless(0.0, &Arm::rate_limited_share,
             field("rate_limited", &Arm::rate_limited_share, share(),
                   "of failures that are no timeouts: kind 429; the others are 5xx")),
      field("failed_latency_ratio", &Arm::failed_latency_ratio, number(kPositive),
            "latency of a failure against that of the answer"),
  });
  return {
      required(field("price", &Arm::price, price_shape(), "what tokens cost")),
      field("latency", &Arm::latency, latency, "how long an answer takes"),
      group("error", error, "requests without an answer"),
      group("refusal",
            object<Arm>({bernoulli(&Arm::refusal_probability, "share of answers that decline"),
                         unless({}, &Arm::refusal_detector,
                                field("detector", &Arm::refusal_detector, detector_shape(),
                                      "what telemetry sees of them; default: all, and no other"))}),
            "answers that decline the request"),
      unless({}, &Arm::collapse,
             field("collapse", &Arm::collapse, collapse, "answers of too few tokens")),
      unless({}, &Arm::hang, field("hang", &Arm::hang, hang, "rare requests that take very long")),
      field("thumbs", &Arm::thumbs, thumbs, "what users think of the answers"),
      field("quality", &Arm::quality, score_shape(), "a judge's score, 0 to 1"),
  };
}

/// A difference of any metric, for schemas.
Node difference_schema() { return map_node({{"type", quoted_node("string")}}); }

/// What the times of an effect count from: start, first_exposure or {served: 50%}.
class SinceShape final : public Shape<Effect> {
 public:
  void read(const Node& node, const std::string& path, Problems& problems,
            Effect& effect) const override {
    if (node.kind == Node::Kind::map) {
      effect.since = sim::EffectClock::served;
      served_->read(node, path, problems, effect);
    } else {
      clock_->read(node, path, problems, effect.since);
    }
  }
  [[nodiscard]] Node write(const Effect& effect) const override {
    return effect.since == sim::EffectClock::served ? served_->write(effect)
                                                    : clock_->write(effect.since);
  }
  [[nodiscard]] Node schema() const override {
    return map_node({{"anyOf", list_node({clock_->schema(), served_->schema()})}});
  }

 private:
  ShapeOf<sim::EffectClock> clock_ = choice<sim::EffectClock>(
      "a clock",
      {{"start", sim::EffectClock::start}, {"first_exposure", sim::EffectClock::first_exposure}});
  ShapeOf<Effect> served_ =
      object<Effect>({required(field("served", &Effect::since_served, share(),
                                     "the moment at which the served share first reached this"))});
};

/// Metrics that effects can act on; of the prompts' length, which the arms share, last.
std::vector<std::string> metrics_with_effects() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sim::kWorldMetrics; ++i) {
    const auto metric = static_cast<sim::WorldMetric>(i);
    if (sim::can_differ(metric)) names.emplace_back(sim::to_string(metric));
  }
  names.emplace_back(sim::to_string(sim::WorldMetric::input_tokens));
  return names;
}

ShapeOf<Effect::Periodic> periodic_shape() {
  using Periodic = Effect::Periodic;
  return object<Periodic>({
      required(field("period", &Periodic::period, duration(kPositiveTime), "of the rhythm")),
      required(field("on", &Periodic::on, duration(kPositiveTime), "how long it acts in each")),
  });
}

ShapeOf<Effect> effect_shape() {
  const auto shift_of = [](const Effect& effect) -> ShapeOf<double> {
    if (const MetricInfo* metric = find_metric(effect.metric))
      return quantity(difference_unit(*metric));
    // A knob without a name in telemetry is an event's probability.
    return sim::world_metric(effect.metric) ? quantity(kPoints) : nullptr;
  };
  return object<Effect>({
      field("name", &Effect::name, text(), "in paths; default: its metric"),
      required(field("metric", &Effect::metric, name_of("a metric", metrics_with_effects()),
                     "what is different")),
      field("multiply", &Effect::multiply, quantity(kFactor, kNotNegative),
            "the value, or the probability of an event, times this"),
      dependent<Effect, double>(
          "shift", &Effect::shift, shift_of, difference_schema,
          "then plus this, in the metric's unit: 0.3pp, 50ms, $0.001, 20 tokens"),
      unless(sim::EffectClock::start, &Effect::since,
             group<Effect>("since", std::make_shared<SinceShape>(),
                           "what its times count from: the start of the rollout, the candidate's "
                           "first exposure (served or mirrored), or {served: 50%}")),
      field("from", &Effect::from, duration(kAnyTime), "it begins then"),
      field("ramp_in", &Effect::ramp_in, duration(kAnyTime),
            "grows linearly to its size over this"),
      unless(false, &Effect::grows_on,
             field("grows_on", &Effect::grows_on, quantity(kBoolean),
                   "goes on growing after ramp_in, at the same pace")),
      field("lasts", &Effect::lasts, duration(kPositiveTime),
            "at its full size; default: to the end"),
      unless(Duration::zero(), &Effect::fade,
             field("fade", &Effect::fade, duration(kAnyTime), "then goes away over this")),
      field("periodic", &Effect::periodic, periodic_shape(), "acts for a part of every period"),
      unless(0.0, &Effect::above_served,
             field("above_served", &Effect::above_served, share(),
                   "acts while at least this share of the traffic is served by the candidate")),
      unless(std::string(), &Effect::segment,
             field("segment", &Effect::segment, text(), "acts on this segment of users only")),
      field("tenant", &Effect::tenant,
            ShapeOf<std::uint32_t>(std::make_shared<CountShape<std::uint32_t>>(
                Range<std::uint64_t>{.least = 1, .most = 10'000'000})),
            "acts on this tenant only, from 1: the largest"),
      unless(
          0.0, &Effect::above_input_tokens,
          field("above_input_tokens", &Effect::above_input_tokens, quantity(kTokens, kNotNegative),
                "acts on prompts of at least this length only")),
      unless(sim::EffectArms::candidate, &Effect::arms,
             field("arms", &Effect::arms,
                   choice<sim::EffectArms>("which arms", {{"candidate", sim::EffectArms::candidate},
                                                          {"baseline", sim::EffectArms::baseline},
                                                          {"both", sim::EffectArms::both}}),
                   "whose answers change; of both: a change of the world")),
      field("harmful", &Effect::harmful, quantity(kBoolean),
            "default: whether it moves its metric in the direction of harm"),
  });
}

}  // namespace

ShapeOf<Scenario> baseline_shape() {
  std::vector<Field<Scenario>> fields;
  for (Field<Arm>& arm_field : arm_fields())
    fields.push_back(within(&Scenario::baseline, std::move(arm_field)));
  fields.push_back(
      within(&Scenario::same_prompt,
             field("same_prompt_correlation", &sim::SamePrompt::correlation,
                   number(kPromptCorrelation), "between the arms' answers to one prompt")));
  using sim::SamePrompt;
  const auto same_prompt = object<SamePrompt>({
      field("agreement", &SamePrompt::agreement, share(),
            "mirrored prompts to which both arms say the same"),
      field("similarity", &SamePrompt::similarity, score_shape(), "of the two answers, 0 to 1"),
  });
  Field<Scenario> pair = field("same_prompt", &Scenario::same_prompt, same_prompt,
                               "how the arms' answers to one mirrored prompt compare");
  pair.write = [write = pair.write](const Scenario& scenario) {
    SamePrompt unsaid;
    unsaid.correlation = scenario.same_prompt.correlation;  // it has a key of its own
    return scenario.same_prompt == unsaid ? std::nullopt : write(scenario);
  };
  fields.push_back(std::move(pair));
  return object<Scenario>(std::move(fields));
}

ShapeOf<Scenario> candidate_shape() {
  return object<Scenario>({
      fixed<Scenario>("like", "an arm", {"baseline"}, "what the candidate is but for its effects"),
      field("price", &Scenario::candidate_price, price_shape(),
            "what its tokens cost; default: as the baseline's"),
      field("refusal_detector", &Scenario::candidate_refusal_detector, detector_shape(),
            "what telemetry sees of its refusals; default: as the baseline's"),
      field("effects", &Scenario::effects, list(effect_shape()), "how it differs"),
  });
}

}  // namespace gatewright::scenarios
