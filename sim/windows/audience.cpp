#include "sim/windows/audience.h"

#include <algorithm>
#include <array>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <numeric>
#include <string>

#include "policies/assert.h"
#include "policies/exposure.h"
#include "sim/windows/counts.h"

namespace gatewright::sim {
namespace {

/// Classes of activity are this far apart: a user's mean stands for all of a class within
/// (2^(1/16) - 1)^2 / 8, less than a thousandth, of what is counted.
constexpr double kClassesPerOctave = 8.0;
constexpr std::size_t kMostClasses = 256;
/// Who is seen for the first time is counted by coarser classes.
constexpr std::size_t kClassesOfUnits = 4;
/// Below this many repeated requests a normal number of them would often be negative.
constexpr double kFewRepeats = 10.0;

bool is_by_request(const Assignment& assignment) noexcept {
  return assignment.by == AssignmentUnit::request;
}

}  // namespace

Audience::Audience(const PreparedScenario& scenario, bool by_segment)
    : scenario_(scenario),
      by_segment_(by_segment),
      activity_(
          activities(scenario.scenario().traffic.users, scenario.scenario().traffic.tenants)) {
  const double highest = *std::ranges::max_element(activity_);
  std::vector<double> users;
  class_of_.reserve(activity_.size());
  for (const double activity : activity_) {
    const double octaves = std::log2(highest / activity);
    const auto place =
        std::min(static_cast<std::size_t>(octaves * kClassesPerOctave + 0.5), kMostClasses - 1);
    class_of_.push_back(static_cast<std::uint8_t>(place));
    if (place >= users.size()) {
      users.resize(place + 1);
      class_activity_.resize(place + 1);
    }
    users[place] += 1.0;
    class_activity_[place] += activity;
  }
  for (std::size_t first = 0; first < users.size(); first += kClassesOfUnits) {
    double count = 0.0, activity = 0.0;
    for (std::size_t c = first; c < std::min(first + kClassesOfUnits, users.size()); ++c) {
      count += users[c];
      activity += class_activity_[c];
    }
    unit_activity_.push_back(count > 0.0 ? activity / count : 0.0);
  }
  for (std::size_t c = 0; c < users.size(); ++c)
    if (users[c] > 0.0) class_activity_[c] /= users[c];
  by_unit_.resize(activity_.size());
  std::iota(by_unit_.begin(), by_unit_.end(), 0U);
  std::ranges::stable_sort(
      by_unit_, {}, [this](std::uint32_t user) { return class_of_[user] / kClassesOfUnits; });
  first_of_unit_.assign(unit_activity_.size() + 1, 0);
  for (const std::uint8_t place : class_of_) ++first_of_unit_[place / kClassesOfUnits + 1U];
  std::partial_sum(first_of_unit_.begin(), first_of_unit_.end(), first_of_unit_.begin());
  if (by_segment || scenario.effects().looks_at().segment)
    segmenter_.emplace(scenario.scenario().traffic.segments,
                       static_cast<std::uint32_t>(activity_.size()));
}

void Audience::start(RunKey key) {
  key_ = key;
  for (const auto& coverage : coverages_) coverage->is_known = false;
  census_count_ = 0;
  unseen_count_ = 0;
  if (segmenter_) segmenter_->start(key.seed, key.replication);
  find_parts();
}

/// Users fall into parts by the conditions that hold for them, and by segment where that counts.
void Audience::find_parts() {
  const EffectTable& effects = scenario_.effects();
  if (!effects.has_conditions() && !by_segment_) {
    groups_.assign(1, {});
    shares_.assign(1, 1.0);
    return;
  }
  groups_.clear();
  part_of_.resize(activity_.size());
  const auto columns = std::make_unique<Columns>();
  const auto holding = std::make_unique<Column<Conditions>>();
  for (std::size_t first = 0; first < activity_.size(); first += kChunk) {
    columns->size = std::min(kChunk, activity_.size() - first);
    for (std::size_t i = 0; i < columns->size; ++i) {
      const auto user = static_cast<std::uint32_t>(first + i);
      columns->tenant[i] = scenario_.tables().population.tenant_of(user);
      columns->segment[i] = segmenter_ ? segmenter_->segment_of(user) : std::uint8_t{0};
    }
    if (effects.has_conditions()) effects.find_conditions(*columns, *holding);
    for (std::size_t i = 0; i < columns->size; ++i) {
      const Group group{.holding = effects.has_conditions() ? (*holding)[i] : Conditions{0},
                        .segment = by_segment_ ? columns->segment[i] : std::uint8_t{0}};
      const auto known = std::ranges::find(groups_, group);
      part_of_[first + i] = static_cast<std::uint16_t>(known - groups_.begin());
      if (known == groups_.end()) groups_.push_back(group);
    }
  }
  shares_.assign(groups_.size(), 0.0);
  for (std::size_t user = activity_.size(); user-- > 0;) shares_[part_of_[user]] += activity_[user];
}

Audience::Coverage& Audience::coverage_of(const Assignment& assignment) {
  for (const auto& coverage : coverages_) {
    if (coverage->assignment != assignment) continue;
    if (!coverage->is_known) cover(*coverage);
    return *coverage;
  }
  Coverage& coverage = *coverages_.emplace_back(std::make_unique<Coverage>());
  coverage.assignment = assignment;
  cover(coverage);
  return coverage;
}

void Audience::cover(Coverage& coverage) {
  const Assignment& assignment = coverage.assignment;
  coverage.is_known = true;
  coverage.bucket_by_unit.clear();
  coverage.below.resize(groups_.size());
  for (std::vector<double>& below : coverage.below) below.assign(kWholeExposure + 1, 0.0);
  if (is_by_request(assignment)) {
    // Every request has the same chance, whoever sends it.
    for (std::size_t part = 0; part < groups_.size(); ++part)
      for (std::size_t b = 0; b <= kWholeExposure; ++b)
        coverage.below[part][b] =
            shares_[part] * static_cast<double>(b) / static_cast<double>(kWholeExposure);
    return;
  }
  coverage.bucket = *scenario_.tables().buckets->find(assignment.hash, key_, activity_.size());
  for (const std::uint32_t user : assignment.allow)
    if (user < coverage.bucket.size()) coverage.bucket[user] = 0;
  for (const std::uint32_t user : assignment.deny)
    if (user < coverage.bucket.size()) coverage.bucket[user] = kWholeExposure;
  // In the order of buckets' ends; what is never served stays out of all of them.
  const auto add_users = [&, bucket = coverage.bucket.data()](auto below_of) {
    for (std::size_t user = activity_.size(); user-- > 0;)
      if (bucket[user] < kWholeExposure)
        below_of(user)[bucket[user] + std::size_t{1}] += activity_[user];
  };
  if (groups_.size() == 1)
    add_users([below = coverage.below.front().data()](std::size_t) { return below; });
  else
    add_users([&](std::size_t user) { return coverage.below[part_of_[user]].data(); });
  for (std::vector<double>& below : coverage.below)
    for (std::size_t b = 1; b < below.size(); ++b) below[b] += below[b - 1];
}

std::span<const AudiencePart> Audience::parts(const Assignment& assignment, std::uint16_t served) {
  parts_.clear();
  if (served == 0 && groups_.size() == 1) {
    parts_.push_back({.holding = groups_.front().holding,
                      .segment = groups_.front().segment,
                      .served = 0.0,
                      .rest = 1.0});
    return parts_;
  }
  const Coverage& coverage = coverage_of(assignment);
  for (std::size_t part = 0; part < groups_.size(); ++part) {
    const double covered = coverage.below[part][served];
    parts_.push_back({.holding = groups_[part].holding,
                      .segment = groups_[part].segment,
                      .served = covered,
                      .rest = std::max(0.0, shares_[part] - covered)});
  }
  return parts_;
}

const Audience::Census& Audience::census_of(const Crowd& crowd) {
  const Coverage& coverage = coverage_of(crowd.assignment);
  for (std::size_t i = 0; i < census_count_; ++i)
    if (census_[i].coverage == &coverage && census_[i].served == crowd.served &&
        census_[i].part == crowd.part)
      return census_[i];
  if (census_count_ == census_.size()) census_.emplace_back();
  Census& census = census_[census_count_++];
  census.coverage = &coverage;
  census.served = crowd.served;
  census.part = crowd.part;
  census.share = 0.0;
  census.users.assign(class_activity_.size(), 0);
  for (std::size_t user = activity_.size(); user-- > 0;) {
    if (groups_.size() > 1 && part_of_[user] != crowd.part) continue;
    if (!coverage.bucket.empty() && coverage.bucket[user] >= crowd.served) continue;
    census.share += activity_[user];
    ++census.users[class_of_[user]];
  }
  census.odds.assign(class_activity_.size(), 0.0);
  census.log_absent.assign(class_activity_.size(), 0.0);
  constexpr double kNearlyAll = 1.0 - 1e-12;  // of somebody who is alone
  for (std::size_t c = 0; c < class_activity_.size(); ++c) {
    if (census.users[c] == 0) continue;
    const double p = std::min(kNearlyAll, class_activity_[c] / census.share);
    census.odds[c] = p / (1.0 - p);
    census.log_absent[c] = std::log1p(-p);
  }
  return census;
}

std::uint64_t Audience::draw_users(const Crowd& crowd, std::uint64_t requests, Stream& stream) {
  if (requests <= 1) return requests;
  const Census& census = census_of(crowd);
  if (census.share <= 0.0) return 0;
  // A user with share p of the requests is absent from n of them with probability a = (1 - p)^n. Two are absent
  // together with probability (1 - p - q)^n, which is the product less n times the product of all four: a, p / (1 - p)
  // and the other's, but for terms of the second order.
  const auto n = static_cast<double>(requests);
  double mean = 0.0, variance = 0.0, slope = 0.0;
  for (std::size_t c = 0; c < census.users.size(); ++c) {
    if (census.users[c] == 0) continue;
    const auto users = static_cast<double>(census.users[c]);
    const double absent = std::exp(n * census.log_absent[c]);
    const double with_odds = absent * census.odds[c];
    mean += users * (1.0 - absent);
    variance += users * (absent * (1.0 - absent) + n * with_odds * with_odds);
    slope += users * with_odds;
  }
  variance = std::max(0.0, variance - n * slope * slope);
  const double repeats = std::max(0.0, n - mean);
  if (repeats < kFewRepeats) {
    // A binomial number with that mean and that variance, which is below the mean.
    const double trials = std::nearbyint(repeats * repeats / std::max(repeats - variance, 1e-9));
    const auto most = static_cast<std::uint64_t>(std::clamp(trials, std::ceil(repeats), 1e9));
    return requests - std::min(requests - 1,
                               draw_binomial(stream, {most, repeats / static_cast<double>(most)}));
  }
  boost::random::normal_distribution<double> normal;
  const double drawn = std::nearbyint(mean + std::sqrt(variance) * normal(stream));
  return static_cast<std::uint64_t>(std::clamp(drawn, 1.0, n));
}

double Audience::expected_in_both(const Made& a, const Made& b) {
  const Census& of_a = census_of(a.crowd);
  const Census& of_b = census_of(b.crowd);
  const Census& smaller = of_a.share < of_b.share ? of_a : of_b;
  double both = 0.0;
  for (std::size_t c = 0; c < smaller.users.size(); ++c) {
    const auto comes = [c](const Made& made, const Census& census) {
      return -std::expm1(static_cast<double>(made.requests) * census.log_absent[c]);
    };
    if (smaller.users[c] > 0) both += smaller.users[c] * comes(a, of_a) * comes(b, of_b);
  }
  return both;
}

Audience::Unseen& Audience::unseen_of(const Look& look) {
  Coverage& coverage = coverage_of(look.assignment);
  for (Unseen& unseen : std::span(unseen_).first(unseen_count_))
    if (unseen.coverage == &coverage && unseen.served == look.served && unseen.since == look.since)
      return unseen;
  if (unseen_count_ == unseen_.size()) unseen_.emplace_back();
  Unseen& unseen = unseen_[unseen_count_++];
  unseen.coverage = &coverage;
  unseen.served = look.served;
  unseen.since = look.since;
  unseen.next_window = look.since;
  for (std::vector<std::uint32_t>& users : unseen.users) users.assign(unit_activity_.size(), 0);
  if (coverage.bucket_by_unit.empty()) {
    coverage.bucket_by_unit.resize(by_unit_.size());
    std::ranges::transform(by_unit_, coverage.bucket_by_unit.begin(),
                           [&](std::uint32_t user) { return coverage.bucket[user]; });
  }
  for (std::size_t c = 0; c < unit_activity_.size(); ++c) {
    const std::span<const std::uint16_t> buckets =
        std::span(coverage.bucket_by_unit)
            .subspan(first_of_unit_[c], first_of_unit_[c + 1] - first_of_unit_[c]);
    std::uint32_t served = 0;
    for (const std::uint16_t bucket : buckets) served += bucket < look.served ? 1U : 0U;
    unseen.users[kCandidateArm][c] = served;
    unseen.users[kBaselineArm][c] = static_cast<std::uint32_t>(buckets.size()) - served;
  }
  // Whom a list assigns does not count.
  std::vector<std::uint32_t> listed = look.assignment.allow;
  listed.insert(listed.end(), look.assignment.deny.begin(), look.assignment.deny.end());
  std::ranges::sort(listed);
  listed.erase(std::ranges::unique(listed).begin(), listed.end());
  for (const std::uint32_t user : listed) {
    if (user >= activity_.size()) continue;
    const std::size_t arm = coverage.bucket[user] < look.served ? kCandidateArm : kBaselineArm;
    --unseen.users[arm][class_of_[user] / kClassesOfUnits];
  }
  return unseen;
}

std::array<std::uint64_t, 2> Audience::draw_new_users(const Look& look, Stream& stream) {
  GATEWRIGHT_ASSERT(!is_by_request(look.assignment));
  Unseen& unseen = unseen_of(look);
  if (look.window < unseen.next_window) return unseen.drawn;
  unseen.next_window = look.window + 1;
  unseen.drawn = {};
  if (look.arrivals != of_arrivals_) {
    of_arrivals_ = look.arrivals;
    unit_comes_.clear();
    for (const double activity : unit_activity_)
      unit_comes_.push_back(-std::expm1(-activity * look.arrivals));
  }
  for (std::size_t c = 0; c < unit_activity_.size(); ++c) {
    const double comes = unit_comes_[c];
    for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
      std::uint32_t& left = unseen.users[arm][c];
      const std::uint64_t seen = draw_binomial(stream, {left, comes});
      left -= static_cast<std::uint32_t>(seen);
      unseen.drawn[arm] += seen;
    }
  }
  return unseen.drawn;
}

}  // namespace gatewright::sim
