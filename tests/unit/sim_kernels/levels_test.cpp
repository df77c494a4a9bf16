// A rollout played at every level: one fingerprint.
#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "sim/field.h"
#include "sim/kernels/kernels.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// Bursty tenants, sessions, segments, effects that ramp, noise, bursts and late ratings at once.
Scenario full_world() {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = BurstyArrivals{.rate_per_second = 20.0};
  scenario.traffic.tenants.count = 20;
  scenario.traffic.tenants.burstiness.emplace();
  scenario.traffic.users.sessions.requests = 3.0;
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  scenario.baseline.error_bursts.emplace();
  scenario.baseline.refusal_detector.specificity = 0.99;
  scenario.baseline.thumbs.delay = {DelayLaw::Kind::lognormal, 40.0, 1.9};
  scenario.noise.deployment = {{"latency", 0.02}, {"quality", 0.01}};
  scenario.noise.prompts["error"] = 0.08;
  scenario.effects = {effect("latency", 1.05), effect("cost", 1.02)};
  scenario.effects[0].segment = "premium";
  scenario.effects[1].ramp_in = 1h;
  return scenario;
}

TEST(Levels, PlayOneRollout) {
  for (const Scenario& scenario : {quiet_world(), full_world()}) {
    const auto ready = prepared(scenario);
    const std::vector<Contender> contenders{contender(five_gates())};
    std::optional<std::uint64_t> fingerprint;
    for (const KernelLevel level : kKernelLevels) {
      if (kernels_at(level) == nullptr) continue;
      use_kernels(level);
      Field field(contenders, *ready);
      field.play({7, 0});
      const std::uint64_t played = field.record(0).fingerprint;
      EXPECT_EQ(fingerprint.value_or(played), played) << static_cast<int>(level);
      fingerprint = played;
    }
  }
}

}  // namespace
}  // namespace gatewright::sim
