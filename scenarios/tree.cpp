// Addressing a tree: find, names of list items, get, set, locate.
// One path language for --set, diagnostics and sweeps: keys and item names joined by dots.
// Never reads files.
#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>
#include <utility>

#include "scenarios/document.h"
#include "scenarios/expression.h"
#include "scenarios/text.h"

namespace gatewright::scenarios {

namespace {

std::string scalar_of(const Node& map, std::string_view key) {
  const Node* node = map.find(key);
  return node && node->kind == Node::Kind::scalar ? node->scalar : std::string{};
}

/// "p99" of {p99_above: 1.5x}, else "mean" or "rate".
std::string statistic_of(const Node& gate, std::string_view metric) {
  const Node* harm = gate.find("harm");
  if (harm && harm->kind == Node::Kind::map && !harm->fields.empty()) {
    const std::string& key = harm->fields.front().first;
    std::string statistic = key.substr(0, key.find('_'));
    if (parse_percentile(statistic)) return statistic;
  }
  const MetricInfo* info = find_metric(metric);
  return info && info->kind == MetricKind::event ? "rate" : "mean";
}

/// What an item is called when it does not say so itself.
struct Derived {
  std::string name;       ///< empty: there is nothing to derive it from
  std::string qualifier;  ///< told apart by, where the name is taken
};

Derived derived_name(const Node& item) {
  const auto of_expression = [](const std::string& text) -> Derived {
    const auto parsed = parse_expression(text);
    const auto* expression = std::get_if<Expression>(&parsed);
    return expression ? Derived{expression->metric, expression->statistic} : Derived{};
  };
  if (item.kind == Node::Kind::scalar) return of_expression(item.scalar);
  if (item.kind != Node::Kind::map) return {};
  if (const std::string text = scalar_of(item, "expr"); !text.empty()) return of_expression(text);
  if (const std::string metric = scalar_of(item, "metric"); !metric.empty())
    return {metric, item.find("harm") ? statistic_of(item, metric) : std::string{}};
  if (const std::string exposure = scalar_of(item, "exposure"); !exposure.empty())
    return {exposure, {}};
  if (item.find("mirrored")) return {"shadow", {}};
  if (item.find("interleaved")) return {"interleaved", {}};
  if (const Node* policy = item.find("policy"))
    return {policy->kind == Node::Kind::map ? scalar_of(*policy, "name") : policy->scalar, {}};
  return {};
}

/// The part of `path` after `name` and its dot, if it begins with them.
std::optional<std::string_view> rest_after(std::string_view path, std::string_view name) {
  if (name.empty() || !path.starts_with(name)) return std::nullopt;
  if (path.size() == name.size()) return std::string_view{};
  if (path[name.size()] != '.') return std::nullopt;
  return path.substr(name.size() + 1);
}

/// One step down: which child, and what remains of the path. Names may contain dots ("0.5%"), so the
/// longest that fits is taken.
struct Step {
  std::size_t index = 0;
  std::string name;
  std::string_view rest;
};

std::vector<std::string> child_names(const Node& node) {
  if (node.kind == Node::Kind::list) return item_names(node);
  std::vector<std::string> names;
  for (const auto& [key, value] : node.fields) names.push_back(key);
  return names;
}

std::optional<Step> step(const Node& node, std::string_view path) {
  std::optional<Step> best;
  const std::vector<std::string> names = child_names(node);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const auto rest = rest_after(path, names[i]);
        rest && (!best || names[i].size() > best->name.size()))
      best = Step{i, names[i], *rest};
  if (best || node.kind != Node::Kind::list) return best;

  const std::string_view first = path.substr(0, path.find('.'));
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), index);
  if (error != std::errc{} || end != first.data() + first.size() || index >= names.size())
    return std::nullopt;
  return Step{index, std::string(first), *rest_after(path, first)};
}

const Node& child(const Node& node, std::size_t index) {
  return node.kind == Node::Kind::list ? node.items[index] : node.fields[index].second;
}

Node& child(Node& node, std::size_t index) {
  return node.kind == Node::Kind::list ? node.items[index] : node.fields[index].second;
}

/// What a person gave with --set: a place without a line.
Node given(std::string_view value) {
  const Mark mark{.file = "--set", .line = 0, .column = 0};
  return Node{.kind = value.empty() ? Node::Kind::null : Node::Kind::scalar,
              .mark = mark,
              .scalar = std::string(value)};
}

