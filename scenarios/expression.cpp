// The short form of a gate: "p99(latency) <= 1.5x baseline".
// A hand-written reader: five tokens need no grammar, and it knows its column at every step.
// Never looks at samples.
#include "scenarios/expression.h"

#include <utility>

#include "scenarios/text.h"

namespace gatewright::scenarios {

namespace {

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

/// Reads words and signs from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) { skip_spaces(); }

  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(offset_); }

  std::string_view word() {
    const std::size_t start = offset_;
    while (offset_ < text_.size() && is_name_character(text_[offset_])) ++offset_;
    const std::string_view result = text_.substr(start, offset_ - start);
    skip_spaces();
    return result;
  }

  bool take(std::string_view sign) {
    if (!rest().starts_with(sign)) return false;
    offset_ += sign.size();
    skip_spaces();
    return true;
  }

 private:
  void skip_spaces() {
    while (offset_ < text_.size() && text_[offset_] == ' ') ++offset_;
  }
  std::string_view text_;
  std::size_t offset_ = 0;
};

std::string got(std::string_view rest) {
  return rest.empty() ? ", got the end" : ", got " + shortened(rest);
}

constexpr std::string_view kForm = "p99(latency) <= 1.5x baseline";

/// mean, rate or a percentile, as far as the metric has one.
std::optional<std::string> set_statistic(std::string_view statistic, const MetricInfo& metric,
                                         HarmSpec& harm) {
  const bool is_event = metric.kind == MetricKind::event;
  if (statistic == "mean") {
    if (is_event)
      return std::string(metric.name) + " is an event and has a rate: write rate(" +
             std::string(metric.name) + ")";
    harm.kind = HarmSpec::Kind::mean;
    return std::nullopt;
  }
  if (statistic == "rate") {
    if (!is_event)
      return std::string(metric.name) + " is no event: write mean(" + std::string(metric.name) +
             ") or a percentile such as p99";
    harm.kind = HarmSpec::Kind::mean;
    return std::nullopt;
  }
  if (is_event)
    return std::string(metric.name) + " is an event without percentiles: write rate(" +
           std::string(metric.name) + ")";
  harm.kind = HarmSpec::Kind::quantile;
  harm.probability = *parse_percentile(statistic);
  return std::nullopt;
}

}  // namespace

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const MetricInfo& metric : metrics()) names.emplace_back(metric.name);
  return names;
}

std::optional<double> parse_percentile(std::string_view text) {
  if (!text.starts_with('p')) return std::nullopt;
  text.remove_prefix(1);
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  if (text.find_first_of("eE") != std::string_view::npos) return std::nullopt;
  const std::optional<double> probability = parse_decimal(text, -2);
  if (!probability || !(*probability > 0.0 && *probability < 1.0)) return std::nullopt;
  return probability;
}

std::string format_percentile(double probability) { return "p" + format_decimal(probability, 2); }

const Unit<double>& level_unit(const MetricInfo& metric) {
  if (metric.unit == "s") return kSeconds;
  if (metric.unit == "USD") return kUsd;
  if (metric.unit == "tokens") return kTokens;
  if (metric.unit == "share") return kShare;
  return kNumber;
}

const Unit<double>& difference_unit(const MetricInfo& metric) {
  if (metric.unit == "share" || metric.unit == "score") return kPoints;
  return level_unit(metric);
}

