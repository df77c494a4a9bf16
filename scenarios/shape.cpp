// The parts of shapes that do not depend on a type.
// Used by shape.h.
// Never stops at the first problem.
#include "scenarios/shape.h"

#include <algorithm>

namespace gatewright::scenarios {

namespace {

class TextShape final : public Shape<std::string> {
 public:
  explicit TextShape(bool may_be_empty) : may_be_empty_(may_be_empty) {}
  void read(const Node& node, const std::string& path, Problems& problems,
            std::string& value) const override {
    if (node.kind != Node::Kind::scalar) {
      problems.error(node, path, expected("a text", node));
    } else if (!may_be_empty_ && trimmed(node.scalar).empty()) {
      problems.error(node, path, "expected a text that is not empty");
    } else {
      value = node.scalar;
    }
  }
  [[nodiscard]] Node write(const std::string& value) const override { return plain_node(value); }
  [[nodiscard]] Node schema() const override {
    Node schema = map_node({{"type", quoted_node("string")}});
    if (!may_be_empty_) put(schema, "minLength", plain_node("1"));
    return schema;
  }

 private:
  bool may_be_empty_;
};

class NameShape final : public Shape<std::string> {
 public:
  NameShape(std::string noun, std::vector<std::string> known)
      : noun_(std::move(noun)), known_(std::move(known)) {}
  void read(const Node& node, const std::string& path, Problems& problems,
            std::string& value) const override {
    if (node.kind == Node::Kind::scalar && std::ranges::find(known_, node.scalar) != known_.end()) {
      value = node.scalar;
      return;
    }
    // A few names are listed; of many, the one that was probably meant is enough.
    const std::string near = known_.size() <= kListed || node.kind != Node::Kind::scalar
                                 ? ""
                                 : nearest(node.scalar, known_);
    const std::string what = known_.size() <= kListed ? alternatives(known_)
                             : near.empty()           ? noun_ + ": " + alternatives(known_)
                                                      : noun_;
    problems.error(node, path,
                   expected(what, node) + (near.empty() ? "" : "; did you mean `" + near + "`?"));
  }
  [[nodiscard]] Node write(const std::string& value) const override { return plain_node(value); }
  [[nodiscard]] Node schema() const override {
    Node names = list_node();
    for (const std::string& name : known_) names.items.push_back(quoted_node(name));
    return map_node({{"enum", std::move(names)}});
  }

 private:
  static constexpr std::size_t kListed = 4;
  std::string noun_;
  std::vector<std::string> known_;
};

}  // namespace

Node plain_node(std::string text) {
  return {.kind = Node::Kind::scalar, .scalar = std::move(text)};
}

Node quoted_node(std::string text) {
  Node node = plain_node(std::move(text));
  node.quoted = true;
  return node;
}

Node list_node(std::vector<Node> items) {
  return {.kind = Node::Kind::list, .items = std::move(items)};
}

Node map_node(std::vector<std::pair<std::string, Node>> fields) {
  return {.kind = Node::Kind::map, .fields = std::move(fields)};
}

void put(Node& map, std::string key, Node value) {
  map.fields.emplace_back(std::move(key), std::move(value));
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
    case Node::Kind::scalar:
      break;
  }
  return node.quoted ? '"' + shortened(node.scalar) + '"' : shortened(node.scalar);
}

std::string expected(std::string_view what, const Node& node) {
  return "expected " + std::string(what) + ", got " + describe(node);
}

std::optional<std::string_view> scalar_text(const Node& node, const std::string& path,
                                            std::string_view what, bool bare, Problems& problems) {
  if (node.kind != Node::Kind::scalar || (bare && node.quoted)) {
    problems.error(node, path, expected(what, node));
    return std::nullopt;
  }
  return std::string_view(node.scalar);
}

ShapeOf<std::string> text(bool may_be_empty) { return std::make_shared<TextShape>(may_be_empty); }

ShapeOf<std::string> name_of(std::string noun, std::vector<std::string> known) {
  return std::make_shared<NameShape>(std::move(noun), std::move(known));
}

void report_unknown_keys(const Node& node, const std::string& path,
                         const std::vector<std::string>& known, Problems& problems) {
  for (std::size_t i = 0; i < node.fields.size(); ++i) {
    const std::string& key = node.fields[i].first;
    if (std::ranges::find(known, key) == known.end())
      problems.error(node.key_mark(i), path,
                     "unknown key `" + shortened(key) + "`" + hint(key, known));
  }
}

Node object_schema(std::vector<std::pair<std::string, Node>> properties,
                   const std::vector<std::string>& required) {
  Node schema =
      map_node({{"type", quoted_node("object")}, {"additionalProperties", plain_node("false")}});
  if (!required.empty()) {
    Node names = list_node();
    for (const std::string& name : required) names.items.push_back(quoted_node(name));
    put(schema, "required", std::move(names));
  }
  put(schema, "properties", map_node(std::move(properties)));
  return schema;
}

Node described(Node schema, const std::string& about) {
  if (about.empty()) return schema;
  if (Node* description = schema.find("description")) {
    description->scalar = about + ": " + description->scalar;
    return schema;
  }
  schema.fields.insert(schema.fields.begin(), {"description", quoted_node(about)});
  return schema;
}

}  // namespace gatewright::scenarios
