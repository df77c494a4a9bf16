// JSON Schema (draft-07) and the reference of keys, both made from the tables that the parser uses.
// The reference walks the schema, so that there is one description of a key and no second one.
// Never describes a key that the parser does not know.
#include "scenarios/schema.h"

#include <utility>

#include "scenarios/plan_table.h"
#include "scenarios/study_table.h"

namespace gatewright::scenarios {

namespace {

Node with_heading(std::string_view title, Node schema) {
  Node result = map_node({{"$schema", quoted_node("http://json-schema.org/draft-07/schema#")},
                          {"title", quoted_node(std::string(title))}});
  for (auto& [key, value] : schema.fields) put(result, key, std::move(value));
  return result;
}

Node scenario_node() {
  Node schema = with_heading("gatewright scenario", study_shape()->schema());
  put(schema, "definitions", map_node({{"policy", plan_shape(false)->schema()}}));
  return schema;
}

Node policy_node() { return with_heading("gatewright policy", plan_shape(true)->schema()); }

std::string text_at(const Node& node, std::string_view key) {
  const Node* found = node.find(key);
  return found && found->kind == Node::Kind::scalar ? found->scalar : std::string{};
}

/// One row per key, depth first; an item of a list is written NAME.
void add_rows(const Node& schema, const std::string& path, std::string& out) {
  if (const Node* items = schema.find("items")) return add_rows(*items, join(path, "NAME"), out);
  if (const Node* any = schema.find("anyOf"))
    for (const Node& option : any->items) add_rows(option, path, out);
  const Node* properties = schema.find("properties");
  if (!properties) return;
  for (const auto& [key, property] : properties->fields) {
    const std::string below = join(path, key);
    std::string about = text_at(property, "description");
    if (const Node* names = property.find("enum")) {
      about += about.empty() ? "one of " : ": one of ";
      for (std::size_t i = 0; i < names->items.size(); ++i)
        about += (i == 0 ? "" : ", ") + names->items[i].scalar;
    }
    std::string usual = text_at(property, "default");
    if (const Node* required = schema.find("required"))
      for (const Node& name : required->items)
        if (name.scalar == key) usual = "required";
    out.append("| `").append(below).append("` | ").append(usual).append(" | ").append(about);
    out += " |\n";
    add_rows(property, below, out);
  }
}

std::string table(const Node& schema) {
  std::string out = "| key | default | meaning |\n|---|---|---|\n";
  add_rows(schema, {}, out);
  return out;
}

}  // namespace

std::string scenario_schema() { return write_json(scenario_node()); }

std::string policy_schema() { return write_json(policy_node()); }

std::string key_reference() {
  return "# Keys of scenario and policy files\n\n"
         "Made from the tables that the parser uses; do not edit. Items of lists are addressed by "
         "NAME.\n\n## Scenario\n\n" +
         table(scenario_node()) + "\n## Policy\n\n" + table(policy_node());
}

}  // namespace gatewright::scenarios
