#include "sim/windows/audience.h"

#include <algorithm>
#include <array>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
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
/// Below this many repeated requests a normal number of them would often be negative.
constexpr double kFewRepeats = 10.0;

bool is_by_request(const Assignment& assignment) noexcept {
  return assignment.by == AssignmentUnit::request;
}

}  // namespace

Audience::Audience(const PreparedScenario& scenario)
    : scenario_(scenario),
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
  for (std::size_t c = 0; c < users.size(); ++c)
    if (users[c] > 0.0) class_activity_[c] /= users[c];
  if (scenario.effects().looks_at().segment)
    segmenter_.emplace(scenario.scenario().traffic.segments,
                       static_cast<std::uint32_t>(activity_.size()));
}

void Audience::start(RunKey key) {
  key_ = key;
  for (const auto& coverage : coverages_) coverage->is_known = false;
  census_count_ = 0;
  if (segmenter_) segmenter_->start(key.seed, key.replication);
  find_parts();
}

/// Users fall into parts by the conditions that hold for them.
void Audience::find_parts() {
  const EffectTable& effects = scenario_.effects();
  if (!effects.has_conditions()) {
    holding_.assign(1, 0);
    shares_.assign(1, 1.0);
    return;
  }
  holding_.clear();
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
    effects.find_conditions(*columns, *holding);
    for (std::size_t i = 0; i < columns->size; ++i) {
      const auto known = std::ranges::find(holding_, (*holding)[i]);
      part_of_[first + i] = static_cast<std::uint8_t>(known - holding_.begin());
      if (known == holding_.end()) holding_.push_back((*holding)[i]);
    }
  }
  shares_.assign(holding_.size(), 0.0);
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
  coverage.below.assign(holding_.size(), std::vector<double>(kWholeExposure + 1, 0.0));
  const auto part_of = [this](std::size_t user) -> std::size_t {
    return holding_.size() == 1 ? 0 : part_of_[user];
  };
  if (is_by_request(assignment)) {
    // Every request has the same chance, whoever sends it.
    for (std::size_t part = 0; part < holding_.size(); ++part)
      for (std::size_t b = 0; b <= kWholeExposure; ++b)
        coverage.below[part][b] =
            shares_[part] * static_cast<double>(b) / static_cast<double>(kWholeExposure);
    return;
  }
  coverage.bucket.resize(activity_.size());
  fill_buckets(assignment.hash, key_.seed, key_.replication, coverage.bucket);
  for (const std::uint32_t user : assignment.allow)
    if (user < coverage.bucket.size()) coverage.bucket[user] = 0;
  for (const std::uint32_t user : assignment.deny)
    if (user < coverage.bucket.size()) coverage.bucket[user] = kWholeExposure;
  // In the order of buckets' ends; what is never served stays out of all of them.
  for (std::size_t user = activity_.size(); user-- > 0;)
    if (coverage.bucket[user] < kWholeExposure)
      coverage.below[part_of(user)][coverage.bucket[user] + std::size_t{1}] += activity_[user];
  for (std::vector<double>& below : coverage.below)
    for (std::size_t b = 1; b < below.size(); ++b) below[b] += below[b - 1];
}

std::span<const AudiencePart> Audience::parts(const Assignment& assignment, std::uint16_t served) {
  parts_.clear();
  if (served == 0 && holding_.size() == 1) {
    parts_.push_back({.holding = holding_.front(), .served = 0.0, .rest = 1.0});
    return parts_;
  }
  const Coverage& coverage = coverage_of(assignment);
  for (std::size_t part = 0; part < holding_.size(); ++part) {
    const double covered = coverage.below[part][served];
    parts_.push_back({.holding = holding_[part],
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
    if (holding_.size() > 1 && part_of_[user] != crowd.part) continue;
    if (!coverage.bucket.empty() && coverage.bucket[user] >= crowd.served) continue;
    census.share += activity_[user];
    ++census.users[class_of_[user]];
  }
  return census;
}

std::uint64_t Audience::draw_users(const Crowd& crowd, std::uint64_t requests, Stream& stream) {
  if (requests <= 1) return requests;
  const Census& census = census_of(crowd);
  if (census.share <= 0.0) return 0;
  // Given n requests, a user with share p of them is among them with probability 1 - e^(-n p), and
  // the number of users has the variance sum e^(-np) (1 - e^(-np)) - (sum np e^(-np))^2 / n: what the
  // Poisson number would add is taken away.
  const auto n = static_cast<double>(requests);
  double mean = 0.0, variance = 0.0, slope = 0.0;
  for (std::size_t c = 0; c < census.users.size(); ++c) {
    if (census.users[c] == 0) continue;
    const auto users = static_cast<double>(census.users[c]);
    const double expected = n * class_activity_[c] / census.share;
    const double absent = std::exp(-expected);
    mean += users * (1.0 - absent);
    variance += users * absent * (1.0 - absent);
    slope += users * expected * absent;
  }
  variance = std::max(0.0, variance - slope * slope / n);
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

}  // namespace gatewright::sim
