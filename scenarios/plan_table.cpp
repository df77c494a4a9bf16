// The table of policy files: every key of a staged plan, once.
// Harm and tests read by the metric and by the catalogue of gate tests; the rest is plain fields.
// Never compiles a plan.
#include "scenarios/plan_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "policies/gates/catalogue.h"
#include "policies/gates/counting_rule.h"
#include "policies/staged/sample_ratio_guard.h"
#include "scenarios/expression.h"

namespace gatewright::scenarios {

namespace {

using Relation = HarmSpec::Relation;

const Range<Duration> kPositiveTime{.least = Duration::zero(), .most = {}, .open_below = true};
const Range<Duration> kAnyTime{.least = Duration::zero(), .most = {}};
const Range<double> kWholeShare{.least = 0.0, .most = 1.0};
const Range<double> kErrorShare{.least = 0.0, .most = 1.0, .open_below = true, .open_above = true};
const Range<double> kAboveZero{.least = 0.0, .most = {}, .open_below = true};

// -------------------------------------------------------------------------------------------- harm

/// The keys of `harm` that stand for a change or level of the mean.
enum class HarmKey : std::uint8_t { rises_by, falls_by, ratio_above, ratio_below, above, below };

struct HarmKeyInfo {
  std::string_view name;
  HarmKey key;
  std::string_view about;
};
constexpr HarmKeyInfo kHarmKeys[] = {
    {"rises_by", HarmKey::rises_by,
     "the mean or rate rises by more: 10% (relative) or a difference"},
    {"falls_by", HarmKey::falls_by,
     "the mean or rate falls by more: 10% (relative) or a difference"},
    {"ratio_above", HarmKey::ratio_above,
     "the mean or rate is above this multiple of the baseline's"},
    {"ratio_below", HarmKey::ratio_below,
     "the mean or rate is below this multiple of the baseline's"},
    {"above", HarmKey::above, "the mean or rate is above this level, whatever the baseline does"},
    {"below", HarmKey::below, "the mean or rate is below this level, whatever the baseline does"},
};

constexpr std::string_view kShiftKey = "distribution_shift";
constexpr std::string_view kShiftAbout =
    "the distance between the arms' distributions is above this number: the largest difference of "
    "the shares below any value, such as 0.1 (for the test psi: the population stability index)";

/// "p99_above": a percentile and its direction.
struct PercentileKey {
  double probability;
  Direction direction;
};
std::optional<PercentileKey> percentile_key(std::string_view key) {
  const std::size_t underscore = key.find('_');
  if (underscore == std::string_view::npos) return std::nullopt;
  const std::optional<double> probability = parse_percentile(key.substr(0, underscore));
  const std::string_view side = key.substr(underscore + 1);
  if (!probability || (side != "above" && side != "below")) return std::nullopt;
  return PercentileKey{*probability, side == "above" ? Direction::up : Direction::down};
}

/// What counts as harm to one metric: a map with one key.
class HarmShape final : public Shape<HarmSpec> {
 public:
  explicit HarmShape(const MetricInfo& metric) : metric_(metric) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            HarmSpec& harm) const override {
    std::vector<std::string> known;
    for (const HarmKeyInfo& info : kHarmKeys) known.emplace_back(info.name);
    known.emplace_back("p99_above");
    known.emplace_back("p99_below");
    known.emplace_back(kShiftKey);
    if (node.kind != Node::Kind::map || node.fields.size() != 1) {
      const std::string what = "a map with one key such as `rises_by` or `p99_above`";
      problems.error(node, path,
                     node.kind == Node::Kind::map ? "expected " + what + ", got " +
                                                        std::to_string(node.fields.size()) + " keys"
                                                  : expected(what, node));
      return;
    }
    const auto& [key, value] = node.fields.front();
    const auto found = std::ranges::find(kHarmKeys, key, &HarmKeyInfo::name);
    if (key == kShiftKey) {
      read_shift(value, join(path, key), problems, harm);
    } else if (const auto percentile = percentile_key(key)) {
      read_percentile(value, join(path, key), *percentile, problems, harm);
    } else if (found != std::end(kHarmKeys)) {
      read_mean(value, join(path, key), found->key, problems, harm);
    } else {
      problems.error(node.key_mark(0), path,
                     "unknown key `" + shortened(key) + "`" + hint(key, known));
    }
  }

