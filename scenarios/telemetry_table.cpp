#include "scenarios/telemetry_table.h"

#include <utility>

#include "scenarios/laws.h"
#include "sim/arms/world_metric.h"

namespace gatewright::scenarios {

namespace {

/// Every metric that a report can be of.
std::vector<std::string> reported_metrics() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sim::kWorldMetrics; ++i)
    names.emplace_back(sim::to_string(static_cast<sim::WorldMetric>(i)));
  return names;
}

ShapeOf<sim::TelemetryFault> fault_shape() {
  using Fault = sim::TelemetryFault;
  using Kind = sim::TelemetryFaultKind;
  return object<Fault>({
      required(field("kind", &Fault::kind,
                     choice<Kind>("a fault", {{"lost", Kind::lost},
                                              {"duplicated", Kind::duplicated},
                                              {"reordered", Kind::reordered},
                                              {"truncated", Kind::truncated},
                                              {"counter_reset", Kind::counter_reset},
                                              {"not_a_number", Kind::not_a_number},
                                              {"unit_mistake", Kind::unit_mistake},
                                              {"swapped_arms", Kind::swapped_arms}}),
                     "truncated: the first half of its window; counter_reset, not_a_number and "
                     "unit_mistake befall the candidate's part")),
      unless(std::string{}, &Fault::metric,
             field("metric", &Fault::metric, name_of("a metric", reported_metrics()),
                   "whose reports are concerned; default: any")),
      field("share", &Fault::share, share(), "of the reports concerned"),
      field("from", &Fault::from, duration(kAnyTime), "since the start of the rollout"),
      field("lasts", &Fault::lasts, duration(kPositiveTime), "default: to the end"),
      field("factor", &Fault::factor, quantity(kFactor, kPositive), "of a unit mistake"),
  });
}

}  // namespace

ShapeOf<sim::Telemetry> telemetry_shape() {
  using sim::Telemetry;
  return object<Telemetry>({
      field("window", &Telemetry::window, duration(kPositiveTime),
            "resolution of the metrics; windows of gates are whole multiples"),
      field("delay", &Telemetry::delay, delay_shape(), "from the close of a window to the engine"),
      field("lost", &Telemetry::lost, share(), "of all reports"),
      field("duplicated", &Telemetry::duplicated, share(), "of all reports; they come twice"),
      field("reordered", &Telemetry::reordered, share(),
            "of all reports; they come after the next one of their kind"),
      field("mirrored_sampled", &Telemetry::mirrored_sampled, share(),
            "of the mirrored requests that telemetry sees"),
      unless(std::vector<sim::TelemetryFault>{}, &Telemetry::faults,
             field("faults", &Telemetry::faults, list(fault_shape()),
                   "what goes wrong with reports for a while")),
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
       std::move(delay),
       field("refused", &Rollback::refused, share(), "of attempts, each tried again"),
       field("retry_after", &Rollback::retry_after, duration(kPositiveTime),
             "from what went wrong to the next try"),
       field("partial", &Rollback::partial, share(),
             "of actuations that first land short of their target"),
       field("lands_at", &Rollback::lands_at, share(), "how much of the way those go at first"),
       field("applied_twice", &Rollback::applied_twice, share(),
             "of actuations that are confirmed twice"),
       field("lost_acknowledgement", &Rollback::lost_acknowledgement, share(),
             "of actuations whose confirmation has to be asked for again"),
       field("cold", &Rollback::cold, duration(kAnyTime),
             "a rollback finds the old model cold for so long"),
       field("cold_factor", &Rollback::cold_factor, quantity(kFactor, kPositive),
             "latency of a cold model against that of a warm one")},
      [](const Node& node, const std::string& path, Problems& problems, Rollback& rollback) {
        const bool has_delay = node.find("delay") != nullptr;
        if (has_delay && !node.find("actuation")) rollback.actuation = Actuation::custom;
        if (has_delay != (rollback.actuation == Actuation::custom))
          problems.error(node, path,
                         has_delay ? "`delay` goes with `actuation: custom` only"
                                   : "`actuation: custom` needs a `delay`");
      });
}

ShapeOf<std::vector<sim::OperatorAction>> operators_shape() {
  using sim::OperatorAction;
  using Kind = OperatorCommand::Kind;
  return list(object<OperatorAction>({
      required(field("at", &OperatorAction::at, duration(kAnyTime), "since the start")),
      required(field("do", &OperatorAction::command,
                     choice<Kind>("a command", {{"pause", Kind::pause},
                                                {"resume", Kind::resume},
                                                {"halt", Kind::halt},
                                                {"approve", Kind::approve}}),
                     "what the person does")),
  }));
}

ShapeOf<sim::Interleaving> interleaving_shape() {
  using sim::Interleaving;
  return object<Interleaving>({
      field("clicked", &Interleaving::clicked, share(), "of interleaved lists"),
      field("scale", &Interleaving::scale, number(kPositive),
            "of the quality difference that a click shows: it goes to the better answer with "
            "probability Phi(difference / scale)"),
  });
}

ShapeOf<sim::Objectives> objectives_shape() {
  using sim::Objectives;
  return object<Objectives>({
      field("latency", &Objectives::latency_seconds, seconds(kPositive), "a slower answer is bad"),
      field("quality", &Objectives::quality_floor, number(kZeroToOne), "a lower score is bad"),
  });
}

}  // namespace gatewright::scenarios
