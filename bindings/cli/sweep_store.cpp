#include "bindings/cli/sweep_store.h"

#include <bit>
#include <optional>
#include <string_view>

#include <sqlite3.h>

#include "bindings/cli/files.h"
#include "bindings/cli/problems.h"

namespace gatewright::cli {
namespace {

constexpr const char* kTables = R"sql(
create table if not exists identity (part text primary key, value text not null) without rowid;
create table if not exists runs (
  settings text not null,
  twin integer not null,
  replication integer not null,
  outcome text not null,
  cause integer not null,
  stage integer not null,
  failing integer not null,
  ended_at_ns integer not null,
  first_exposure_ns integer,
  detection_delay_ns integer,
  exposure_minutes real not null,
  user_impact_minutes integer not null,
  bad_user_minutes integer not null,
  impacted_requests integer not null,
  excess_cost_usd real not null,
  shadow_cost_usd real not null,
  requests integer not null,
  candidate_requests integer not null,
  steps integer not null,
  faults integer not null,
  fingerprint integer not null,
  violations integer not null,
  primary key (settings, twin, replication)) without rowid;
)sql";

/// A prepared statement; values are bound and read from left to right.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql, const std::string& path)
      : database_(database), path_(path) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, nullptr) !=
        SQLITE_OK)
      fail();
    statement_.reset(made);
  }

  Statement& bind(std::string_view text) {
    return bound(sqlite3_bind_text(statement_.get(), ++place_, text.data(),
                                   static_cast<int>(text.size()), SQLITE_TRANSIENT));
  }
  Statement& bind(double value) {
    return bound(sqlite3_bind_double(statement_.get(), ++place_, value));
  }
  Statement& bind(std::int64_t value) {
    return bound(sqlite3_bind_int64(statement_.get(), ++place_, value));
  }
  /// All 64 bits; SQLite knows signed numbers only.
  Statement& bind(std::uint64_t value) { return bind(std::bit_cast<std::int64_t>(value)); }
  Statement& bind(const std::optional<Duration>& value) {
    if (value) return bind(std::int64_t{value->count()});
    return bound(sqlite3_bind_null(statement_.get(), ++place_));
  }

  /// Whether there is a row; after the last one the statement can be bound again.
  [[nodiscard]] bool next() {
    const int result = sqlite3_step(statement_.get());
    place_ = 0;
    if (result == SQLITE_ROW) return true;
    sqlite3_reset(statement_.get());
    if (result != SQLITE_DONE) fail();
    return false;
  }

  [[nodiscard]] std::string text() {
    const unsigned char* read = sqlite3_column_text(statement_.get(), place_++);
    return read == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(read));
  }
  [[nodiscard]] double real() { return sqlite3_column_double(statement_.get(), place_++); }
  [[nodiscard]] std::int64_t whole() { return sqlite3_column_int64(statement_.get(), place_++); }
  [[nodiscard]] std::uint64_t bits() { return std::bit_cast<std::uint64_t>(whole()); }
  [[nodiscard]] std::optional<Duration> duration() {
    if (sqlite3_column_type(statement_.get(), place_) != SQLITE_NULL) return Duration(whole());
    ++place_;
    return std::nullopt;
  }

 private:
  struct Finish {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  [[noreturn]] void fail() const { throw FileError(path_ + ": " + sqlite3_errmsg(database_)); }
  Statement& bound(int result) {
    if (result != SQLITE_OK) fail();
    return *this;
  }

  sqlite3* database_;
  const std::string& path_;
  std::unique_ptr<sqlite3_stmt, Finish> statement_;
  int place_ = 0;
};

[[nodiscard]] sim::Outcome outcome_of(std::string_view text) {
  for (const sim::Outcome outcome : {sim::Outcome::halted, sim::Outcome::completed})
    if (text == to_string(outcome)) return outcome;
  return sim::Outcome::unfinished;
}

void bind(Statement& row, const sim::RunRecord& record) {
  const sim::Impact& impact = record.impact;
  row.bind(record.replication)
      .bind(to_string(record.outcome))
      .bind(static_cast<std::int64_t>(record.cause))
      .bind(std::int64_t{record.stage})
      .bind(record.failing)
      .bind(std::int64_t{record.ended_at.count()})
      .bind(record.first_exposure_at)
      .bind(record.detection_delay)
      .bind(impact.exposure_minutes)
      .bind(impact.user_impact_minutes)
      .bind(impact.bad_user_minutes)
      .bind(impact.impacted_requests)
      .bind(impact.excess_cost_usd)
      .bind(impact.shadow_cost_usd)
      .bind(record.requests)
      .bind(record.candidate_requests)
      .bind(record.steps)
      .bind(record.faults)
      .bind(record.fingerprint)
      .bind(std::uint64_t{record.violations.size()});
}