  [[nodiscard]] Node write(const HarmSpec& harm) const override {
    const bool up = harm.direction == Direction::up;
    const std::string side = up ? "above" : "below";
    if (harm.kind == HarmSpec::Kind::distribution)
      return map_node({{std::string(kShiftKey), plain_node(kNumber.format(harm.margin))}});
    if (harm.kind == HarmSpec::Kind::quantile)
      return map_node({{format_percentile(harm.probability) + "_" + side,
                        plain_node(format_bound(metric_, harm))}});
    switch (harm.relation) {
      case Relation::ratio:
        return map_node({{"ratio_" + side, plain_node(kRatio.format(harm.margin))}});
      case Relation::difference:
        return map_node({{up ? "rises_by" : "falls_by", plain_node(difference_unit(metric_).format(
                                                            up ? harm.margin : -harm.margin))}});
      case Relation::absolute:
        break;
    }
    return map_node({{side, plain_node(level_unit(metric_).format(harm.margin))}});
  }

  [[nodiscard]] Node schema() const override { return harm_schema(); }

  /// Of any metric: the metric's unit is checked by the loader alone.
  [[nodiscard]] static Node harm_schema() {
    const auto quantity_node = [](std::string_view about) {
      return map_node({{"description", quoted_node(std::string(about))},
                       {"type", list_node({quoted_node("string"), quoted_node("number")})}});
    };
    std::vector<std::pair<std::string, Node>> properties;
    for (const HarmKeyInfo& info : kHarmKeys)
      properties.emplace_back(std::string(info.name), quantity_node(info.about));
    properties.emplace_back(std::string(kShiftKey), quantity_node(kShiftAbout));
    Node schema = object_schema(std::move(properties), {});
    put(schema, "patternProperties",
        map_node(
            {{"^p[0-9]+(\\.[0-9]+)?_(above|below)$",
              quantity_node("the percentile is beyond this: 1.5x (of the baseline's), a level such "
                            "as 5s, or baseline + a difference")}}));
    put(schema, "minProperties", plain_node("1"));
    put(schema, "maxProperties", plain_node("1"));
    return schema;
  }

 private:
  void read_shift(const Node& node, const std::string& path, Problems& problems,
                  HarmSpec& harm) const {
    harm = {.kind = HarmSpec::Kind::distribution, .relation = Relation::difference, .margin = 0.0};
    if (metric_.kind == MetricKind::event)
      problems.error(node, path,
                     std::string(metric_.name) + " is an event; compare its rate by `ratio_above`");
    else
      quantity(kNumber, Range<double>{.least = 0.0, .most = {}})
          ->read(node, path, problems, harm.margin);
  }

  void read_percentile(const Node& node, const std::string& path, const PercentileKey& key,
                       Problems& problems, HarmSpec& harm) const {
    const std::string what = "a bound such as 1.5x or " + std::string(level_unit(metric_).example);
    const auto text = scalar_text(node, path, what, false, problems);
    if (!text) return;
    harm.kind = HarmSpec::Kind::quantile;
    harm.probability = key.probability;
    harm.direction = key.direction;
    if (metric_.kind == MetricKind::event) {
      problems.error(
          node, path,
          std::string(metric_.name) + " is an event without percentiles; use `ratio_above`");
    } else if (const auto error = parse_bound(*text, metric_, harm)) {
      problems.error(node, path, error->message);
    }
  }

  void read_mean(const Node& node, const std::string& path, HarmKey key, Problems& problems,
                 HarmSpec& harm) const {
    const Unit<double>& level = level_unit(metric_);
    const Unit<double>& difference = difference_unit(metric_);
    harm.kind = HarmSpec::Kind::mean;
    const bool up =
        key == HarmKey::rises_by || key == HarmKey::ratio_above || key == HarmKey::above;
    harm.direction = up ? Direction::up : Direction::down;
    switch (key) {
      case HarmKey::ratio_above:
      case HarmKey::ratio_below:
        harm.relation = Relation::ratio;
        quantity(kRatio, kAboveZero)->read(node, path, problems, harm.margin);
        return;
      case HarmKey::above:
      case HarmKey::below:
        harm.relation = Relation::absolute;
        quantity(level)->read(node, path, problems, harm.margin);
        return;
      case HarmKey::rises_by:
      case HarmKey::falls_by:
        break;
    }
    const std::string what =
        "a relative change such as 10% or a difference such as " + std::string(difference.example);
    const auto text = scalar_text(node, path, what, false, problems);
    if (!text) return;
    // 15% is 115 / 100, correctly rounded; 1 + 0.15 is not always.
    if (text->ends_with('%')) {
      const std::optional<double> percent = parse_decimal(text->substr(0, text->size() - 1));
      if (percent && *percent >= 0.0 && (up || *percent < 100.0)) {
        harm.relation = Relation::ratio;
        harm.margin = (up ? 100.0 + *percent : 100.0 - *percent) / 100.0;
        return;
      }
    } else if (const auto amount = difference.parse(*text); amount && *amount >= 0.0) {
      harm.relation = Relation::difference;
      harm.margin = up ? *amount : -*amount;
      return;
    }
    problems.error(node, path, expected(what, node));
  }

