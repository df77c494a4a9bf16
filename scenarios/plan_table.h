// The table of policy files: every key of a staged plan, once.
// Used by plan_yaml.h for reading, by load.h for writing and by schema.h for describing.
// Never compiles a plan.
#pragma once

#include "policies/plan.h"
#include "scenarios/shape.h"

namespace gatewright::scenarios {

/// `is_file`: the plan is a file of its own and must say which schema version it is written in.
[[nodiscard]] ShapeOf<PlanSpec> plan_shape(bool is_file);

/// The version that files of this kind are written in.
inline constexpr int kSchemaVersion = 1;

/// The key `gatewright: 1`, which fills nothing.
template <class T>
[[nodiscard]] Field<T> version_field() {
  return {.key = "gatewright",
          .about = "version of this file's schema",
          .required = false,
          .read =
              [](const Node& node, const std::string& path, Problems& problems, T&) {
                const std::string version = std::to_string(kSchemaVersion);
                if (node.kind != Node::Kind::scalar || node.scalar != version)
                  problems.error(node, path, expected("schema version " + version, node));
              },
          .write = [](const T&) -> std::optional<Node> {
            return plain_node(std::to_string(kSchemaVersion));
          },
          .schema =
              [] {
                return map_node({{"const", plain_node(std::to_string(kSchemaVersion))}});
              }};
}

/// The plan with the defaults that plan.h states written into it: timeouts, looks, windows, silence,
/// and the parameters of its tests.
[[nodiscard]] PlanSpec with_defaults(PlanSpec plan);

}  // namespace gatewright::scenarios
