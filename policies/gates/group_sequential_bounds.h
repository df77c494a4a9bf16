// Boundaries of group-sequential designs, and what they do: by recursive integration.
// Used by group_sequential while a plan is compiled; open for tests, documentation and planning.
// Never tabulates, and never runs in a rollout.
#pragma once

#include <cstdint>
#include <vector>

namespace gatewright::gates {

/// How the error is spread over looks.
enum class SpendingRule : std::uint8_t {
  pocock,                ///< Biometrika 64 (1977) 191: |Z_k| >= c
  obrien_fleming,        ///< Biometrics 35 (1979) 549: |Z_k| >= c / sqrt(t_k)
  spend_obrien_fleming,  ///< Lan and DeMets, Biometrika 70 (1983) 659: 2 - 2 Phi(z_(a/2) / sqrt(t))
  spend_pocock,          ///< the same: a ln(1 + (e - 1) t)
  hwang_shih_decani,     ///< Statistics in Medicine 9 (1990) 1439: a (1 - e^-gt) / (1 - e^-g)
};

struct GroupSequentialDesign {
  SpendingRule rule = SpendingRule::obrien_fleming;
  std::vector<double> fractions;  ///< of the information at each look, rising to 1
  double alpha = 0.025;           ///< error in all, of one side; in (0, 1/2)
  bool two_sided = false;         ///< bounds on both sides, with alpha each
  double gamma = -4.0;            ///< of hwang_shih_decani
};

/// The z that must be reached at each look.
[[nodiscard]] std::vector<double> group_sequential_bounds(const GroupSequentialDesign& design);

/// Looks at a normal score process: Z_k against its bound.
struct BoundedLooks {
  std::vector<double> fractions;
  std::vector<double> bounds;
  bool two_sided = false;
};

/// Chances to cross for the first time at each look. Armitage, McPherson, Rowe, JRSS A 132 (1969)
/// 235: the density of the score in the continuation region, from look to look, by Gauss and
/// Legendre's rule.
struct Crossings {
  std::vector<double> above, below;
  [[nodiscard]] double total() const noexcept;
};
/// `drift`: mean of Z at the last look.
[[nodiscard]] Crossings crossings(const BoundedLooks& looks, double drift);

}  // namespace gatewright::gates
