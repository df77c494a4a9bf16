#include "scenarios/serving_table.h"

#include <utility>

#include "scenarios/laws.h"

namespace gatewright::scenarios {

namespace {

using sim::Autoscaling;
using sim::Serving;
using sim::ServingPool;

ShapeOf<std::uint32_t> count_from(std::uint64_t least) {
  return std::make_shared<CountShape<std::uint32_t>>(
      Range<std::uint64_t>{.least = least, .most = 1'000'000});
}

ShapeOf<Autoscaling> autoscaling_shape() {
  return object<Autoscaling>({
      field("least", &Autoscaling::least, count_from(1), "replicas at the fewest"),
      field("most", &Autoscaling::most, count_from(1), "replicas at the most"),
      field("target", &Autoscaling::target, share(),
            "wanted share of busy slots, as a mean between two looks"),
      field("every", &Autoscaling::every, duration(kPositiveTime), "from look to look"),
      field("cold_start", &Autoscaling::cold_start, duration(kAnyTime),
            "until a new replica takes requests"),
      field("scale_down_after", &Autoscaling::scale_down_after, duration(kAnyTime),
            "of low load; then down to the most that was wanted meanwhile"),
  });
}

ShapeOf<ServingPool> pool_shape() {
  return object<ServingPool>({
      field("replicas", &ServingPool::replicas, count_from(1), "at the start"),
      field("concurrency", &ServingPool::concurrency, count_from(1),
            "requests that one replica answers at once"),
      field("batch_slowdown", &ServingPool::batch_slowdown, number(kNotNegative),
            "with b requests in a replica's batch a token takes 1 + this x (b - 1) times as long"),
      field("prefill", &ServingPool::prefill_tokens_per_second, quantity(kRate, kNotNegative),
            "prompt tokens read per second, on top of the time to first token; 0/s: it is in that"),
      field(
          "tokens_per_slot", &ServingPool::tokens_per_slot, quantity(kTokens, kPositive),
          "a slot's part of a replica's memory, of which the metric `memory` is the share in use"),
      field("queue", &ServingPool::queue, count_from(0),
            "longest; beyond it a request is rejected, as an error"),
      field("autoscaling", &ServingPool::autoscaling, autoscaling_shape(),
            "replicas that follow the load; default: their number stays"),
  });
}

}  // namespace

ShapeOf<Serving> serving_shape() {
  return object<Serving>({
      field("baseline", &Serving::baseline, pool_shape(), "servers of the baseline"),
      field("candidate", &Serving::candidate, pool_shape(), "servers of the candidate"),
      field("follows_exposure", &Serving::follows_exposure, quantity(kBoolean),
            "the candidate has its share of exposure of the baseline's replicas, at least one"),
      field("cold_start", &Serving::cold_start, duration(kAnyTime),
            "of replicas that follow the exposure; superfluous ones go at once"),
      field("batch_noise", &Serving::batch_noise, number(kNotNegative),
            "sd of an answer's quality, times the coefficient of variation of the batch sizes that "
            "it met"),
      field("harmful", &Serving::harmful, quantity(kBoolean),
            "whether the candidate's servers count as harm; default: where they have fewer slots, "
            "or slower ones, and do not follow the exposure"),
  });
}

}  // namespace gatewright::scenarios
