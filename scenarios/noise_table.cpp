#include "scenarios/noise_table.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "scenarios/expression.h"
#include "scenarios/laws.h"
#include "sim/arms/world_metric.h"
#include "sim/noise/prompt_noise.h"

namespace gatewright::scenarios {

namespace {

using sim::Noise;

template <class Predicate>
std::vector<std::string> metrics_that(Predicate predicate) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sim::kWorldMetrics; ++i)
    if (const auto metric = static_cast<sim::WorldMetric>(i); predicate(metric))
      names.emplace_back(sim::to_string(metric));
  return names;
}

/// Noise acts on what one answer does, not on how two compare.
std::vector<std::string> metrics_with_noise() {
  return metrics_that(
      [](sim::WorldMetric metric) { return sim::can_differ(metric) && !sim::is_paired(metric); });
}

/// A map from metrics to values whose shape may depend on the metric.
template <class V>
class MetricMapShape final : public Shape<std::map<std::string, V>> {
 public:
  using Map = std::map<std::string, V>;
  using ShapeFor = std::function<ShapeOf<V>(const std::string& metric)>;
  MetricMapShape(std::vector<std::string> metrics, ShapeFor shape_for)
      : metrics_(std::move(metrics)), shape_for_(std::move(shape_for)) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            Map& map) const override {
    if (node.kind != Node::Kind::map) {
      problems.error(node, path, expected("a map from metrics to their noise", node));
      return;
    }
    for (std::size_t i = 0; i < node.fields.size(); ++i) {
      const auto& [metric, value] = node.fields[i];
      if (std::ranges::find(metrics_, metric) == metrics_.end()) {
        problems.error(
            node.key_mark(i), path,
            "`" + shortened(metric) + "` is no metric with such noise" + hint(metric, metrics_));
        continue;
      }
      shape_for_(metric)->read(value, join(path, metric), problems, map[metric]);
    }
  }
  [[nodiscard]] Node write(const Map& map) const override {
    Node node = map_node();
    for (const auto& [metric, value] : map) put(node, metric, shape_for_(metric)->write(value));
    return node;
  }
  [[nodiscard]] Node schema() const override {
    std::vector<std::pair<std::string, Node>> properties;
    for (const std::string& metric : metrics_)
      properties.emplace_back(metric, shape_for_(metric)->schema());
    return object_schema(std::move(properties), {});
  }

 private:
  std::vector<std::string> metrics_;
  ShapeFor shape_for_;
};

}  // namespace

ShapeOf<Noise> noise_shape() {
  using Window = Noise::Window;
  const auto deployment =
      std::make_shared<MetricMapShape<double>>(metrics_with_noise(), [](const std::string& metric) {
        const MetricInfo* info = find_metric(metric);
        const bool relative = info && info->kind == MetricKind::positive;
        return quantity(relative ? kRelativeChange : kPoints, kNotNegative);
      });
  const auto prompts =
      std::make_shared<MetricMapShape<double>>(metrics_that(sim::can_flip), [](const std::string&) {
        return object<double>({required(
            group("flipping", share(), "share of prompts seen to vary within ten runs"))});
      });
  const auto window_of = [](Field<Window> size) {
    return object<Window>({
        required(std::move(size)),
        field("correlation_time", &Window::correlation_time, duration(kPositiveTime),
              "how long it stays alike"),
        unless(false, &Window::separate,
               field("separate", &Window::separate, quantity(kBoolean),
                     "each arm has its own; else both share it")),
    });
  };
  const ShapeOf<Window> factor =
      window_of(field("cv", &Window::size, quantity(kShare, kNotNegative), "sd of the factor"));
  const ShapeOf<Window> points = window_of(
      field("sd", &Window::size, quantity(kPoints, kNotNegative), "of the rate or the mean"));
  const auto window = std::make_shared<MetricMapShape<Window>>(
      metrics_with_noise(), [factor, points](const std::string& metric) {
        const MetricInfo* info = find_metric(metric);
        return info && info->kind == MetricKind::positive ? factor : points;
      });
  return object<Noise>({
      unless({}, &Noise::prompts,
             field("prompts", &Noise::prompts, ShapeOf<std::map<std::string, double>>(prompts),
                   "prompts whose outcome varies from run to run; the others come out alike at "
                   "both arms; averages out over distinct prompts")),
      field("deployment", &Noise::deployment, ShapeOf<std::map<std::string, double>>(deployment),
            "sd of one draw per rollout and arm, which does not average out"),
      field("window", &Noise::window, ShapeOf<std::map<std::string, Window>>(window),
            "a shock that drifts, shared by both arms or not"),
  });
}

}  // namespace gatewright::scenarios
