// The rules of what one request does at an arm.
#include "sim/arms/error_bursts.h"
#include "sim/findings.h"

namespace gatewright::sim {
namespace {

constexpr Range kPartOfTime{0.0, 1.0, true, true, "a share above 0% and below 100%"};
constexpr Range kWholeTokens{1.0, kHuge, false, false, "at least 1 token"};

template <typename Level>
void check_level(const Level& level, const std::string& path, Findings& findings) {
  findings.number(path + ".input", level.input_usd_per_token, kNotNegative);
  findings.number(path + ".output", level.output_usd_per_token, kNotNegative);
  if (level.cached_input_usd_per_token)
    findings.number(path + ".cached_input", *level.cached_input_usd_per_token, kNotNegative);
}

void check_tiers(const std::vector<Arm::Price::Tier>& tiers, const std::string& path,
                 Findings& findings) {
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    const std::string place = path + "." + std::to_string(i);
    check_level(tiers[i], place, findings);
    findings.number(place + ".above_input", tiers[i].above_input_tokens, kPositive);
    if (i > 0 && tiers[i].above_input_tokens <= tiers[i - 1].above_input_tokens)
      findings.error(place + ".above_input", "expected more tokens than in the tier before");
  }
}

void check_bursts(const Arm& arm, Findings& findings) {
  const std::string path = "baseline.error.bernoulli.clustered";
  const Arm::ErrorBursts& bursts = *arm.error_bursts;
  findings.number(path + ".burst_share", bursts.burst_share, kPartOfTime);
  findings.number(path + ".burst_p", bursts.burst_probability, kShare);
  findings.positive(path + ".burst", bursts.burst, "1m");
  const double quiet = quiet_error_probability(arm);
  if (quiet < 0.0)
    findings.error(path,
                   "bursts alone bring more errors than p: expected burst_share x burst_p of "
                   "at most p");
  if (quiet > 1.0)
    findings.error(path,
                   "bursts leave more errors to the rest of the time than it has requests: "
                   "expected a higher burst_p");
}

}  // namespace

void check(const Arm::Price& price, const std::string& path, Findings& findings) {
  if (!price.file.empty()) {
    if (price.model.empty()) findings.error(path + ".model", "expected a model of the price file");
    if (price.input_usd_per_token != 0.0 || price.output_usd_per_token != 0.0 ||
        price.cached_input_usd_per_token || !price.tiers.empty() || !price.changes.empty())
      findings.error(path + ".file", "expected the price file or prices written out, not both");
    return;
  }
  check_level(price, path, findings);
  check_tiers(price.tiers, path + ".tiers", findings);
  for (std::size_t i = 0; i < price.changes.size(); ++i) {
    const std::string place = path + ".changes." + std::to_string(i);
    check_level(price.changes[i], place, findings);
    check_tiers(price.changes[i].tiers, place + ".tiers", findings);
    findings.positive(place + ".from", price.changes[i].from, "6h");
    if (i > 0 && price.changes[i].from <= price.changes[i - 1].from)
      findings.error(place + ".from", "expected a later time than that of the change before");
  }
}

void check(const Arm::Detector& detector, const std::string& path, Findings& findings) {
  findings.number(path + ".sensitivity", detector.sensitivity, kShare);
  findings.number(path + ".specificity", detector.specificity, kShare);
}

void check(const SamePrompt& pair, Findings& findings) {
  findings.number("baseline.same_prompt_correlation", pair.correlation, kPromptCorrelation);
  findings.number("baseline.same_prompt.agreement", pair.agreement, kShare);
  findings.number("baseline.same_prompt.similarity.normal.mean", pair.similarity.mean, kScore);
  findings.number("baseline.same_prompt.similarity.normal.sd", pair.similarity.sd, kNotNegative);
}

void check(const Arm& arm, Findings& findings) {
  check(arm.price, "baseline.price", findings);
  findings.lognormal("baseline.latency.ttft.lognormal", arm.latency.ttft);
  findings.number("baseline.latency.per_output_token", arm.latency.per_output_token_seconds,
                  kNotNegative);
  findings.number("baseline.latency.timeout", arm.latency.timeout_seconds, kPositive);
  findings.number("baseline.error.bernoulli.p", arm.error_probability, kShare);
  if (arm.error_bursts) check_bursts(arm, findings);
  findings.number("baseline.error.rate_limited", arm.rate_limited_share, kShare);
  findings.number("baseline.failed_latency_ratio", arm.failed_latency_ratio, kPositive);
  findings.number("baseline.refusal.bernoulli.p", arm.refusal_probability, kShare);
  check(arm.refusal_detector, "baseline.refusal.detector", findings);
  findings.number("baseline.collapse.p", arm.collapse.probability, kShare);
  findings.number("baseline.collapse.tokens", arm.collapse.tokens, kWholeTokens);
  findings.number("baseline.collapse.quality", arm.collapse.quality, kScore);
  findings.number("baseline.hang.p", arm.hang.probability, kShare);
  findings.number("baseline.hang.factor", arm.hang.factor, kPositive);
  findings.delay("baseline.thumbs.delay", arm.thumbs.delay);
  findings.number("baseline.thumbs.down", arm.thumbs.down, kShare);
  findings.number("baseline.thumbs.up", arm.thumbs.up, kShare);
  findings.number("baseline.thumbs.rate_given", arm.thumbs.rate_given, kShare);
  if (arm.thumbs.down + arm.thumbs.up > 1.0)
    findings.error("baseline.thumbs.up", "expected down and up to sum to at most 100%");
  findings.number("baseline.quality.normal.mean", arm.quality.mean, kScore);
  findings.number("baseline.quality.normal.sd", arm.quality.sd, kNotNegative);
}

}  // namespace gatewright::sim