[[nodiscard]] sim::RunRecord read(Statement& row) {
  sim::RunRecord record;
  record.replication = row.bits();
  record.outcome = outcome_of(row.text());
  record.cause = static_cast<Cause>(row.whole());
  record.stage = static_cast<std::uint16_t>(row.whole());
  record.failing = row.bits();
  record.ended_at = Duration(row.whole());
  record.first_exposure_at = row.duration();
  record.detection_delay = row.duration();
  record.impact.exposure_minutes = row.real();
  record.impact.user_impact_minutes = row.bits();
  record.impact.bad_user_minutes = row.bits();
  record.impact.impacted_requests = row.bits();
  record.impact.excess_cost_usd = row.real();
  record.impact.shadow_cost_usd = row.real();
  record.requests = row.bits();
  record.candidate_requests = row.bits();
  record.steps = row.bits();
  record.faults = row.bits();
  record.fingerprint = row.bits();
  record.violations.resize(row.bits());  // their number is kept, not their words
  return record;
}

}  // namespace

void SweepStore::Close::operator()(sqlite3* database) const noexcept { sqlite3_close(database); }

SweepStore::SweepStore(const std::string& path, const std::map<std::string, std::string>& identity)
    : path_(path) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open(path.c_str(), &opened);
  database_.reset(opened);
  if (result != SQLITE_OK)
    throw FileError(path + ": " +
                    (opened == nullptr ? "cannot be opened" : sqlite3_errmsg(opened)));
  constexpr int kPatienceMilliseconds = 5'000;
  sqlite3_busy_timeout(opened, kPatienceMilliseconds);
  run("pragma journal_mode = wal");
  run("pragma synchronous = normal");
  run(kTables);
  check_identity(identity);
}

void SweepStore::run(const char* sql) {
  const int result = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (result == SQLITE_NOTADB)
    throw UsageError("--store " + path_ + ": it is no SQLite file; expected another name");
  if (result != SQLITE_OK) throw FileError(path_ + ": " + sqlite3_errmsg(database_.get()));
}

void SweepStore::check_identity(const std::map<std::string, std::string>& identity) {
  std::map<std::string, std::string> kept;
  Statement all(database_.get(), "select part, value from identity", path_);
  while (all.next()) {
    const std::string part = all.text();
    kept[part] = all.text();
  }
  if (kept.empty()) {
    Statement row(database_.get(), "insert into identity values (?, ?)", path_);
    for (const auto& [part, value] : identity) (void)row.bind(part).bind(value).next();
    return;
  }
  for (const auto& [part, value] : identity)
    if (kept[part] != value)
      throw UsageError("--store " + path_ + ": it holds runs of another sweep, whose " + part +
                       " is " + (kept[part].empty() ? "unknown" : kept[part]) + ", not " + value +
                       "; expected another file");
}

std::vector<sim::RunRecord> SweepStore::load(const StoredWorld& world, std::uint64_t most) {
  Statement rows(database_.get(),
                 "select replication, outcome, cause, stage, failing, ended_at_ns, "
                 "first_exposure_ns, detection_delay_ns, exposure_minutes, user_impact_minutes, "
                 "bad_user_minutes, impacted_requests, excess_cost_usd, shadow_cost_usd, requests, "
                 "candidate_requests, steps, faults, fingerprint, violations from runs "
                 "where settings = ? and twin = ? and replication < ? order by replication",
                 path_);
  rows.bind(world.settings).bind(std::int64_t{world.is_twin}).bind(most);
  std::vector<sim::RunRecord> records;
  while (rows.next()) {
    sim::RunRecord record = read(rows);
    if (record.replication == records.size()) records.push_back(std::move(record));
  }
  return records;
}

void SweepStore::save(std::span<const Batch> batches) {
  run("begin immediate");
  {
    Statement row(database_.get(),
                  "insert or replace into runs values "
                  "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                  path_);
    for (const Batch& batch : batches)
      for (const sim::RunRecord& record : batch.records) {
        row.bind(batch.world.settings).bind(std::int64_t{batch.world.is_twin});
        bind(row, record);
        (void)row.next();
      }
  }
  run("commit");
}

}  // namespace gatewright::cli
