// How one gate weighs its evidence: the interface of every gate test, in one currency.
// Used by the staged policy; a gate test never sees stages, other gates or time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/finding.h"
#include "policies/observation.h"
#include "policies/plan.h"
#include "policies/policy.h"

namespace gatewright {

/// Shares of the evidence needed: 1 decides. For a test whose guarantee is anytime, harm times
/// ln(1 / alpha) is the logarithm of an e-value (mean at most 1 at the edge of harm, at any time);
/// a test of bands instead of a mixture (dkw_sequence) has -ln of an anytime p-value there, which
/// decides with the same error.
struct Evidence {
  double harm = 0.0;    ///< >= 0
  double safety = 0.0;  ///< >= 0
  bool enough = false;  ///< min_samples reached: without it the verdict is no_data
};

enum class Guarantee : std::uint8_t { anytime, fixed_looks, average_run_length, none };
[[nodiscard]] std::string_view to_string(Guarantee guarantee) noexcept;

/// A gate's errors: `false_alarm` is its share of the rollout's budget, `missed_harm` the error that
/// evidence of safety may make. Both in (0, 1); tests whose guarantee is none may ignore them.
struct Budget {
  double false_alarm = 0.05;
  double missed_harm = 0.05;
};

class GateTest {
 public:
  GateTest() = default;
  GateTest(const GateTest&) = delete;
  GateTest& operator=(const GateTest&) = delete;
  virtual ~GateTest() = default;
  /// Called once, before any update: computes what depends on the budget and takes long.
  virtual void prepare(const Budget&) {}
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual Guarantee guarantee() const noexcept = 0;
  [[nodiscard]] virtual Form form() const noexcept = 0;
  /// What the driver must measure.
  [[nodiscard]] virtual Statistic statistic() const = 0;
  [[nodiscard]] virtual std::size_t slots() const noexcept = 0;
  /// Whether the test needs the baseline's side; absolute bounds do not.
  [[nodiscard]] virtual bool compares_arms() const noexcept = 0;
  /// Takes in one Samples, Distributions or Readings event of its probe. `slots` starts as zeros.
  /// Called only with evidence: each side the test needs has requests, or a reading that is ok.
  virtual void update(std::span<double> slots, const Observation& observation) const noexcept = 0;
  [[nodiscard]] virtual Evidence evidence(std::span<const double> slots,
                                          const Budget& budget) const noexcept = 0;
  /// What a test that looks for a winner has found so far.
  [[nodiscard]] virtual Finding finding(std::span<const double>, const Budget&) const noexcept {
    return Finding::none;
  }
};

/// What a test's parameter may be; the loader, the schema and lint read the same table.
struct ParameterInfo {
  enum class Kind : std::uint8_t {
    boolean,
    number,
    count,
    share,
    choice,
    numbers,
    counting_rule,
    looks,  ///< a whole number of looks, or the time that they take
  };
  std::string_view name;
  Kind kind;
  std::string_view default_text;  ///< as one would write it in YAML
  std::string_view about;
  std::vector<std::string_view> choices{};  ///< for choice
  double smallest = 0.0, largest = 0.0;     ///< for number, count, share; equal: unbounded
};

/// A gate test's line in the catalogue. `make` gets a validated metric, the time between looks, and
/// parameters of the right kinds; it reports what remains wrong with paths relative to the gate ("harm", "test.scale").
struct GateTestInfo {
  std::string_view name;
  Guarantee guarantee;  ///< with the default parameters; a made test knows its own
  std::string_view about;
  std::string_view source;  ///< paper or rule the formula comes from
  std::vector<ParameterInfo> parameters;
  std::unique_ptr<GateTest> (*make)(const GateSpec& gate, Diagnostics& diagnostics);
};

}  // namespace gatewright
