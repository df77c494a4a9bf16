// JSON Schema (draft-07) and the reference of keys, both made from the tables that the parser uses.
// Used by editors, by `gatewright schema` and by the committed files in scenarios/schema.
// Never describes a key that the parser does not know.
#pragma once

#include <string>

namespace gatewright::scenarios {

[[nodiscard]] std::string scenario_schema();
[[nodiscard]] std::string policy_schema();
/// Every key with its kind, default and meaning, as Markdown.
[[nodiscard]] std::string key_reference();

}  // namespace gatewright::scenarios
