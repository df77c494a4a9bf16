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
  using Quality = Arm::Score;
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

}  // namespace

std::vector<std::string> metrics_that_differ(bool positive_only) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sim::kWorldMetrics; ++i) {
    const auto metric = static_cast<sim::WorldMetric>(i);
    if (sim::can_differ(metric) && (!positive_only || sim::is_positive(metric)))
      names.emplace_back(sim::to_string(metric));
  }
  return names;
}

ShapeOf<Scenario> baseline_shape() {
  std::vector<Field<Scenario>> fields;
  for (Field<Arm>& arm_field : arm_fields())
    fields.push_back(within(&Scenario::baseline, std::move(arm_field)));
  fields.push_back(
      within(&Scenario::same_prompt,
             field("same_prompt_correlation", &sim::SamePrompt::correlation,
                   number(kPromptCorrelation), "between the arms' answers to one prompt")));
  return object<Scenario>(std::move(fields));
}

ShapeOf<Scenario> candidate_shape() {
  return object<Scenario>({
      fixed<Scenario>("like", "an arm", {"baseline"}, "what the candidate is but for its effects"),
      field("effects", &Scenario::effects, list(effect_shape()), "how it differs"),
  });
}

}  // namespace gatewright::scenarios
