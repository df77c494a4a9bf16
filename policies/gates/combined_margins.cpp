// The least mean of e-values over all splits, metric by metric.
// Used by the staged policy for combined gates.
// Never holds an e-value above e^600: what is cut off there has decided long before.
#include "policies/gates/combined_margins.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "policies/assert.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

constexpr double kLogEMax = 600.0;

/// The least sums of e-values over splits of 0, 1, ..., total steps among the parts added so far.
class LeastSums {
 public:
  explicit LeastSums(std::size_t total) noexcept : total_(total) {}

  /// log_e(k) of the next part at k steps.
  template <typename LogE>
  void add(const LogE& log_e) noexcept {
    std::array<double, kStepsMax + 1> e{};
    for (std::size_t k = 0; k <= total_; ++k) e[k] = std::exp(std::min(log_e(k), kLogEMax));
    const std::array<double, kStepsMax + 1> before = least_;
    for (std::size_t k = 0; k <= total_; ++k) {
      least_[k] = before[0] + e[k];
      if (is_first_) continue;
      for (std::size_t given = 0; given < k; ++given)
        least_[k] = std::min(least_[k], before[k - given] + e[given]);
    }
    is_first_ = false;
    parts_ += 1.0;
  }

  [[nodiscard]] double log_mean() const noexcept { return std::log(least_[total_] / parts_); }

 private:
  std::size_t total_;
  std::array<double, kStepsMax + 1> least_{};
  bool is_first_ = true;
  double parts_ = 0.0;
};

}  // namespace

double log_least_mean(std::span<const double> log_e, std::size_t total) noexcept {
  GATEWRIGHT_ASSERT(total <= kStepsMax && !log_e.empty() && log_e.size() % (total + 1) == 0);
  LeastSums sums(total);
  for (; !log_e.empty(); log_e = log_e.subspan(total + 1))
    sums.add([&](std::size_t k) { return log_e[k]; });
  return sums.log_mean();
}

std::vector<double> CombinedMargins::shares(double margins_used, std::size_t parts) {
  std::vector<double> shares;
  for (std::size_t k = 0; k < kSteps + parts; ++k)
    shares.push_back(margins_used * static_cast<double>(k) / static_cast<double>(kSteps));
  return shares;
}

CombinedMargins::CombinedMargins(std::vector<std::unique_ptr<MarginShare>> parts)
    : parts_(std::move(parts)) {
  GATEWRIGHT_ASSERT(parts_.size() >= 2 && parts_.size() <= kPartsMax);
  for (const auto& part : parts_) {
    first_slot_.push_back(slots_);
    slots_ += part->slots();
  }
}

void CombinedMargins::update(std::span<double> slots, std::size_t part,
                             const Observation& observation) const noexcept {
  parts_[part]->update(slots.subspan(first_slot_[part], parts_[part]->slots()), observation);
}

Evidence CombinedMargins::evidence(std::span<const double> slots,
                                   const Budget& budget) const noexcept {
  const std::size_t up = kSteps + parts_.size() - 1;  // steps when shares are rounded up
  const std::size_t down = kSteps + 1 - parts_.size();
  LeastSums harm(up), safety(down);
  bool enough = false;
  for (std::size_t j = 0; j < parts_.size(); ++j) {
    std::array<MarginShare::LogE, kStepsMax + 1> of_part{};
    const auto at = std::span(of_part).first(up + 1);
    enough |= parts_[j]->log_e(slots.subspan(first_slot_[j], parts_[j]->slots()), at);
    // Whatever rounding does to an e-value, none is taken for more than at a smaller share.
    for (std::size_t k = 1; k <= up; ++k) at[k].harm = std::min(at[k].harm, at[k - 1].harm);
    at[0].safety = 0.0;
    for (std::size_t k = up; k > 0; --k)
      at[k - 1].safety = std::min(at[k - 1].safety, at[k].safety);
    harm.add([&](std::size_t k) { return at[k].harm; });
    safety.add([&](std::size_t k) { return at[k].safety; });
  }
  return {.harm = gates::share_of_log_e(harm.log_mean(), budget.false_alarm),
          .safety = gates::share_of_log_e(safety.log_mean(), budget.missed_harm),
          .enough = enough};
}

}  // namespace gatewright
