// Helpers for messages.
#include "scenarios/text.h"

#include <gtest/gtest.h>

namespace gatewright::scenarios {
namespace {

TEST(Text, LongTextIsCutAtAWholeCharacter) {
  std::string accents;
  for (int i = 0; i < 40; ++i) accents += "é";
  const std::string cut = shortened(accents);
  EXPECT_EQ(cut.size(), 59U);  // 28 characters of two bytes and three dots
  EXPECT_TRUE(cut.ends_with("é..."));
  EXPECT_EQ(shortened("a\tb\nc"), "a?b?c");
}

TEST(Text, HintNamesTheNearestOrAllThatIsKnown) {
  const std::vector<std::string> known{"gates", "stages", "name"};
  EXPECT_EQ(hint("ganes", known), "; did you mean `gates`?");
  EXPECT_EQ(hint("zebra", known), "; known here: gates, stages, name");
  EXPECT_EQ(hint("x", known), "; known here: gates, stages, name");
}

TEST(Text, AlternativesReadAsASentence) {
  EXPECT_EQ(alternatives({"a"}), "`a`");
  EXPECT_EQ(alternatives({"a", "b"}), "`a` or `b`");
  EXPECT_EQ(alternatives({"a", "b", "c"}), "`a`, `b` or `c`");
}

TEST(Text, PathsJoinWithoutEmptyParts) {
  EXPECT_EQ(join("", "a"), "a");
  EXPECT_EQ(join("a", ""), "a");
  EXPECT_EQ(join("a", "b"), "a.b");
}

}  // namespace
}  // namespace gatewright::scenarios