  const MetricInfo& metric_;
};

// -------------------------------------------------------------------------------------------- test

/// One parameter's value, as the catalogue types it.
class ParameterShape final : public Shape<TestValue> {
 public:
  explicit ParameterShape(const ParameterInfo& info) : info_(info) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            TestValue& value) const override {
    const auto through = [&](const auto& shape, auto held) {
      shape->read(node, path, problems, held);
      value = held;
    };
    switch (info_.kind) {
      case ParameterInfo::Kind::boolean:
        return through(quantity(kBoolean), false);
      case ParameterInfo::Kind::number:
        return through(quantity(kNumber, range()), 0.0);
      case ParameterInfo::Kind::share:
        return through(quantity(kShare, range()), 0.0);
      case ParameterInfo::Kind::choice:
        return through(name_of("a choice", choices()), std::string{});
      case ParameterInfo::Kind::numbers:
        return through(list(quantity(kNumber)), std::vector<double>{});
      case ParameterInfo::Kind::count: {
        std::uint64_t count = 0;
        quantity(kCount, count_range())->read(node, path, problems, count);
        value = static_cast<double>(count);
        return;
      }
      case ParameterInfo::Kind::counting_rule: {
        const std::string what = "a rule such as 2 consecutive, 3 of 5 or 4 cumulative";
        const auto text = scalar_text(node, path, what, false, problems);
        if (text && !parse_counting_rule(*text)) problems.error(node, path, expected(what, node));
        value = node.scalar;
        return;
      }
      case ParameterInfo::Kind::looks:
        return read_looks(node, path, problems, value);
    }
  }

  [[nodiscard]] Node write(const TestValue& value) const override {
    if (const auto* truth = std::get_if<bool>(&value)) return quantity(kBoolean)->write(*truth);
    if (const auto* text = std::get_if<std::string>(&value)) return plain_node(*text);
    if (const auto* time = std::get_if<Duration>(&value)) return quantity(kDuration)->write(*time);
    if (const auto* numbers = std::get_if<std::vector<double>>(&value))
      return list(quantity(kNumber))->write(*numbers);
    const double number = std::get<double>(value);
    return quantity(info_.kind == ParameterInfo::Kind::share ? kShare : kNumber)->write(number);
  }

  [[nodiscard]] Node schema() const override {
    const Node schema = kind_schema();
    Node result = described(schema, std::string(info_.about));
    if (info_.kind != ParameterInfo::Kind::numbers)
      put(result, "default", plain_node(std::string(info_.default_text)));
    return result;
  }

 private:
  void read_looks(const Node& node, const std::string& path, Problems& problems,
                  TestValue& value) const {
    const std::string what = "a number of looks such as 1000, or a time such as 30d";
    const auto text = scalar_text(node, path, what, false, problems);
    if (!text) return;
    if (const auto time = kDuration.parse(*text)) {
      value = *time;
      return;
    }
    std::uint64_t count = 0;
    quantity(kCount, count_range())->read(node, path, problems, count);
    value = static_cast<double>(count);
  }

  [[nodiscard]] Node kind_schema() const {
    switch (info_.kind) {
      case ParameterInfo::Kind::boolean:
        return quantity(kBoolean)->schema();
      case ParameterInfo::Kind::number:
        return quantity(kNumber, range())->schema();
      case ParameterInfo::Kind::share:
        return quantity(kShare, range())->schema();
      case ParameterInfo::Kind::choice:
        return name_of("a choice", choices())->schema();
      case ParameterInfo::Kind::numbers:
        return list(quantity(kNumber))->schema();
      case ParameterInfo::Kind::count:
        return quantity(kCount, count_range())->schema();
      case ParameterInfo::Kind::looks:
        return map_node({{"anyOf", list_node({quantity(kCount, count_range())->schema(),
                                              quantity(kDuration)->schema()})}});
      case ParameterInfo::Kind::counting_rule:
        break;
    }
    return map_node({{"type", quoted_node("string")},
                     {"pattern", quoted_node("^[0-9]+ (consecutive|cumulative|of [0-9]+)$")}});
  }
  [[nodiscard]] Range<double> range() const {
    if (info_.smallest == info_.largest) return {};
    return {.least = info_.smallest, .most = info_.largest};
  }
  [[nodiscard]] Range<std::uint64_t> count_range() const {
    if (info_.smallest == info_.largest) return {};
    return {.least = static_cast<std::uint64_t>(info_.smallest),
            .most = static_cast<std::uint64_t>(info_.largest)};
  }
  [[nodiscard]] std::vector<std::string> choices() const {
    return {info_.choices.begin(), info_.choices.end()};
  }
  const ParameterInfo& info_;
};

