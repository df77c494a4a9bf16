// What share of the traffic comes from those whom an exposure covers, and how many of them there are.
// Used by WindowWorld; assignment and segments are those of the requests' world, user by user.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "policies/plan.h"
#include "sim/effects/effect_table.h"
#include "sim/prepared.h"
#include "sim/run.h"
#include "sim/streams.h"
#include "sim/users/population.h"

namespace gatewright::sim {

/// Users for whom the same conditions of effects hold, and who are of one segment where these are told
/// apart.
struct AudiencePart {
  Conditions holding = 0;
  std::uint8_t segment = 0;
  double served = 0.0;  ///< share of all traffic that an exposure serves
  double rest = 0.0;    ///< share of all traffic that it does not
};

class Audience {
 public:
  Audience(const PreparedScenario& scenario, bool by_segment);

  /// Back to the start of another replication: users are assigned anew.
  void start(RunKey key);
  /// The parts of the traffic at an exposure of `served` basis points. Valid until the next call.
  [[nodiscard]] std::span<const AudiencePart> parts(const Assignment& assignment,
                                                    std::uint16_t served);

  /// Which of the served users: those of part `part` of parts().
  struct Crowd {
    const Assignment& assignment;
    std::uint16_t served;
    std::size_t part;
  };
  /// How many different users make `requests` requests. The mean is exact, given the number of
  /// requests, and so is the variance up to rounding; users come as if normal around it, and where almost
  /// every request is another user's the repeated ones as if binomial.
  [[nodiscard]] std::uint64_t draw_users(const Crowd& crowd, std::uint64_t requests,
                                         Stream& stream);
  /// How many users are expected in both of two crowds that make so many requests each; one crowd is
  /// part of the other.
  struct Made {
    Crowd crowd;
    std::uint64_t requests;
  };
  [[nodiscard]] double expected_in_both(const Made& a, const Made& b);

  /// A telemetry window in which users are counted that no earlier one showed since the exposure stands
  /// still.
  struct Look {
    const Assignment& assignment;
    std::uint16_t served;
    std::uint64_t since;  ///< the first window that counts
    std::uint64_t window;
    double arrivals;  ///< expected in it
  };
  /// How many of them each arm's users are, without those whom a list assigns; asked for every window
  /// from `since` on, in order, once or more often. Requests are Poisson, so that every user comes or
  /// does not, independently of all others; users of like activity come equally often (within a factor
  /// of 2^(1/4)).
  [[nodiscard]] std::array<std::uint64_t, 2> draw_new_users(const Look& look, Stream& stream);

 private:
  /// What an assignment covers in this replication.
  struct Coverage {
    Assignment assignment;
    bool is_known = false;
    std::vector<std::uint16_t> bucket;  ///< per user; empty where requests are assigned one by one
    std::vector<std::uint16_t> bucket_by_unit;  ///< in the order of by_unit_; once it is asked for
    /// Per part: share of the traffic of users in buckets below b, b = 0..10,000.
    std::vector<std::vector<double>> below;
  };
  /// How many users of each class of activity a crowd has.
  struct Census {
    const Coverage* coverage;
    std::uint16_t served;
    std::size_t part;
    double share;  ///< of the traffic
    std::vector<std::uint32_t> users;
    /// Per class: the odds that a request is a user's, and the logarithm of the probability that it is not.
    std::vector<double> odds, log_absent;
  };
  /// Users of each class of activity who have not been seen, per arm, and what the window said last.
  struct Unseen {
    const Coverage* coverage;
    std::uint16_t served;
    std::uint64_t since;
    std::array<std::vector<std::uint32_t>, 2> users;
    std::uint64_t next_window;
    std::array<std::uint64_t, 2> drawn;
  };
  [[nodiscard]] Unseen& unseen_of(const Look& look);
  [[nodiscard]] Coverage& coverage_of(const Assignment& assignment);
  void cover(Coverage& coverage);
  void find_parts();
  [[nodiscard]] const Census& census_of(const Crowd& crowd);

  const PreparedScenario& scenario_;
  bool by_segment_;
  std::vector<double> activity_;        ///< per user: share of the traffic
  std::vector<std::uint8_t> class_of_;  ///< per user: class of like activity
  std::vector<double> class_activity_;  ///< mean of a user, per class
  std::vector<double> unit_activity_;   ///< the same, of kClassesOfUnits classes as one
  std::vector<double> unit_comes_;      ///< probability that a user comes, of so many requests
  double of_arrivals_ = -1.0;
  std::vector<std::uint32_t> by_unit_;      ///< users, class by class of those
  std::vector<std::size_t> first_of_unit_;  ///< where each begins among them, and their number
  std::optional<Segmenter> segmenter_;
  /// Who is in a part.
  struct Group {
    Conditions holding = 0;
    std::uint8_t segment = 0;
    friend constexpr bool operator==(const Group&, const Group&) = default;
  };
  std::vector<Group> groups_;           ///< per part
  std::vector<double> shares_;          ///< of all traffic, per part
  std::vector<std::uint16_t> part_of_;  ///< per user; empty: there is one part
  RunKey key_;
  std::vector<std::unique_ptr<Coverage>> coverages_;
  std::deque<Census> census_;  ///< references to them stay good
  std::size_t census_count_ = 0;
  std::vector<Unseen> unseen_;
  std::size_t unseen_count_ = 0;
  std::vector<AudiencePart> parts_;
};

}  // namespace gatewright::sim
