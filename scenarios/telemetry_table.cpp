#include "scenarios/telemetry_table.h"

#include <utility>

#include "scenarios/laws.h"

namespace gatewright::scenarios {

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

}  // namespace gatewright::scenarios
