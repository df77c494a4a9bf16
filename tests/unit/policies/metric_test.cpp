#include "policies/metric.h"

#include <set>

#include <gtest/gtest.h>

namespace gatewright {
namespace {

TEST(Metric, EveryNameIsFoundAndStandsOnce) {
  std::set<std::string_view> names;
  for (const MetricInfo& metric : metrics()) {
    EXPECT_EQ(find_metric(metric.name), &metric);
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.unit.empty());
    EXPECT_FALSE(metric.about.empty());
  }
  EXPECT_EQ(names.size(), 21U);
}

TEST(Metric, UnknownNamesAreNotFound) {
  EXPECT_EQ(find_metric("drift"), nullptr);
  EXPECT_EQ(find_metric(""), nullptr);
}

TEST(Metric, FeedbackIsSeenAndAgreementIsPaired) {
  EXPECT_EQ(find_metric("thumbs_up")->scope, MetricScope::seen);
  EXPECT_EQ(find_metric("thumbs_up")->harm, Direction::down);
  EXPECT_EQ(find_metric("agreement")->scope, MetricScope::paired);
  EXPECT_EQ(find_metric("agreement")->kind, MetricKind::event);
}

}  // namespace
}  // namespace gatewright
