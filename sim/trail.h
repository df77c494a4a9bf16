// What the leader of a course was told and where it went, window by window, so that others may be played
// behind it, one after another.
// Used by Field, one per course; it never knows who comes behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policies/decision.h"
#include "policies/time.h"
#include "sim/router/router.h"
#include "sim/telemetry/report_faults.h"

namespace gatewright::sim {

/// All that decides whether two contenders' requests go on alike, if they have done so before.
struct Bearing {
  bool running = false;
  bool is_cold = false;  ///< its old model is, which is each contender's own affair
  ProbeMask wanted = 0;
  Instant until{};                            ///< requests count until then
  std::span<const ExposureSegment> timeline;  ///< of the present window
};
[[nodiscard]] bool is_same_way(std::span<const ExposureSegment> a,
                               std::span<const ExposureSegment> b) noexcept;
[[nodiscard]] bool go_on_alike(const Bearing& a, const Bearing& b) noexcept;

/// Reports of a telemetry window that arrive at one moment.
struct Arriving {
  Instant at{};
  std::span<const Report> reports;
};

class Trail {
 public:
  /// A window in which something was told or done.
  struct Mark {
    std::uint64_t window = 0;
    std::size_t first_arrival = 0, arrivals = 0;
    std::size_t first_segment = 0, segments = 0;
    Bearing bearing{};  ///< at the window's end; its timeline is kept apart
  };

  /// Back to the start of a rollout.
  void start() noexcept;
  /// In window `window`, not before that of the last mark, the leader was told `arriving`, and then
  /// stood as `bearing` says. Said again of the same window, it corrects the bearing.
  void mark(std::uint64_t window, std::span<const Arriving> arriving, const Bearing& bearing);

  /// In order of their windows.
  [[nodiscard]] std::span<const Mark> marks() const noexcept { return marks_; }
  /// What was told then; valid until the next mark is made.
  void find_arriving(const Mark& mark, std::vector<Arriving>& found) const;
  [[nodiscard]] Bearing bearing_at(const Mark& mark) const noexcept;

 private:
  struct Arrival {
    Instant at{};
    std::size_t first_report = 0, reports = 0;
  };
  std::vector<Mark> marks_;
  std::vector<Arrival> arrivals_;
  std::vector<ExposureSegment> segments_;
  std::vector<Report> reports_;  ///< those beyond report_count_ are spare memory
  std::size_t report_count_ = 0;
};

}  // namespace gatewright::sim
