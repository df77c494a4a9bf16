// The committed schemas are those of the tables, and every file of the library obeys them.
// GATEWRIGHT_REGENERATE=1 writes them anew.
#include "scenarios/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace gatewright::scenarios {
namespace {

namespace fs = std::filesystem;

const fs::path kScenarios = fs::path(GATEWRIGHT_SOURCE_DIR) / "scenarios";

std::string contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

void expect_committed(const char* name, const std::string& made) {
  const fs::path file = kScenarios / "schema" / name;
  if (std::getenv("GATEWRIGHT_REGENERATE") != nullptr)
    std::ofstream(file, std::ios::binary) << made;
  EXPECT_EQ(contents(file), made) << "run this test with GATEWRIGHT_REGENERATE=1 and review "
                                  << file;
}

TEST(Schema, CommittedFilesAreThoseOfTheTables) {
  expect_committed("scenario.schema.json", scenario_schema());
  expect_committed("policy.schema.json", policy_schema());
  expect_committed("keys.md", key_reference());
}

TEST(Schema, EveryFileNamesItsSchemaInItsFirstLine) {
  for (const auto& [folder, schema] :
       {std::pair{"catalog", "scenario"}, std::pair{"policies", "policy"}})
    for (const fs::directory_entry& entry : fs::directory_iterator(kScenarios / folder)) {
      const std::string line =
          "# yaml-language-server: $schema=../schema/" + std::string(schema) + ".schema.json\n";
      EXPECT_TRUE(contents(entry.path()).starts_with(line)) << entry.path();
    }
}

TEST(Schema, AnIndependentValidatorAcceptsTheLibraryAndRefusesMistakes) {
  const fs::path python = fs::path(GATEWRIGHT_SOURCE_DIR) / ".venv" / "bin" / "python";
  if (!fs::exists(python)) GTEST_SKIP() << "no .venv with jsonschema";
  const fs::path script =
      fs::path(GATEWRIGHT_SOURCE_DIR) / "tests" / "unit" / "scenarios" / "validate.py";
  const std::string command =
      python.string() + " -B " + script.string() + " " + kScenarios.string();
  EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT: fixed arguments
}

}  // namespace
}  // namespace gatewright::scenarios
