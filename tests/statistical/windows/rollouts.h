// What becomes of policies at one resolution and at the other, and how likely the difference is chance.
// Used by the tests of this folder and by the long comparison.
#pragma once

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
#include "tests/statistical/windows/comparison.h"

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

/// Rollouts of one contender: how each ended, and what each gate knew then.
struct Rollouts {
  std::vector<RunRecord> records;
  std::vector<Sample> evidence;  ///< per gate: its last share of a halt; -1 where it had none
};

/// Per contender.
inline std::vector<Rollouts> rollouts_of(std::span<const Contender> field,
                                         const PreparedScenario& scenario, std::size_t count) {
  std::vector<Rollouts> all(field.size());
  Field players(field, scenario);
  for (std::uint64_t replication = 0; replication < count; ++replication) {
    std::vector<RunTrace> traces(field.size());
    players.play({21, replication}, &traces);
    for (std::size_t c = 0; c < field.size(); ++c) {
      all[c].records.push_back(players.record(c));
      const auto& harm = traces[c].harm;
      if (harm.empty()) continue;
      all[c].evidence.resize(harm.back().size());
      for (std::size_t gate = 0; gate < harm.back().size(); ++gate) {
        const double last = harm.back()[gate];
        all[c].evidence[gate].push_back(std::isfinite(last) ? last : -1.0);
      }
    }
  }
  return all;
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
    {"cost of the shadow", [](const RunRecord& r) { return r.impact.shadow_cost_usd; }},
};

/// The stage and the way of the end (chi-square), how many were halted (Fisher's exact test), the sizes
/// of what happened, and the gates' evidence at the end (KS).
inline std::vector<Comparison> compare(const Rollouts& a, const Rollouts& b,
                                       const std::string& whose) {
  std::vector<Comparison> all;
  std::map<std::pair<Outcome, std::uint16_t>, std::pair<std::uint64_t, std::uint64_t>> ends;
  std::uint64_t halted_a = 0, halted_b = 0;
  for (const RunRecord& record : a.records) {
    ++ends[{record.outcome, record.stage}].first;
    halted_a += record.outcome == Outcome::halted ? 1 : 0;
  }
  for (const RunRecord& record : b.records) {
    ++ends[{record.outcome, record.stage}].second;
    halted_b += record.outcome == Outcome::halted ? 1 : 0;
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> classes;
  for (const auto& [end, counts] : ends) classes.push_back(counts);
  all.push_back({whose + "stage of the end", chi_square_p(classes)});
  all.push_back(
      {whose + "share halted, " + std::to_string(halted_a) + " and " + std::to_string(halted_b),
       fisher(halted_a, a.records.size(), halted_b, b.records.size())});
  const auto by_distance = [&](const std::string& what, const Sample& x, const Sample& y) {
    const double apart = distance(x, y);
    all.push_back({whose + what + ", distance " + std::to_string(apart),
                   smirnov_p(apart, x.size(), y.size())});
  };
  for (const Numbers& number : kNumbers) {
    Sample x, y;
    for (const RunRecord& record : a.records) x.push_back(number.of(record));
    for (const RunRecord& record : b.records) y.push_back(number.of(record));
    by_distance(number.name, x, y);
  }
  for (std::size_t gate = 0; gate < std::min(a.evidence.size(), b.evidence.size()); ++gate)
    by_distance("evidence of gate " + std::to_string(gate), a.evidence[gate], b.evidence[gate]);
  return all;
}

/// Both resolutions, the scenario and its healthy twin, every contender.
inline std::vector<Comparison> compare_resolutions(Rehearsal rehearsal, std::size_t rollouts) {
  std::vector<Comparison> all;
  for (const bool twin : {false, true}) {
    std::vector<std::vector<Rollouts>> played;
    for (const Fidelity fidelity : {Fidelity::requests, Fidelity::windows}) {
      rehearsal.scenario.fidelity = fidelity;
      const Prepared prepared = prepare(rehearsal.scenario);
      if (!prepared.scenario) return all;
      const auto world = twin ? healthy_twin(prepared.scenario) : prepared.scenario;
      played.push_back(rollouts_of(rehearsal.field, *world, rollouts));
    }
    for (std::size_t c = 0; c < rehearsal.field.size(); ++c) {
      const std::string whose = rehearsal.field[c].name + (twin ? ", twin, " : ", ");
      for (Comparison& comparison : compare(played[0][c], played[1][c], whose))
        all.push_back(std::move(comparison));
    }
  }
  return all;
}

}  // namespace gatewright::sim::testing
