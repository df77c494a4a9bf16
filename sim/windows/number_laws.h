// What is known of single numbers of an arm's answers, beyond what rows say: means, quantiles, shares.
// Used by WindowLaw, whose tables it makes right; found from finer nets and from lines. Draws nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "sim/telemetry/measurement.h"
#include "sim/windows/point_answers.h"

namespace gatewright::sim {

/// What is measured, and which of its quantiles are asked for.
struct Measured {
  Measurement measurement;  ///< of all segments
  std::vector<double> probabilities{};
  friend bool operator==(const Measured&, const Measured&) = default;
};
[[nodiscard]] bool is_distribution(const Measurement& measurement) noexcept;
/// Tokens are whole numbers, and costs sums of their prices.
[[nodiscard]] bool comes_in_steps(WorldMetric metric) noexcept;
/// Whether answers with these events count for metrics of that scope.
[[nodiscard]] bool counts(MetricScope scope, std::uint8_t events, bool seen) noexcept;

/// Of the answers of an arm, whichever it is.
class NumberLaws {
 public:
  /// About which squares and products are summed: of a number, and of its covariate.
  struct Centres {
    double of_number = 0.0, of_other = 0.0;
  };
  /// Of answers without a mishap that end in time: of a number, of its covariate, and of their squares about the
  /// middles.
  struct Means {
    double of_number = 0.0, of_square = 0.0, of_other = 0.0, of_other_square = 0.0;
  };
  /// Where the law of a number is cut, for windows with fewer than so many requests.
  struct Cut {
    float at;
    double until;
    /// Of answers with such mishaps (see index_of), those that end in time and are below it; where it serves
    /// for any number.
    std::array<double, 4> shares{};
  };

  /// `law`: the arm's; `mishaps`: those that can happen.
  NumberLaws(const PreparedScenario& scenario, std::span<const Measured> measured,
             const ArmLaw& law, const Affine& input_tokens, std::span<const Forced> mishaps);

  // Per measurement.

  [[nodiscard]] const Centres& centres(std::size_t m) const noexcept { return centres_[m]; }
  [[nodiscard]] const Means& means(std::size_t m) const noexcept { return means_[m]; }
  /// Rising; of a number of which a distribution is measured, as all below. The same for all kinds of requests.
  [[nodiscard]] std::span<const Cut> cuts(std::size_t m) const noexcept { return cuts_[m]; }
  /// Of answers without a mishap that end in time: many numbers, sorted, equally likely, between two cuts.
  [[nodiscard]] std::span<const float> between_cuts(std::size_t m, std::size_t stretch) const;
  /// Of answers without a mishap to the points that net_of(forced) asks about: the numbers that stand at their
  /// ranks, point by point, net after net. `is_first`: whether the arm's latents are mixed first.
  [[nodiscard]] std::span<const float> exact(std::size_t m, bool is_first,
                                             const ForcedPair& forced) const noexcept {
    return exact_[m][is_first ? 1 : 0][forced == ForcedPair{} ? 1 : 0];
  }

 private:
  /// Numbers of many answers without a mishap.
  struct Numbers {
    std::size_t m;              ///< measurement
    std::vector<float> values;  ///< sorted
    std::vector<float> late;    ///< those of them whose answers come too late
  };
  /// Lets the arm answer points by itself.
  void answer(const Forced& mishap, const LatentPoints& points,
              const std::function<void(const AnsweredPoints&)>& take);
  [[nodiscard]] const Column<float>& numbers_at(std::size_t m, const AnsweredPoints& chunk) const;
  [[nodiscard]] bool is_summed(std::size_t m) const noexcept;
  void find_centres();
  void find_means();
  void find_cuts(std::span<const Forced> mishaps);
  void find_ranks(std::span<const Numbers> numbers);
  void straighten(float at, Numbers& of);
  [[nodiscard]] std::vector<float> quantiles_of_all(std::size_t m, std::span<const float> lawful,
                                                    std::span<const Forced> mishaps,
                                                    std::span<const double> probabilities);
  [[nodiscard]] double share_below(std::size_t m, const Forced& mishap, float at);

  std::vector<Measured> measured_;
  std::unique_ptr<ArmLaws> laws_;          ///< both arms' are the arm's; until all is known
  std::unique_ptr<PointAnswers> answers_;  ///< likewise
  std::vector<Centres> centres_;           ///< per measurement, as all below
  std::vector<Means> means_;
  std::vector<std::vector<Cut>> cuts_;
  std::vector<std::vector<float>> law_;
  /// By whether the arm's latents come first, and of some points and of most.
  std::vector<std::array<std::array<std::vector<float>, 2>, 2>> exact_;
};

/// The laws of both arms' numbers, as far as they are asked for.
struct NumbersOfArms {
  /// A number of a measurement; of pairs the baseline's stands for both, and the candidate's is the one beside.
  struct Place {
    std::size_t measurement;
    std::size_t arm;
  };
  std::array<std::shared_ptr<const NumberLaws>, 2> arms;

  [[nodiscard]] const NumberLaws& at(Place place) const noexcept { return *arms[place.arm]; }
  [[nodiscard]] NumberLaws::Centres centres(Place place, bool pairs) const noexcept;
  [[nodiscard]] NumberLaws::Means means(Place place, bool pairs) const noexcept;
};

/// Numbers' laws that were found before: a scenario's healthy twin and its own later hours have most of them.
/// Shared by threads.
class NumberBook {
 public:
  /// Those of an arm with this law; found where they are not known yet.
  [[nodiscard]] std::shared_ptr<const NumberLaws> find(const PreparedScenario& scenario,
                                                       std::span<const Measured> measured,
                                                       const ArmLaw& law,
                                                       const Affine& input_tokens);

 private:
  struct Entry {
    std::vector<Measured> measured;
    ArmLaw law;
    Rates prices;
    Affine input_tokens;
    std::vector<Forced> mishaps;
    std::once_flag is_known{};
    std::shared_ptr<const NumberLaws> laws{};
  };
  std::mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace gatewright::sim
