// Samples on disk: what requests said, so that a long comparison can stop and go on.
// Used by windows_agreement; a file that is not whole is not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/statistical/windows/evidence.h"

namespace gatewright::sim::testing {

inline void keep(const std::filesystem::path& file, const Evidence& evidence) {
  const std::filesystem::path unfinished = file.string() + ".unfinished";
  {
    std::ofstream out(unfinished, std::ios::binary);
    for (const auto& [name, sample] : evidence) {
      out << name << '\n' << sample.size() << '\n';
      out.write(reinterpret_cast<const char*>(sample.data()),
                static_cast<std::streamsize>(sample.size() * sizeof(double)));
    }
  }
  std::filesystem::rename(unfinished, file);
}

inline std::optional<Evidence> kept(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  Evidence evidence;
  for (std::string name, size; std::getline(in, name) && std::getline(in, size);) {
    Sample& sample = evidence[name];
    sample.resize(std::stoul(size));
    in.read(reinterpret_cast<char*>(sample.data()),
            static_cast<std::streamsize>(sample.size() * sizeof(double)));
  }
  return evidence;
}

/// What is in the file, or what `play` finds, which is put there; no file where the folder has no name.
template <typename Play>
Evidence kept_or(const std::filesystem::path& folder, const std::string& name, Play play) {
  if (folder.empty()) return play();
  const std::filesystem::path file = folder / (name + ".samples");
  if (std::optional<Evidence> known = kept(file)) return *std::move(known);
  Evidence evidence = play();
  keep(file, evidence);
  return evidence;
}

}  // namespace gatewright::sim::testing