/// A map with one key: the test's name, and under it its parameters.
ShapeOf<TestSpec> test_shape() {
  std::vector<Field<TestSpec>> tests;
  for (const GateTestInfo& info : gate_tests()) {
    std::vector<Field<TestSpec>> parameters;
    for (const ParameterInfo& parameter : info.parameters) {
      const auto shape = std::make_shared<ParameterShape>(parameter);
      const std::string name(parameter.name);
      parameters.push_back({.key = name,
                            .about = {},
                            .required = false,
                            .read =
                                [shape, name](const Node& node, const std::string& path,
                                              Problems& problems, TestSpec& test) {
                                  shape->read(node, path, problems, test.parameters[name]);
                                },
                            .write = [shape, name](const TestSpec& test) -> std::optional<Node> {
                              const auto found = test.parameters.find(name);
                              if (found == test.parameters.end()) return std::nullopt;
                              return shape->write(found->second);
                            },
                            .schema = [shape] { return shape->schema(); }});
    }
    const ShapeOf<TestSpec> shape = object<TestSpec>(std::move(parameters));
    const std::string name(info.name);
    tests.push_back({.key = name,
                     .about = std::string(info.about) +
                              " (guarantee: " + std::string(to_string(info.guarantee)) + ")",
                     .required = false,
                     .read =
                         [shape, name](const Node& node, const std::string& path,
                                       Problems& problems, TestSpec& test) {
                           test.name = name;
                           test.parameters.clear();
                           shape->read(node, path, problems, test);
                         },
                     .write = [shape, name](const TestSpec& test) -> std::optional<Node> {
                       if (test.name != name) return std::nullopt;
                       return shape->write(test);
                     },
                     .schema = [shape] { return shape->schema(); }});
  }
  return one_of<TestSpec>(std::move(tests));
}

// ------------------------------------------------------------------------------------- noise floor

/// A bound, or a map with the key `sd`, in the terms of the gate's margin.
class NoiseFloorShape final : public Shape<NoiseFloor> {
 public:
  using Kind = NoiseFloor::Kind;
  explicit NoiseFloorShape(const Unit<double>& unit)
      : bound_(quantity(unit, kAboveZero)),
        sd_(object<NoiseFloor>({required(field("sd", &NoiseFloor::size, bound_, kAboutSd))})) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            NoiseFloor& floor) const override {
    floor.kind = node.kind == Node::Kind::map ? Kind::sd : Kind::bound;
    if (floor.kind == Kind::sd)
      sd_->read(node, path, problems, floor);
    else
      bound_->read(node, path, problems, floor.size);
  }
  [[nodiscard]] Node write(const NoiseFloor& floor) const override {
    return floor.kind == Kind::sd ? sd_->write(floor) : bound_->write(floor.size);
  }
  [[nodiscard]] Node schema() const override { return floor_schema(); }

  /// Of any gate: the unit is checked by the loader alone.
  [[nodiscard]] static Node floor_schema() {
    const auto amount = [] {
      return map_node({{"type", list_node({quoted_node("string"), quoted_node("number")})}});
    };
    return map_node(
        {{"anyOf",
          list_node({amount(), object_schema({{"sd", described(amount(), kAboutSd)}}, {"sd"})})}});
  }

 private:
  static constexpr const char* kAboutSd =
      "standard deviation of one arm's draw per deployment, as `gatewright floor` estimates it";
  ShapeOf<double> bound_;
  ShapeOf<NoiseFloor> sd_;
};

ShapeOf<NoiseFloor> floor_of(const GateSpec& gate) {
  const MetricInfo* metric = find_metric(gate.metric);
  if (!metric) return nullptr;
  const bool is_ratio = gate.harm.relation == Relation::ratio;
  return std::make_shared<NoiseFloorShape>(is_ratio ? kRelativeChange : difference_unit(*metric));
}

// ------------------------------------------------------------------------------------------- gates

/// Reads a gate's expression into its metric and harm; a problem points into the text.
void read_expression(const Node& node, const std::string& path, Problems& problems,
                     GateSpec& gate) {
  const auto text =
      scalar_text(node, path, "a gate such as \"mean(cost) <= 1.2x baseline\"", false, problems);
  if (!text) return;
  auto parsed = parse_expression(*text);
  if (const auto* error = std::get_if<ExpressionError>(&parsed)) {
    Mark mark = node.mark;
    if (mark.line > 0) mark.column += static_cast<int>(error->offset) + (node.quoted ? 1 : 0);
    problems.error(mark, path, error->message);
    return;
  }
  const auto& expression = std::get<Expression>(parsed);
  gate.metric = expression.metric;
  gate.harm = expression.harm;
}

/// A gate's key that reads into the gate and is written in another way.
Field<GateSpec> read_only(
    std::string key, std::string about,
    std::function<void(const Node&, const std::string&, Problems&, GateSpec&)> read,
    std::function<Node()> schema) {
  return {.key = std::move(key),
          .about = std::move(about),
          .required = false,
          .read = std::move(read),
          .write = [](const GateSpec&) -> std::optional<Node> { return std::nullopt; },
          .schema = std::move(schema)};
}

