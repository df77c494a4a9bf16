// What share of the traffic comes from those whom an exposure covers, and how many of them there are.
// Used by WindowWorld; assignment and segments are those of the requests' world, user by user.
#pragma once

#include <cstdint>
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

/// Users for whom the same conditions of effects hold.
struct AudiencePart {
  Conditions holding = 0;
  double served = 0.0;  ///< share of all traffic that an exposure serves
  double rest = 0.0;    ///< share of all traffic that it does not
};

class Audience {
 public:
  explicit Audience(const PreparedScenario& scenario);

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

 private:
  /// What an assignment covers in this replication.
  struct Coverage {
    Assignment assignment;
    bool is_known = false;
    std::vector<std::uint16_t> bucket;  ///< per user; empty where requests are assigned one by one
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
  };
  [[nodiscard]] Coverage& coverage_of(const Assignment& assignment);
  void cover(Coverage& coverage);
  void find_parts();
  [[nodiscard]] const Census& census_of(const Crowd& crowd);

  const PreparedScenario& scenario_;
  std::vector<double> activity_;        ///< per user: share of the traffic
  std::vector<std::uint8_t> class_of_;  ///< per user: class of like activity
  std::vector<double> class_activity_;  ///< mean of a user, per class
  std::optional<Segmenter> segmenter_;
  std::vector<Conditions> holding_;    ///< per part
  std::vector<double> shares_;         ///< of all traffic, per part
  std::vector<std::uint8_t> part_of_;  ///< per user; empty: there is one part
  RunKey key_;
  std::vector<std::unique_ptr<Coverage>> coverages_;
  std::vector<Census> census_;
  std::size_t census_count_ = 0;
  std::vector<AudiencePart> parts_;
};

}  // namespace gatewright::sim
