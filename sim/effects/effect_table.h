// How an arm differs from the baseline's law at a moment: the scenario's effects as affine maps.
// Used by World for both arms' columns, and by Impact for when harm is present; never random.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policies/time.h"
#include "sim/arms/columns.h"
#include "sim/arms/world_metric.h"
#include "sim/effects/exposure_history.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// value x multiply + shift.
struct Affine {
  double multiply = 1.0;
  double shift = 0.0;
  [[nodiscard]] constexpr double operator()(double value) const noexcept {
    return value * multiply + shift;
  }
  [[nodiscard]] constexpr bool is_identity() const noexcept {
    return multiply == 1.0 && shift == 0.0;
  }
  friend constexpr bool operator==(const Affine&, const Affine&) = default;
};

/// `first`, then `second`.
[[nodiscard]] constexpr Affine then(Affine first, Affine second) noexcept {
  return {first.multiply * second.multiply, first.shift * second.multiply + second.shift};
}

/// Which of a scenario's conditions on requests hold for one of them, as bits: requests with equal
/// bits feel the same effects at the same time.
using Conditions = std::uint32_t;
inline constexpr std::size_t kMostConditions = 32;

/// Requests of at most a chunk, in order of arrival.
struct EffectRows {
  std::span<const double> at_seconds;
  const Conditions* holding = nullptr;  ///< of each; needed where there are conditions
};

/// A map per request.
struct AffineColumns {
  alignas(64) Column<double> multiply;
  alignas(64) Column<double> shift;
  [[nodiscard]] Affine operator[](std::size_t row) const noexcept {
    return {multiply[row], shift[row]};
  }
};

/// A stretch of time, without its end.
struct Stretch {
  Instant from{};
  Instant to{};
};

class EffectTable {
 public:
  EffectTable() = default;
  /// Every effect passed validate(). `segments`: the scenario's, which effects refer to by name.
  explicit EffectTable(std::span<const Effect> effects, std::span<const Segment> segments = {});
  /// The candidate does harm all the time, for a reason that is no effect, such as too few servers.
  void always_harms() { harmful_.emplace_back(Effect{}); }

  /// What the effects on `metric` do together at `arm` to a request that arrives at `seconds`; effects
  /// on one metric act in the order written.
  [[nodiscard]] Affine at(std::size_t arm, WorldMetric metric, double seconds,
                          Conditions holding = 0,
                          const ExposureHistory& history = {}) const noexcept;

  /// Whether at(arm, metric, .) is the same over [first, last] whatever conditions hold.
  [[nodiscard]] bool is_alike(std::size_t arm, WorldMetric metric, double first, double last,
                              const ExposureHistory& history = {}) const noexcept;
  /// at() for each of the requests, to the bit.
  void fill(std::size_t arm, WorldMetric metric, const EffectRows& rows,
            const ExposureHistory& history, AffineColumns& maps) const noexcept;

  /// Whether any effect acts on `metric`, at either arm.
  [[nodiscard]] bool acts_on(WorldMetric metric) const noexcept {
    return !entries_[kBaselineArm][index_of(metric)].empty() ||
           !entries_[kCandidateArm][index_of(metric)].empty();
  }
  /// Whether any effect acts by exposure: then the world depends on the policy.
  [[nodiscard]] bool depends_on_exposure() const noexcept { return depends_on_exposure_; }

  // ---- conditions on requests ----

  struct LooksAt {
    bool segment = false;
    bool tenant = false;
    bool input_tokens = false;
  };
  /// Columns that the conditions read.
  [[nodiscard]] const LooksAt& looks_at() const noexcept { return looks_at_; }
  [[nodiscard]] bool has_conditions() const noexcept { return !conditions_.empty(); }
  /// The conditions that hold for each request; the columns of looks_at() are filled.
  void find_conditions(const Columns& columns, Column<Conditions>& holding) const noexcept;

  /// When any effect next begins, ends or turns on or off after `at`; kNever: nothing will. Growing
  /// and fading are no such changes.
  [[nodiscard]] Instant next_change(Instant at, const ExposureHistory& history) const noexcept;