ShapeOf<HarmSpec> harm_of(const GateSpec& gate) {
  const MetricInfo* metric = find_metric(gate.metric);
  return metric ? std::make_shared<HarmShape>(*metric) : nullptr;
}

void read_after(const Node& node, const std::string& path, Problems& problems, GateSpec& gate) {
  const GateTestInfo* info = find_gate_test("fixed_threshold");
  for (const ParameterInfo& parameter : info->parameters)
    if (parameter.kind == ParameterInfo::Kind::counting_rule)
      ParameterShape(parameter).read(node, path, problems,
                                     gate.test.parameters[std::string(parameter.name)]);
}

Node expression_schema() {
  return map_node({{"type", quoted_node("string")},
                   {"pattern", quoted_node("^ *(mean|rate|p[0-9.]+) *\\(.*\\) *[<>]=.*$")}});
}

Node after_schema() {
  return map_node({{"type", quoted_node("string")},
                   {"pattern", quoted_node("^[0-9]+ (consecutive|cumulative|of [0-9]+)$")},
                   {"default", plain_node("1 consecutive")}});
}

ShapeOf<GateRole> role() {
  return choice<GateRole>("a role",
                          {{"protective", GateRole::protective}, {"advisory", GateRole::advisory}});
}

ShapeOf<EvidenceSpan> evidence_span() {
  return choice<EvidenceSpan>("a span",
                              {{"rollout", EvidenceSpan::rollout}, {"stage", EvidenceSpan::stage}});
}

std::vector<Field<GateSpec>> gate_fields() {
  return {
      field("name", &GateSpec::name, text(false), "told apart by it; default: the metric"),
      read_only("expr", "metric, statistic and bound in one line, instead of `metric` and `harm`",
                read_expression, expression_schema),
      field("metric", &GateSpec::metric, name_of("a metric", metric_names()), "what is measured"),
      unless(std::string{}, &GateSpec::segment,
             field("segment", &GateSpec::segment, text(false),
                   "only requests of users of this segment of the traffic; default: of all")),
      dependent<GateSpec, HarmSpec>("harm", &GateSpec::harm, harm_of, HarmShape::harm_schema,
                                    "the change beyond which the candidate is harmful"),
      field("test", &GateSpec::test, test_shape(), "how the samples are weighed"),
      read_only("after", "with `expr`: how many failing looks make a failing gate", read_after,
                after_schema),
      unless(
          NoiseFloor{}, &GateSpec::noise_floor,
          dependent<GateSpec, NoiseFloor>(
              "noise_floor", &GateSpec::noise_floor, floor_of, NoiseFloorShape::floor_schema,
              "what deployments differ by for no reason, which more traffic does not average out: "
              "a bound such as 2pp or 3%, or {sd: 1pp}; widens the edge of harm")),
      field("role", &GateSpec::role, role(), "advisory: reported, never halts"),
      unless(Duration::zero(), &GateSpec::every,
             field("every", &GateSpec::every, quantity(kDuration, kPositiveTime),
                   "between two looks; default: the plan's")),
      field("window", &GateSpec::window, quantity(kDuration, kPositiveTime),
            "length of what one look sees; default: `every`"),
      field("initial_delay", &GateSpec::initial_delay, quantity(kDuration, kAnyTime),
            "from the start of the rollout to the first window"),
      field("silence", &GateSpec::silence, quantity(kDuration, kPositiveTime),
            "no fresh window for longer is silence; default: three windows, at least 10m"),
      field("min_samples", &GateSpec::min_samples, quantity(kCount),
            "per arm; below it a look is no evidence"),
      field("budget_share", &GateSpec::budget_share, quantity(kNumber, kAboveZero),
            "relative weight when the false-alarm budget is split"),
      field("evidence", &GateSpec::evidence, evidence_span(),
            "whether evidence survives a change of stage"),
      unless(std::string{}, &GateSpec::advice,
             field("advice", &GateSpec::advice, text(),
                   "what to do where this gate is why a rollout went no further")),
  };
}

