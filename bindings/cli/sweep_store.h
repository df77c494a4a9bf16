// The finished runs of a sweep in an SQLite file, so that it resumes where it was interrupted.
// Used by `gatewright sweep`; anybody may read the table `runs`. Never decides what is still to play.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/run.h"

struct sqlite3;

namespace gatewright::cli {

/// Which runs: those of a cell's settings, as written or of the healthy twin.
struct StoredWorld {
  std::string settings;  ///< "path=value", one a line
  bool is_twin = false;
};

class SweepStore {
 public:
  /// Opens or makes the file. Throws FileError if it cannot be read, and UsageError if it is no store
  /// or was filled by another sweep: `identity` names what runs depend on besides settings and
  /// replication, part by part.
  SweepStore(const std::string& path, const std::map<std::string, std::string>& identity);

  /// The runs from replication 0 on, without a gap, at most `most`.
  [[nodiscard]] std::vector<sim::RunRecord> load(const StoredWorld& world, std::uint64_t most);
  /// Keeps runs of several cells of one world, all or none.
  struct Batch {
    StoredWorld world;
    std::span<const sim::RunRecord> records;
  };
  void save(std::span<const Batch> batches);

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  void run(const char* sql);
  void check_identity(const std::map<std::string, std::string>& identity);

  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace gatewright::cli