std::optional<ExpressionError> parse_bound(std::string_view text, const MetricInfo& metric,
                                           HarmSpec& harm) {
  using Relation = HarmSpec::Relation;
  Reader reader(text);
  const Unit<double>& level = level_unit(metric);
  const auto fail = [](std::size_t offset, std::string message) {
    return ExpressionError{offset, std::move(message)};
  };

  const std::size_t start = reader.offset();
  if (reader.take("baseline")) {
    harm.relation = Relation::ratio;
    harm.margin = 1.0;
    if (reader.rest().empty()) return std::nullopt;
    const std::size_t sign_at = reader.offset();
    const bool plus = reader.take("+");
    if (!plus && !reader.take("-"))
      return fail(sign_at, "expected + or - after baseline" + got(reader.rest()));
    if (plus != (harm.direction == Direction::up))
      return fail(sign_at, harm.direction == Direction::up
                               ? "a gate tolerates some harm: write `<= baseline + ...`"
                               : "a gate tolerates some harm: write `>= baseline - ...`");
    const Unit<double>& difference = difference_unit(metric);
    const std::optional<double> amount = difference.parse(trimmed(reader.rest()));
    if (!amount || *amount < 0.0)
      return fail(reader.offset(), "expected a difference of " + std::string(metric.name) +
                                       " such as " + std::string(difference.example) +
                                       got(reader.rest()));
    harm.relation = Relation::difference;
    harm.margin = plus ? *amount : -*amount;
    return std::nullopt;
  }

  std::string_view rest = trimmed(reader.rest());
  const bool names_baseline = rest.ends_with("baseline");
  if (names_baseline) rest = trimmed(rest.substr(0, rest.size() - 8));
  if (const std::optional<double> ratio = kRatio.parse(rest)) {
    if (!(*ratio > 0.0)) return fail(start, "expected a factor above 0x" + got(rest));
    harm.relation = Relation::ratio;
    harm.margin = *ratio;
    return std::nullopt;
  }
  if (names_baseline)
    return fail(start, "expected a factor such as 1.5x before baseline" + got(rest));
  const std::optional<double> bound = level.parse(rest);
  if (!bound)
    return fail(start, "expected a bound such as 1.5x baseline or " + std::string(level.example) +
                           got(rest));
  harm.relation = Relation::absolute;
  harm.margin = *bound;
  return std::nullopt;
}

std::string format_bound(const MetricInfo& metric, const HarmSpec& harm) {
  switch (harm.relation) {
    case HarmSpec::Relation::ratio:
      return kRatio.format(harm.margin);
    case HarmSpec::Relation::difference:
      return harm.direction == Direction::up
                 ? "baseline + " + difference_unit(metric).format(harm.margin)
                 : "baseline - " + difference_unit(metric).format(-harm.margin);
    case HarmSpec::Relation::absolute:
      break;
  }
  return level_unit(metric).format(harm.margin);
}

std::variant<Expression, ExpressionError> parse_expression(std::string_view text) {
  Reader reader(text);
  Expression result;
  const auto fail = [](std::size_t offset, std::string message) {
    return ExpressionError{offset, std::move(message)};
  };

  const std::size_t statistic_at = reader.offset();
  result.statistic = std::string(reader.word());
  if (result.statistic != "mean" && result.statistic != "rate" &&
      !parse_percentile(result.statistic))
    return fail(statistic_at, "expected mean, rate or a percentile such as p99, as in `" +
                                  std::string(kForm) + "`" + got(text.substr(statistic_at)));
  if (!reader.take("("))
    return fail(reader.offset(), "expected ( after " + result.statistic + got(reader.rest()));

  const std::size_t metric_at = reader.offset();
  result.metric = std::string(reader.word());
  const MetricInfo* metric = find_metric(result.metric);
  if (!metric)
    return fail(metric_at, "no metric is called `" + result.metric + "`" +
                               hint(result.metric, metric_names()));
  if (!reader.take(")")) return fail(reader.offset(), "expected )" + got(reader.rest()));
  if (auto message = set_statistic(result.statistic, *metric, result.harm))
    return fail(statistic_at, *std::move(message));

  const std::size_t operator_at = reader.offset();
  if (reader.take("<=")) {
    result.harm.direction = Direction::up;
  } else if (reader.take(">=")) {
    result.harm.direction = Direction::down;
  } else {
    return fail(operator_at, "expected <= or >=, the condition of health" + got(reader.rest()));
  }

  const std::size_t bound_at = reader.offset();
  const std::string_view bound = reader.rest();
  if (!kRatio.parse(trimmed(bound))) {
    if (auto error = parse_bound(bound, *metric, result.harm))
      return fail(bound_at + error->offset, std::move(error->message));
    return result;
  }
  return fail(bound_at, "expected `baseline` after " + std::string(trimmed(bound)));
}

}  // namespace gatewright::scenarios