/// One line of text, or a map; a map has `expr`, or `metric` and `harm`.
class GateShape final : public Shape<GateSpec> {
 public:
  GateShape() : map_(object<GateSpec>(gate_fields())) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            GateSpec& gate) const override {
    if (node.kind == Node::Kind::scalar) return read_expression(node, path, problems, gate);
    map_->read(node, path, problems, gate);
    if (node.kind != Node::Kind::map) return;
    const bool short_form = node.find("expr") != nullptr;
    const auto forbid = [&](const char* key, const char* why) {
      for (std::size_t i = 0; i < node.fields.size(); ++i)
        if (node.fields[i].first == key) problems.error(node.key_mark(i), join(path, key), why);
    };
    if (!short_form) {
      for (const char* key : {"metric", "harm"})
        if (!node.find(key))
          problems.error(node, path,
                         "the key `" + std::string(key) + "` is missing; a gate has `metric` and " +
                             "`harm`, or `expr`");
      forbid("after",
             "only a gate with `expr` has `after`; write test: {fixed_threshold: {after: ...}}");
      return;
    }
    forbid("metric", "`expr` names the metric already");
    forbid("harm", "`expr` says what harm is already");
    if (node.find("test")) forbid("after", "a gate has `after` or `test`, not both");
  }

  [[nodiscard]] Node write(const GateSpec& gate) const override { return map_->write(gate); }

  [[nodiscard]] Node schema() const override {
    return map_node({{"anyOf", list_node({expression_schema(), map_->schema()})}});
  }

 private:
  ShapeOf<GateSpec> map_;
};

// --------------------------------------------------------------------------------- combined gates

ShapeOf<CombinedGateSpec> combined_shape() {
  return object<CombinedGateSpec>({
      required(field("name", &CombinedGateSpec::name, text(false), "told apart by it")),
      required(field("gates", &CombinedGateSpec::gates, list<std::string>(text(false), 1),
                     "of this plan, by name: those whose metrics are added up")),
      required(field("margins_used_above", &CombinedGateSpec::margins_used,
                     quantity(kNumber, kAboveZero),
                     "the metrics together have used up more than this many of their harm margins: "
                     "a rise of 15% where 20% are tolerated uses 0.75")),
      field("role", &CombinedGateSpec::role, role(), "advisory: reported, never halts"),
      field("budget_share", &CombinedGateSpec::budget_share, quantity(kNumber, kAboveZero),
            "relative weight when the false-alarm budget is split"),
      field("evidence", &CombinedGateSpec::evidence, evidence_span(),
            "whether evidence survives a change of stage"),
  });
}

// ------------------------------------------------------------------------------------------ stages

ShapeOf<AdvanceWhen> advance_when() {
  return choice<AdvanceWhen>("a rule", {{"no_harm_shown", AdvanceWhen::no_harm_shown},
                                        {"safety_shown", AdvanceWhen::safety_shown},
                                        {"winner", AdvanceWhen::winner}});
}

/// A difference in the unit of the test's metric, above 0.
ShapeOf<double> difference_of(const AbSpec& ab) {
  const MetricInfo* metric = find_metric(ab.metric);
  return metric ? quantity(difference_unit(*metric), kAboveZero) : nullptr;
}

/// Of any metric: the unit is checked by the loader alone.
Node difference_schema() {
  return map_node({{"type", list_node({quoted_node("string"), quoted_node("number")})}});
}

Field<AbSpec> spread_field() {
  return {.key = "spread",
          .about = "of numbers: their standard deviation",
          .required = false,
          .read =
              [](const Node& node, const std::string& path, Problems& problems, AbSpec& ab) {
                if (const auto shape = difference_of(ab))
                  shape->read(node, path, problems, ab.spread.emplace());
              },
          .write = [](const AbSpec& ab) -> std::optional<Node> {
            const auto shape = difference_of(ab);
            return shape && ab.spread ? std::optional(shape->write(*ab.spread)) : std::nullopt;
          },
          .schema = difference_schema};
}

ShapeOf<AbSpec> ab_shape() {
  return object<AbSpec>({
      required(field("metric", &AbSpec::metric, name_of("a metric", metric_names()),
                     "what the arms are compared by")),
      field("alpha", &AbSpec::alpha, quantity(kShare, kErrorShare),
            "two-sided error of calling a winner; half of it is spent of the false-alarm budget"),
      field("power", &AbSpec::power, quantity(kShare, kErrorShare),
            "probability of calling the winner where the difference is min_effect"),
      required(dependent<AbSpec, double>("min_effect", &AbSpec::min_effect, difference_of,
                                         difference_schema, "the least difference that matters")),
      field("rate", &AbSpec::rate, quantity(kShare, kErrorShare),
            "of events: what the baseline's rate is expected to be"),
      spread_field(),
      field("sample_size", &AbSpec::sample_size,
            choice<SampleSizeBy>("a formula", {{"classical", SampleSizeBy::classical},
                                               {"arcsine", SampleSizeBy::arcsine}}),
            "of rates: by the variances of the two rates, or by Cohen's h"),
      unless({}, &AbSpec::segments,
             field("segments", &AbSpec::segments, list<std::string>(text(false)),
                   "segments of users that have the same test each, beside that of all; they share "
                   "alpha, and each needs the whole sample")),
  });
}

