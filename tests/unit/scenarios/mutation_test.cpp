// Damaged files: whatever happens to the bytes of a good file, it is read or refused, and soon.
// 1,000 mutations of each kind, or GATEWRIGHT_MUTATIONS, drawn from a fixed seed; equal bytes on every
// machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "scenarios/load.h"
#include "scenarios/plan_yaml.h"

namespace gatewright::scenarios {
namespace {

namespace fs = std::filesystem;

const fs::path kScenarios = fs::path(GATEWRIGHT_SOURCE_DIR) / "scenarios";

/// SplitMix64 (Steele, Lea, Flood 2014): enough to choose where to do damage.
class Choices {
 public:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }

 private:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::uint64_t state_ = 7;
};

struct File {
  std::string path;
  std::string text;
  bool is_plan;
};

std::vector<File> files() {
  std::vector<File> result;
  for (const char* folder : {"catalog", "policies"}) {
    std::vector<fs::path> paths;
    for (const fs::directory_entry& entry : fs::directory_iterator(kScenarios / folder))
      paths.push_back(entry.path());
    std::ranges::sort(paths);
    for (const fs::path& path : paths) {
      std::ifstream stream(path);
      std::ostringstream text;
      text << stream.rdbuf();
      result.push_back({path.string(), text.str(), std::string_view(folder) == "policies"});
    }
  }
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

/// Reads as the tool would; consistent or not is all that counts.
void read(const File& file, const std::string& text) {
  const ReadDocument parsed = parse_document(text, file.path);
  if (parsed.document.root.kind == Node::Kind::null) {
    EXPECT_FALSE(parsed.diagnostics.empty()) << text;
    return;
  }
  if (file.is_plan) {
    const LoadedPlan plan = plan_from(parsed.document.root, {});
    EXPECT_EQ(plan.plan.has_value(), !has_errors(plan.diagnostics)) << text;
    return;
  }
  const LoadedStudy study = load(parsed.document);
  EXPECT_EQ(study.study.has_value(), !has_errors(study.diagnostics)) << text;
  if (!study.study) return;
  const std::string full = effective(*study.study);
  const LoadedStudy again = load(parse_document(full, file.path).document);
  ASSERT_TRUE(again.study) << text << "\n" << full;
  EXPECT_EQ(effective(*again.study), full) << text;
}

int mutations() {
  const char* wanted = std::getenv("GATEWRIGHT_MUTATIONS");
  return wanted == nullptr ? 1000 : std::atoi(wanted);
}

template <class Mutate>
void mutate(Mutate mutate_text) {
  Choices choices;
  const std::vector<File> all = files();
  const auto start = std::chrono::steady_clock::now();
  const int wanted = mutations();
  for (int i = 0; i < wanted; ++i) {
    const File& file = all[choices.below(all.size())];
    read(file, mutate_text(file.text, choices));
  }
  // No hang: a file takes about a millisecond, with sanitizers in a debug build fifty times that.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(300) * wanted);
}

TEST(DamagedFiles, FlippedBitsAreReadOrRefused) {
  mutate([](std::string text, Choices& choices) {
    for (std::size_t flips = 1 + choices.below(3); flips > 0; --flips) {
      char& c = text[choices.below(text.size())];
      c = static_cast<char>(static_cast<unsigned char>(c) ^ (1U << choices.below(8)));
    }
    return text;
  });
}

TEST(DamagedFiles, ReplacedCharactersAreReadOrRefused) {
  mutate([](std::string text, Choices& choices) {
    constexpr std::string_view kOdd = "{}[]:,-#&*!|>'\"%@`?\n\t $0159.ex";
    for (std::size_t times = 1 + choices.below(3); times > 0; --times) {
      const std::size_t at = choices.below(text.size());
      const char odd = kOdd[choices.below(kOdd.size())];
      if (choices.below(2) == 0)
        text[at] = odd;
      else
        text.insert(at, 1, odd);
    }
    return text;
  });
}

TEST(DamagedFiles, TruncatedFilesAreReadOrRefused) {
  mutate([](const std::string& text, Choices& choices) {
    return text.substr(0, choices.below(text.size()));
  });
}

TEST(DamagedFiles, RepeatedMovedAndLostLinesAreReadOrRefused) {
  mutate([](const std::string& text, Choices& choices) {
    std::vector<std::string> lines = lines_of(text);
    const std::size_t from = choices.below(lines.size());
    const std::size_t to = choices.below(lines.size());
    const std::string line = lines[from];
    if (choices.below(3) == 0)
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(from));
    else
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(to), line);
    return joined(lines);
  });
}

TEST(DamagedFiles, SplicedFilesAreReadOrRefused) {
  const std::vector<File> all = files();
  mutate([&all](const std::string& text, Choices& choices) {
    const std::string& other = all[choices.below(all.size())].text;
    const std::size_t at = choices.below(text.size());
    const std::size_t from = choices.below(other.size());
    return text.substr(0, at) + other.substr(from, choices.below(80)) + text.substr(at);
  });
}

}  // namespace
}  // namespace gatewright::scenarios
