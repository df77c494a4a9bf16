#include "policies/metric.h"

#include <algorithm>

namespace gatewright {
namespace {

constexpr MetricInfo kMetrics[] = {
    {"latency", MetricKind::positive, MetricScope::all, Direction::up, "s",
     "end to end, from the request to the last token or the error"},
    {"ttft", MetricKind::positive, MetricScope::answered, Direction::up, "s",
     "from the request to the first token"},
    {"tpot", MetricKind::positive, MetricScope::answered, Direction::up, "s",
     "time per output token after the first"},
    {"input_tokens", MetricKind::positive, MetricScope::all, Direction::up, "tokens",
     "length of the prompt"},
    {"output_tokens", MetricKind::positive, MetricScope::answered, Direction::up, "tokens",
     "length of the answer"},
    {"cost", MetricKind::positive, MetricScope::all, Direction::up, "USD",
     "price of the request, failed ones included"},
    {"error", MetricKind::event, MetricScope::all, Direction::up, "share",
     "requests that got no answer: rejected, timed out or failed"},
    {"error_429", MetricKind::event, MetricScope::all, Direction::up, "share",
     "requests that were rejected by a rate limit or a full queue"},
    {"error_5xx", MetricKind::event, MetricScope::all, Direction::up, "share",
     "requests that failed, neither rejected nor timed out"},
    {"refusal", MetricKind::event, MetricScope::answered, Direction::up, "share",
     "answers that decline the request, as far as the detector sees"},
    {"error_or_refusal", MetricKind::event, MetricScope::all, Direction::up, "share",
     "requests that got no answer or a refusal"},
    {"timeout", MetricKind::event, MetricScope::all, Direction::up, "share",
     "requests given up after the time limit"},
    {"length_collapse", MetricKind::event, MetricScope::answered, Direction::up, "share",
     "answers of too few tokens to be one"},
    {"thumbs_down", MetricKind::event, MetricScope::seen, Direction::up, "share",
     "served answers that a user rated down, of all served answers, rated or not"},
    {"thumbs_up", MetricKind::event, MetricScope::seen, Direction::down, "share",
     "served answers that a user rated up, of all served answers, rated or not"},
    {"quality", MetricKind::score, MetricScope::answered, Direction::down, "score",
     "a judge's score or ground truth, 0 to 1"},
    {"agreement", MetricKind::event, MetricScope::paired, Direction::down, "share",
     "mirrored requests to which both arms answer the same"},
    {"similarity", MetricKind::score, MetricScope::paired, Direction::down, "score",
     "likeness of the two arms' answers to one mirrored prompt, 0 to 1"},
    {"preference", MetricKind::event, MetricScope::interleaved, Direction::down, "share",
     "credited clicks on interleaved lists that went to the arm's answer"},
    {"cpu", MetricKind::gauge, MetricScope::all, Direction::up, "share",
     "processor use of the arm's replicas"},
    {"memory", MetricKind::gauge, MetricScope::all, Direction::up, "share",
     "memory use of the arm's replicas"},
};

}  // namespace

std::span<const MetricInfo> metrics() noexcept { return kMetrics; }

const MetricInfo* find_metric(std::string_view name) noexcept {
  const auto found = std::ranges::find(kMetrics, name, &MetricInfo::name);
  return found == std::end(kMetrics) ? nullptr : &*found;
}

}  // namespace gatewright