ShapeOf<StageSpec> stage_shape() {
  return object<StageSpec>(
      {
          field("name", &StageSpec::name, text(false),
                "default: the exposure; `shadow` without one"),
          field("exposure", &StageSpec::served, quantity(kShare, kWholeShare),
                "share of the traffic that the candidate answers"),
          field("mirrored", &StageSpec::mirrored, quantity(kShare, kWholeShare),
                "share of the traffic copied to the candidate, whose answers nobody sees"),
          unless(0.0, &StageSpec::interleaved,
                 field("interleaved", &StageSpec::interleaved, quantity(kShare, kWholeShare),
                       "share of the traffic answered by both in one list, by team draft")),
          required(field("dwell", &StageSpec::dwell, quantity(kDuration, kPositiveTime),
                         "least time at this stage")),
          field("timeout", &StageSpec::timeout, quantity(kDuration, kPositiveTime),
                "longest time at this stage, then halt; default: ten dwells, at least 24h"),
          field("min_samples", &StageSpec::min_samples, quantity(kCount),
                "candidate requests seen in this stage before it is left"),
          field("approval", &StageSpec::approval, quantity(kBoolean),
                "wait for an operator before leaving"),
          field("advance_when", &StageSpec::advance_when, advance_when(), "overrides the ramp's"),
          field(
              "false_alarm_budget", &StageSpec::false_alarm_budget, quantity(kShare, kErrorShare),
              "share of healthy rollouts that may be halted in this stage; default: the rollout's"),
          field("ab", &StageSpec::ab, ab_shape(),
                "an A/B test that the stage plays to its end, and that halts if the baseline wins"),
      },
      [](const Node& node, const std::string& path, Problems& problems, StageSpec&) {
        const auto has = [&node](const char* key) { return node.find(key) != nullptr; };
        if (!has("name") && !has("exposure") && !has("mirrored") && !has("interleaved"))
          problems.error(node, path, "a stage needs `exposure` or `mirrored`, or a name");
      });
}

// -------------------------------------------------------------------------------------------- plan

ShapeOf<Assignment> assignment_shape() {
  using Users = std::vector<std::uint32_t>;
  const ShapeOf<Users> users = list<std::uint32_t>(std::make_shared<CountShape<std::uint32_t>>(
      Range<std::uint64_t>{.least = 0, .most = 10'000'000}));
  return object<Assignment>(
      {field("by", &Assignment::by,
             choice<AssignmentUnit>("a unit", {{"user", AssignmentUnit::user},
                                               {"request", AssignmentUnit::request},
                                               {"session", AssignmentUnit::session},
                                               {"tenant", AssignmentUnit::tenant},
                                               {"time", AssignmentUnit::time}}),
             "user, session, tenant: sticky; request: each by itself; time: a block of time goes "
             "one way, as behind a cache"),
       field("hash", &Assignment::hash,
             choice<AssignmentHash>("a hash", {{"md5", AssignmentHash::md5},
                                               {"murmur3", AssignmentHash::murmur3},
                                               {"fnv1a", AssignmentHash::fnv1a}}),
             "ranks the units"),
       unless(Assignment{}.block, &Assignment::block,
              field("block", &Assignment::block, quantity(kDuration, kPositiveTime),
                    "of assignment by time; default: 10m")),
       unless(Users{}, &Assignment::allow,
              field("allow", &Assignment::allow, users, "users served as soon as anybody is")),
       unless(Users{}, &Assignment::deny,
              field("deny", &Assignment::deny, users, "users never served; wins over `allow`"))});
}

ShapeOf<PlanSpec> ramp_shape() {
  const ShapeOf<PlanSpec> strict = object<PlanSpec>({field(
      "advance_when", &PlanSpec::advance_when, advance_when(), "what lets a stage be left")});
  return one_of<PlanSpec>({group("strict", strict, "stage after stage, in order")});
}

/// `false`, or a map; nothing is a map without keys.
class SampleRatioShape final : public Shape<std::optional<SampleRatioSpec>> {
 public:
  void read(const Node& node, const std::string& path, Problems& problems,
            std::optional<SampleRatioSpec>& spec) const override {
    bool is_on = true;
    spec.emplace();
    if (node.kind == Node::Kind::map) return map_->read(node, path, problems, *spec);
    switch_->read(node, path, problems, is_on);
    if (!is_on) spec.reset();
  }
  [[nodiscard]] Node write(const std::optional<SampleRatioSpec>& spec) const override {
    return spec ? map_->write(*spec) : switch_->write(false);
  }
  [[nodiscard]] Node schema() const override {
    return map_node({{"anyOf", list_node({switch_->schema(), map_->schema()})},
                     {"default", plain_node("true")}});
  }

 private:
  ShapeOf<bool> switch_ = quantity(kBoolean);
  ShapeOf<SampleRatioSpec> map_ = object<SampleRatioSpec>(
      {field("false_alarm", &SampleRatioSpec::false_alarm, quantity(kShare, kErrorShare),
             "share of healthy rollouts that it may halt, out of the budget; default: a fiftieth "
             "of the budget, 0.1% without one")});
};

