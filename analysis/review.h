// What a reviewer with a calculator would say of a plan in its world, before anything is rolled out.
// Used by lint. Never refuses anything: errors are compile's, these are warnings and what can be seen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/power.h"
#include "policies/diagnostic.h"
#include "policies/plan.h"
#include "sim/scenario.h"

namespace gatewright::analysis {

/// The power with which a change counts as visible.
inline constexpr double kPower = 0.8;

/// What a gate sees by the end of one stage.
struct StageSight {
  ArmCounts requests{};  ///< told to the gate until then
  std::optional<double>
      smallest;  ///< change, as the margin is stated; nothing: no change is visible
};

struct GateSight {
  std::string gate{};
  HarmSpec edge{};                                  ///< of harm, as weighed: beyond the noise floor
  bool one_look = false;                            ///< a threshold: what one look sees
  std::optional<double> false_alarms_per_look{};    ///< of a threshold: share of harmless looks
  std::vector<std::optional<StageSight>> stages{};  ///< nothing where the gate is not measured
  std::string
      sentence{};  ///< what the gate cannot see where users first meet the candidate; may be empty
};

struct Review {
  std::vector<GateSight> gates{};  ///< those whose power can be computed
  Diagnostics of_plan{};           ///< warnings, with paths of the plan
  Diagnostics of_world{};          ///< warnings, with paths of the scenario ("rollback.actuation")
};

/// Without a world only what the plan itself shows. The plan compiles.
[[nodiscard]] Review review(const PlanSpec& plan, const sim::Scenario* world);

/// One row per gate and one column per stage, within 80 columns.
[[nodiscard]] std::string sight_table(const PlanSpec& plan, const Review& review);

}  // namespace gatewright::analysis
