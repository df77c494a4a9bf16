// How answers wait: replicas that batch requests, per arm, and how their number follows the load.
// Used by scenarios, and by Station, which plays one arm's pool; plain data.
#pragma once

#include <cstdint>
#include <optional>

#include "policies/time.h"

namespace gatewright::sim {

/// Replicas that come and go with the load, as a horizontal autoscaler does it.
struct Autoscaling {
  std::uint32_t least = 1;
  std::uint32_t most = 16;
  double target = 0.7;  ///< wanted share of busy slots, in (0, 1)
  Duration every = std::chrono::seconds(30);
  Duration cold_start = std::chrono::minutes(3);        ///< until a new replica takes requests
  Duration scale_down_after = std::chrono::minutes(5);  ///< of low load
};

/// One arm's servers. A replica answers up to `concurrency` requests at once; with b of them a token
/// takes (1 + batch_slowdown (b - 1)) times the arm's time per token. Waiting is first come, first
/// served, in one queue.
struct ServingPool {
  std::uint32_t replicas = 4;
  std::uint32_t concurrency = 16;
  double batch_slowdown = 0.02;
  double prefill_tokens_per_second = 0.0;  ///< 0: prefill is in the arm's time to first token
  double tokens_per_slot = 4'096.0;  ///< a slot's part of a replica's memory, for metric `memory`
  std::uint32_t queue = 1'000;       ///< longest; beyond it a request is rejected (429)
  std::optional<Autoscaling> autoscaling;
};

/// Both arms' servers. What waits longer than the arm's timeout is given up.
struct Serving {
  ServingPool baseline;
  ServingPool candidate;
  /// The candidate's replicas are provisioned with its exposure (served and mirrored): its share of
  /// the baseline's replicas, at least one, after its cold start. Until its first exposure it has its
  /// own number.
  bool follows_exposure = false;
  Duration cold_start = std::chrono::minutes(3);  ///< of replicas that follow the exposure
  /// Run-to-run noise of quality (sd) per unit of the coefficient of variation of the batch sizes that
  /// an answer met at its replica.
  double batch_noise = 0.0;
  std::optional<bool>
      harmful{};  ///< default: whether the candidate has fewer slots, or slower ones
};

/// Whether the candidate's servers hurt: what `harmful` says, else whether they have fewer slots at
/// their most, or lose more to batches, than the baseline's, and do not follow the exposure.
[[nodiscard]] bool is_harmful(const Serving& serving) noexcept;

}  // namespace gatewright::sim
