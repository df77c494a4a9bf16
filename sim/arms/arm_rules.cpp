// The rules of what one request does at an arm.
#include "sim/findings.h"

namespace gatewright::sim {

void check(const Arm& arm, Findings& findings) {
  findings.number("baseline.price.input", arm.price.input_usd_per_token, kNotNegative);
  findings.number("baseline.price.output", arm.price.output_usd_per_token, kNotNegative);
  findings.lognormal("baseline.latency.ttft.lognormal", arm.latency.ttft);
  findings.number("baseline.latency.per_output_token", arm.latency.per_output_token_seconds,
                  kNotNegative);
  findings.number("baseline.latency.timeout", arm.latency.timeout_seconds, kPositive);
  findings.number("baseline.error.bernoulli.p", arm.error_probability, kShare);
  findings.number("baseline.failed_latency_ratio", arm.failed_latency_ratio, kPositive);
  findings.number("baseline.refusal.bernoulli.p", arm.refusal_probability, kShare);
  findings.number("baseline.thumbs.down", arm.thumbs.down, kShare);
  findings.number("baseline.thumbs.up", arm.thumbs.up, kShare);
  findings.number("baseline.thumbs.rate_given", arm.thumbs.rate_given, kShare);
  if (arm.thumbs.down + arm.thumbs.up > 1.0)
    findings.error("baseline.thumbs.up", "expected down and up to sum to at most 100%");
  findings.number("baseline.quality.normal.mean", arm.quality.mean, kScore);
  findings.number("baseline.quality.normal.sd", arm.quality.sd, kNotNegative);
}

}  // namespace gatewright::sim