/// A plan that is read has the check unless it says otherwise.
Field<PlanSpec> sample_ratio_field() {
  const auto shape = std::make_shared<const SampleRatioShape>();
  return {.key = "sample_ratio",
          .about = "check that units are split as the stages ask; `false`: none",
          .required = false,
          .read = [shape](const Node& node, const std::string& path, Problems& problems,
                          PlanSpec& plan) { shape->read(node, path, problems, plan.sample_ratio); },
          .write = [shape](const PlanSpec& plan) -> std::optional<Node> {
            if (plan.sample_ratio == SampleRatioSpec{}) return std::nullopt;
            return shape->write(plan.sample_ratio);
          },
          .schema = [shape] { return shape->schema(); }};
}

ShapeOf<PlanSpec> make_plan_shape(bool is_file) {
  Field<PlanSpec> version = version_field<PlanSpec>();
  version.required = is_file;
  return object<PlanSpec>({
      std::move(version),
      required(field("name", &PlanSpec::name, text(false), "of the policy, in reports")),
      field("about", &PlanSpec::about, text(), "which practice this is"),
      fixed<PlanSpec>("policy", "a kind of policy", {"staged"}, "the kind of policy"),
      field("false_alarm_budget", &PlanSpec::false_alarm_budget, quantity(kShare, kErrorShare),
            "share of healthy rollouts that may be halted, over all gates, stages and looks"),
      unless(
          Spending::split, &PlanSpec::spending,
          field("spending", &PlanSpec::spending,
                choice<Spending>("a rule", {{"split", Spending::split}, {"holm", Spending::holm}}),
                "split: each gate has its share of the budget; holm: so too, and at a halt the "
                "shares of the gates that failed pass to the others, to say which failed as well")),
      field("missed_harm_budget", &PlanSpec::missed_harm_budget, quantity(kShare, kErrorShare),
            "error that a gate's evidence of safety may make"),
      field("assignment", &PlanSpec::assignment, assignment_shape(),
            "who is served by the candidate"),
      group("ramp", ramp_shape(), "the rule for climbing"),
      field("when_halted", &PlanSpec::when_halted,
            choice<WhenHalted>(
                "an answer", {{"rollback", WhenHalted::rollback}, {"freeze", WhenHalted::freeze}}),
            "rollback: exposure returns to 0; freeze: it stays"),
      field("every", &PlanSpec::every, quantity(kDuration, kPositiveTime),
            "between two looks of a gate that does not say"),
      required(field("stages", &PlanSpec::stages, named_list<StageSpec>(stage_shape(), 1),
                     "exposures in order")),
      field("gates", &PlanSpec::gates, named_list<GateSpec>(std::make_shared<GateShape>()),
            "what must hold"),
      unless(std::vector<CombinedGateSpec>{}, &PlanSpec::combined,
             field("combined", &PlanSpec::combined, named_list<CombinedGateSpec>(combined_shape()),
                   "what must hold of several gates' metrics together")),
      sample_ratio_field(),
  });
}

}  // namespace

ShapeOf<PlanSpec> plan_shape(bool is_file) {
  static const ShapeOf<PlanSpec> kOfFile = make_plan_shape(true);
  static const ShapeOf<PlanSpec> kInline = make_plan_shape(false);
  return is_file ? kOfFile : kInline;
}

PlanSpec with_defaults(PlanSpec plan) {
  using std::chrono::hours;
  using std::chrono::minutes;
  for (StageSpec& stage : plan.stages) {
    if (!stage.timeout) stage.timeout = std::max<Duration>(10 * stage.dwell, hours(24));
    if (!stage.advance_when) stage.advance_when = plan.advance_when;
  }
  if (plan.sample_ratio)
    plan.sample_ratio->false_alarm = false_alarm_of(*plan.sample_ratio, plan.false_alarm_budget);
  for (GateSpec& gate : plan.gates) {
    if (gate.every == Duration::zero()) gate.every = plan.every;
    if (!gate.window) gate.window = gate.every;
    if (!gate.silence)
      gate.silence = std::max<Duration>(3 * std::max(gate.every, *gate.window), minutes(10));
    const GateTestInfo* info = find_gate_test(gate.test.name);
    if (!info) continue;
    for (const ParameterInfo& parameter : info->parameters) {
      const std::string name(parameter.name);
      if (gate.test.parameters.contains(name)) continue;
      const Node value = parameter.kind == ParameterInfo::Kind::numbers
                             ? list_node()
                             : plain_node(std::string(parameter.default_text));
      Problems problems;
      ParameterShape(parameter).read(value, name, problems, gate.test.parameters[name]);
    }
  }
  return plan;
}

}  // namespace gatewright::scenarios