  // ---- harm: effects of the candidate that is_harmful() ----

  /// Whether any request that arrives within [first, last] might be harmed.
  [[nodiscard]] bool may_harm(double first, double last,
                              const ExposureHistory& history) const noexcept;
  /// Whether harms() is the same for all requests that arrive within [first, last].
  [[nodiscard]] bool harms_alike(double first, double last,
                                 const ExposureHistory& history) const noexcept;
  /// Whether a harmful effect acts on such a request.
  [[nodiscard]] bool harms(double seconds, Conditions holding,
                           const ExposureHistory& history) const noexcept;
  /// harms() for each of the requests.
  void fill_harms(const EffectRows& rows, const ExposureHistory& history,
                  std::uint8_t* harmed) const noexcept;
  /// The first stretch of [from, to) in which a harmful effect is present, for whomever; it is as
  /// long as can be. Nothing: there is none.
  [[nodiscard]] std::optional<Stretch> next_harm(Stretch within,
                                                 const ExposureHistory& history) const noexcept;

 private:
  /// What a request must be like; bit i of Conditions belongs to the i-th.
  struct Condition {
    std::optional<std::uint32_t> segment;  ///< from 0
    std::optional<std::uint32_t> tenant;   ///< from 1
    double above_input_tokens = 0.0;
    friend bool operator==(const Condition&, const Condition&) = default;
  };
  struct Entry {
    Effect effect;
    Conditions needed = 0;
    // Seconds on the effect's clock.
    double from = 0.0;
    double full = 0.0;   ///< when the ramp-in ends
    double until = 0.0;  ///< when the fading begins
    double gone = 0.0;
    double period = 0.0;  ///< 0: not periodic
    double on = 0.0;

    explicit Entry(const Effect& written);
    /// When its clock began; beyond every number while it has not.
    [[nodiscard]] double began_at(const ExposureHistory& history) const noexcept;
    /// Seconds since its clock began; below every number while it has not.
    [[nodiscard]] double elapsed(double seconds, const ExposureHistory& history) const noexcept;
    [[nodiscard]] bool is_on(double elapsed_seconds) const noexcept;
    /// Whether it acts at that moment on requests for which its conditions hold.
    [[nodiscard]] bool is_active(double seconds, const ExposureHistory& history) const noexcept;
    /// How much of its size it has while it is active.
    [[nodiscard]] double grown(double elapsed_seconds) const noexcept;
    [[nodiscard]] bool is_constant(double first, double last,
                                   const ExposureHistory& history) const noexcept;
    /// The same for requests that differ in their conditions.
    [[nodiscard]] bool is_alike(double first, double last,
                                const ExposureHistory& history) const noexcept {
      return is_constant(first, last, history) && (needed == 0 || !is_active(first, history));
    }
    /// Before which is_active() stays what it is at that moment; a little before it changes.
    [[nodiscard]] double unchanged_until(double seconds,
                                         const ExposureHistory& history) const noexcept;
    /// 1 where it acts on the request, else 0.
    void fill_active(const EffectRows& rows, const ExposureHistory& history,
                     Column<double>& active) const noexcept;
    /// How much of its size it has for each request: nothing where it does not act.
    void fill_grown(const EffectRows& rows, const ExposureHistory& history,
                    Column<double>& grown) const noexcept;
    /// The first moment after `at` at which is_active() may change.
    [[nodiscard]] Instant next_change(Instant at, const ExposureHistory& history) const noexcept;
  };

  [[nodiscard]] Conditions bit_of(const Effect& effect, std::span<const Segment> segments);

  std::array<std::array<std::vector<Entry>, kWorldMetrics>, 2> entries_;  ///< per arm
  std::vector<Entry> all_;
  std::vector<Entry> harmful_;
  std::vector<Condition> conditions_;
  LooksAt looks_at_;
  bool depends_on_exposure_ = false;
};

}  // namespace gatewright::sim