void forget_places(Node& node) {
  node.mark.line = node.mark.column = 0;
  for (Mark& mark : node.field_marks) mark.line = mark.column = 0;
  for (Node& item : node.items) forget_places(item);
  for (auto& [key, value] : node.fields) forget_places(value);
}

}  // namespace

const Node* Node::find(std::string_view key) const noexcept {
  const auto found = std::ranges::find(fields, key, &std::pair<std::string, Node>::first);
  return found == fields.end() ? nullptr : &found->second;
}

Node* Node::find(std::string_view key) noexcept {
  return const_cast<Node*>(std::as_const(*this).find(key));  // NOLINT: *this is not const
}

std::vector<std::string> item_names(const Node& list) {
  std::vector<std::string> names(list.items.size());
  std::set<std::string> taken;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (list.items[i].kind == Node::Kind::map)
      if (names[i] = scalar_of(list.items[i], "name"); !names[i].empty()) taken.insert(names[i]);

  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    const auto [name, qualifier] = derived_name(list.items[i]);
    if (name.empty()) {
      names[i] = std::to_string(i);
      continue;
    }
    std::string candidate = name;
    if (taken.contains(candidate) && !qualifier.empty()) candidate += "_" + qualifier;
    const std::string stem = candidate;
    for (int number = 2; taken.contains(candidate); ++number)
      candidate = stem + "_" + std::to_string(number);
    taken.insert(candidate);
    names[i] = candidate;
  }
  return names;
}

const Node* get(const Document& document, std::string_view path) {
  if (path.ends_with('.')) return nullptr;
  const Node* node = &document.root;
  while (!path.empty()) {
    const std::optional<Step> next = step(*node, path);
    if (!next) return nullptr;
    node = &child(*node, next->index);
    path = next->rest;
  }
  return node;
}

std::optional<Diagnostic> set(Document& document, std::string_view path, std::string_view value) {
  const auto refused = [&](std::string message) {
    return Diagnostic{.severity = Severity::error,
                      .path = std::string(path),
                      .message = std::move(message),
                      .file = "--set",
                      .line = 0,
                      .column = 0};
  };
  if (path.empty() || path.ends_with('.'))
    return refused("expected a path such as traffic.users.count");

  Node* node = &document.root;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::optional<Step> next = step(*node, rest);
    if (next) {
      node = &child(*node, next->index);
      rest = next->rest;
      continue;
    }
    const std::string_view key = rest.substr(0, rest.find('.'));
    const std::string_view walked = path.substr(0, path.size() - rest.size());
    const std::string where =
        walked.empty() ? "the file" : "`" + std::string(walked.substr(0, walked.size() - 1)) + "`";
    if (key.empty()) return refused("an empty name between two dots");
    if (node->kind == Node::Kind::list)
      return refused(where + " has no item `" + std::string(key) + "`" +
                     hint(key, item_names(*node)));
    if (node->kind == Node::Kind::scalar)
      return refused(where + " is the value " + shortened(node->scalar) + ", which has no key `" +
                     std::string(key) + "`");
    node->kind = Node::Kind::map;
    node->fields.emplace_back(key, given({}));
    node->field_marks.resize(node->fields.size(), Mark{.file = "--set", .line = 0, .column = 0});
    node = &node->fields.back().second;
    rest.remove_prefix(std::min(rest.size(), key.size() + 1));
  }

  if (!value.starts_with('{') && !value.starts_with('[')) {
    *node = given(value);
    return std::nullopt;
  }
  ReadDocument read = parse_document(value, "--set");
  if (!read.diagnostics.empty()) return refused(read.diagnostics.front().message);
  forget_places(read.document.root);
  *node = std::move(read.document.root);
  return std::nullopt;
}

Place locate(const Node& root, std::string_view path) {
  const Node* node = &root;
  Place place{.path = {}, .mark = root.mark};
  std::string_view rest = path;
  while (!rest.empty()) {
    std::optional<Step> next = step(*node, rest);
    const bool is_wrapper = node->kind == Node::Kind::map && node->fields.size() == 1;
    if (!next && is_wrapper && node->fields.front().second.kind == Node::Kind::map)
      next = Step{0, node->fields.front().first, rest};
    if (!next) break;
    const Node& found = child(*node, next->index);
    const bool is_key = node->kind == Node::Kind::map && found.kind != Node::Kind::scalar;
    place.mark = is_key ? node->key_mark(next->index) : found.mark;
    place.path = join(place.path, next->name);
    node = &found;
    rest = next->rest;
  }
  if (!rest.empty()) place.path = std::string(path);
  return place;
}

}  // namespace gatewright::scenarios
