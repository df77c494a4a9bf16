// Values of which only the range is known yet: how many lie in which stretch of a law.
// Used by tallies of windows that are drawn whole; what a quantile needs of them is drawn when it is
// asked for. Never draws the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sim/streams.h"

namespace gatewright::sim {

/// So many values, each equally likely one of a stretch of rising numbers, which belong to a law and
/// outlive the counts.
struct ValueRange {
  std::span<const float> among;
  std::uint64_t count = 0;
  bool is_smooth = false;  ///< what lies between two neighbours is as likely
  [[nodiscard]] ValueRange part(std::span<const float> of_these,
                                std::uint64_t so_many) const noexcept {
    return {of_these, so_many, is_smooth};
  }
};

/// The luck of what is not drawn yet comes with the counts: sums of random words, so that equal counts
/// from equal windows say the same whoever asks, and however often. What is asked at different ranks is
/// drawn independently given the counts; how far it goes together is what the counts tell.
class ValueRanges {
 public:
  void clear() noexcept;
  /// Adds values of a stretch; `luck`: a random word for them.
  void add(ValueRange range, std::uint64_t luck);
  void add(const ValueRanges& other);
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// Of these values and those of `known`: the `rank`-th smallest, from 0, and the one after it; the
  /// same again where there is none. `rank` is below their number.
  [[nodiscard]] std::pair<double, double> select(std::span<const float> known,
                                                 std::uint64_t rank) const;

  /// Counts the values up to one bound after the other.
  class Below {
   public:
    explicit Below(const ValueRanges& ranges);
    /// Values at most `bound`, which does not fall from call to call.
    [[nodiscard]] std::uint64_t at_most(double bound);

   private:
    std::vector<ValueRange> left_;
    std::uint64_t below_ = 0;
    Stream stream_;
  };

 private:
  std::vector<ValueRange> ranges_;  ///< by their smallest numbers, rising
  std::uint64_t count_ = 0;
  std::uint64_t luck_ = 0;
};

}  // namespace gatewright::sim
