// What becomes of policies at one resolution and at the other, and how likely the difference is chance.
// Used by the tests of this folder and by the long comparison.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policies/compile.h"
#include "scenarios/load.h"
#include "sim/field.h"
#include "sim/prepared.h"
#include "sim/run.h"
#include "tests/statistical/windows/evidence.h"

namespace gatewright::sim::testing {

/// One question to both resolutions, and the probability of answers as far apart if they have one law.
struct Comparison {
  std::string what;
  double p = 1.0;
};

/// A scenario of the catalog, with those of its policies that both resolutions play.
struct Rehearsal {
  std::string name;
  Scenario scenario;
  std::vector<Contender> field;
  std::string refused{};  ///< why windows play none of them
};

/// `per_second`: requests, instead of the scenario's own; 0: its own.
inline Rehearsal rehearsal(const std::string& file, const std::string& name, double per_second) {
  Rehearsal made{.name = name, .scenario = {}, .field = {}};
  const auto loaded = scenarios::load(file);
  if (!loaded.study) {
    made.refused = "does not load";
    return made;
  }
  made.scenario = loaded.study->scenario;
  if (per_second > 0.0 && std::holds_alternative<PoissonArrivals>(made.scenario.traffic.arrivals))
    made.scenario.traffic.arrivals = PoissonArrivals{per_second};
  made.scenario.fidelity = Fidelity::windows;
  std::vector<PlanSpec> plans = loaded.study->other_plans;
  plans.insert(plans.begin(), loaded.study->plan);
  for (const PlanSpec& plan : plans) {
    const Compiled compiled = compile(plan);
    if (!compiled.engine) continue;
    const Contender contender{.name = plan.name,
                              .engine = *compiled.engine,
                              .assignment = plan.assignment,
                              .plan = std::make_shared<const PlanSpec>(plan)};
    const Diagnostics problems = check_fit(contender, made.scenario);
    if (problems.empty())
      made.field.push_back(contender);
    else
      made.refused = problems.front().path + ": " +
                     problems.front().message.substr(0, problems.front().message.find(": exp"));
  }
  if (!made.field.empty()) made.refused.clear();
  return made;
}

struct Numbers {
  const char* name;
  double (*of)(const RunRecord&);
};
inline constexpr Numbers kNumbers[] = {
    {"time of the end",
     [](const RunRecord& r) { return static_cast<double>(r.ended_at.count()) * 1e-9; }},
    {"requests", [](const RunRecord& r) { return static_cast<double>(r.requests); }},
    {"requests of the candidate",
     [](const RunRecord& r) { return static_cast<double>(r.candidate_requests); }},
    {"exposure minutes", [](const RunRecord& r) { return r.impact.exposure_minutes; }},
    {"user minutes",
     [](const RunRecord& r) { return static_cast<double>(r.impact.user_impact_minutes); }},
    {"bad user minutes",
     [](const RunRecord& r) { return static_cast<double>(r.impact.bad_user_minutes); }},
    {"impacted requests",
     [](const RunRecord& r) { return static_cast<double>(r.impact.impacted_requests); }},
    {"excess cost", [](const RunRecord& r) { return r.impact.excess_cost_usd; }},
    {"observations refused", [](const RunRecord& r) { return static_cast<double>(r.faults); }},
    {"cost of the shadow", [](const RunRecord& r) { return r.impact.shadow_cost_usd; }},
};

/// Rollouts of one contender: how each ended ("end", and "halted" or not), the sizes of what happened, and
/// what each gate knew at last, its share of a halt; -1 where it had none.
using Rollouts = Evidence;

/// Per contender.
inline std::vector<Rollouts> rollouts_of(std::span<const Contender> field,
                                         const PreparedScenario& scenario, std::size_t count) {
  std::vector<Rollouts> all(field.size());
  Field players(field, scenario);
  for (std::uint64_t replication = 0; replication < count; ++replication) {
    std::vector<RunTrace> traces(field.size());
    players.play({21, replication}, &traces);
    for (std::size_t c = 0; c < field.size(); ++c) {
      const RunRecord& record = players.record(c);
      all[c]["end"].push_back(static_cast<double>(record.outcome) * 1'000.0 +
                              static_cast<double>(record.stage));
      all[c]["halted"].push_back(record.outcome == Outcome::halted ? 1.0 : 0.0);
      for (const Numbers& number : kNumbers) all[c][number.name].push_back(number.of(record));
      const auto& harm = traces[c].harm;
      if (harm.empty()) continue;
      for (std::size_t gate = 0; gate < harm.back().size(); ++gate) {
        const double last = harm.back()[gate];
        all[c]["evidence of gate " + std::to_string(gate)].push_back(std::isfinite(last) ? last
                                                                                         : -1.0);
      }
    }
  }
  return all;
}

/// The stage and the way of the end (chi-square), how many were halted (Fisher's exact test), the sizes
/// of what happened, and the gates' evidence at the end (KS).
inline std::vector<Comparison> compare(const Rollouts& a, const Rollouts& b,
                                       const std::string& whose) {
  std::vector<Comparison> all;
  for (const auto& [what, x] : a) {
    const auto other = b.find(what);
    if (other == b.end()) continue;
    const Sample& y = other->second;
    if (what == "end") {
      std::map<double, std::pair<std::uint64_t, std::uint64_t>> ends;
      for (const double end : x) ++ends[end].first;
      for (const double end : y) ++ends[end].second;
      std::vector<std::pair<std::uint64_t, std::uint64_t>> classes;
      for (const auto& [end, counts] : ends) classes.push_back(counts);
      all.push_back({whose + "stage of the end", chi_square_p(classes)});
    } else if (what == "halted") {
      const auto halted = [](const Sample& sample) {
        return static_cast<std::uint64_t>(std::ranges::count(sample, 1.0));
      };
      all.push_back({whose + "share halted, " + std::to_string(halted(x)) + " and " +
                         std::to_string(halted(y)),
                     fisher(halted(x), x.size(), halted(y), y.size())});
    } else {
      const double apart = distance(x, y);
      all.push_back({whose + what + ", distance " + std::to_string(apart),
                     smirnov_p(apart, x.size(), y.size())});
    }
  }
  return all;
}

/// Plays; see compare_resolutions.
struct PlayAlways {
  template <typename Play>
  Rollouts operator()(const std::string& /*whose*/, Play play) const {
    return play();
  }
};

/// Both resolutions, the scenario and its healthy twin, every contender. `recall(whose, play)` gives a
/// contender's rollouts by requests, of which it may know from before.
template <typename Recall = PlayAlways>
std::vector<Comparison> compare_resolutions(Rehearsal rehearsal, std::size_t rollouts,
                                            Recall recall = {}) {
  std::vector<Comparison> all;
  for (const bool twin : {false, true}) {
    const auto play = [&](Fidelity fidelity) -> std::vector<Rollouts> {
      rehearsal.scenario.fidelity = fidelity;
      const Prepared prepared = prepare(rehearsal.scenario);
      if (!prepared.scenario) return std::vector<Rollouts>(rehearsal.field.size());
      const auto world = twin ? healthy_twin(prepared.scenario) : prepared.scenario;
      return rollouts_of(rehearsal.field, *world, rollouts);
    };
    std::vector<Rollouts> by_requests;  // once somebody asks
    const std::vector<Rollouts> by_windows = play(Fidelity::windows);
    for (std::size_t c = 0; c < rehearsal.field.size(); ++c) {
      const std::string whose = rehearsal.field[c].name + (twin ? ", twin, " : ", ");
      const Rollouts requests =
          recall(std::to_string(c) + (twin ? "-twin" : ""), [&]() -> Rollouts {
            if (by_requests.empty()) by_requests = play(Fidelity::requests);
            return by_requests[c];
          });
      for (Comparison& comparison : compare(requests, by_windows[c], whose))
        all.push_back(std::move(comparison));
    }
  }
  return all;
}

}  // namespace gatewright::sim::testing
