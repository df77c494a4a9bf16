#include "scenarios/noise_table.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "scenarios/arm_table.h"
#include "scenarios/expression.h"
#include "scenarios/laws.h"

namespace gatewright::scenarios {

namespace {

using sim::Noise;

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
  const auto deployment = std::make_shared<MetricMapShape<double>>(
      metrics_that_differ(), [](const std::string& metric) {
        const MetricInfo* info = find_metric(metric);
        const bool relative = info && info->kind == MetricKind::positive;
        return quantity(relative ? kRelativeChange : kPoints, kNotNegative);
      });
  ShapeOf<Window> one_window = object<Window>({
      required(field("cv", &Window::size, quantity(kShare, kNotNegative), "sd of the factor")),
      field("correlation_time", &Window::correlation_time, duration(kPositiveTime),
            "how long it stays alike"),
  });
  const auto window = std::make_shared<MetricMapShape<Window>>(
      metrics_that_differ(true),
      [one_window](const std::string&) -> const ShapeOf<Window>& { return one_window; });
  return object<Noise>({
      field("deployment", &Noise::deployment, ShapeOf<std::map<std::string, double>>(deployment),
            "sd of one draw per rollout and arm, which does not average out"),
      field("window", &Noise::window, ShapeOf<std::map<std::string, Window>>(window),
            "a factor that both arms share and that drifts"),
  });
}

}  // namespace gatewright::scenarios
