// The rules of servers, and when a candidate's are a harm.
#include <algorithm>
#include <chrono>

#include "sim/findings.h"
#include "sim/serving/serving.h"

namespace gatewright::sim {
namespace {

constexpr double kMostReplicas = 10'000.0;
constexpr Range kReplicas{1.0, kMostReplicas, false, false, "a number from 1 to 10000"};
constexpr Range kSlots{1.0, 1e6, false, false, "a number from 1 to 1000000"};
constexpr Range kTarget{0.0, 1.0, true, true, "a share above 0% and below 100%"};

void check(const std::string& path, const ServingPool& pool, Findings& findings) {
  findings.number(path + ".replicas", pool.replicas, kReplicas);
  findings.number(path + ".concurrency", pool.concurrency, kSlots);
  findings.number(path + ".batch_slowdown", pool.batch_slowdown, kNotNegative);
  findings.number(path + ".prefill", pool.prefill_tokens_per_second, kNotNegative);
  findings.number(path + ".tokens_per_slot", pool.tokens_per_slot, kPositive);
  if (!pool.autoscaling) return;
  const Autoscaling& scaling = *pool.autoscaling;
  const std::string scaled = path + ".autoscaling";
  findings.number(scaled + ".least", scaling.least, kReplicas);
  findings.number(scaled + ".most", scaling.most, kReplicas);
  if (scaling.most < scaling.least)
    findings.error(scaled + ".most",
                   "expected at least `least`, which is " + std::to_string(scaling.least));
  if (pool.replicas < scaling.least || pool.replicas > scaling.most)
    findings.error(path + ".replicas", "expected a number from `autoscaling.least` to `most`: " +
                                           std::to_string(scaling.least) + " to " +
                                           std::to_string(scaling.most));
  findings.number(scaled + ".target", scaling.target, kTarget);
  findings.positive(scaled + ".every", scaling.every, "30s");
  findings.not_negative(scaled + ".cold_start", scaling.cold_start);
  findings.not_negative(scaled + ".scale_down_after", scaling.scale_down_after);
}

double most_slots(const ServingPool& pool) noexcept {
  const std::uint32_t replicas = pool.autoscaling ? pool.autoscaling->most : pool.replicas;
  return static_cast<double>(replicas) * static_cast<double>(pool.concurrency);
}

}  // namespace

bool is_harmful(const Serving& serving) noexcept {
  if (serving.harmful) return *serving.harmful;
  return !serving.follows_exposure &&
         (most_slots(serving.candidate) < most_slots(serving.baseline) ||
          serving.candidate.batch_slowdown > serving.baseline.batch_slowdown);
}

void check(const Serving& serving, Findings& findings) {
  check("serving.baseline", serving.baseline, findings);
  check("serving.candidate", serving.candidate, findings);
  findings.not_negative("serving.cold_start", serving.cold_start);
  findings.number("serving.batch_noise", serving.batch_noise, kNotNegative);
  if (serving.follows_exposure && serving.candidate.autoscaling)
    findings.error("serving.follows_exposure",
                   "the candidate's replicas follow either its exposure or its load: expected no "
                   "`candidate.autoscaling`");
}

}  // namespace gatewright::sim
