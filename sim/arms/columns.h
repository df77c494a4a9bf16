// One chunk of requests as columns: who asked, when, and what either arm would answer.
// Filled by World, read by Split, Tally and Impact; overwritten by the next chunk, never stored.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sim/arms/chance.h"

namespace gatewright::sim {

/// Requests per chunk: columns stay in the first two levels of cache, and what is done once per chunk
/// costs each of them little.
inline constexpr std::size_t kChunk = 4096;

template <typename T>
using Column = std::array<T, kChunk>;

/// Bits of ArmColumns::events.
inline constexpr std::uint8_t kError = 1;  ///< no answer, whatever the kind
inline constexpr std::uint8_t kTimeout = 2;
inline constexpr std::uint8_t kRefusal = 4;  ///< the truth; what telemetry sees is kFlagged
inline constexpr std::uint8_t kThumbsDown = 8;
inline constexpr std::uint8_t kThumbsUp = 16;
inline constexpr std::uint8_t kFlagged = 32;     ///< taken for a refusal by the arm's detector
inline constexpr std::uint8_t kRejected = 64;    ///< an error of kind 429
inline constexpr std::uint8_t kCollapsed = 128;  ///< an answer of too few tokens

inline constexpr std::size_t kBaselineArm = 0;
inline constexpr std::size_t kCandidateArm = 1;

/// What one arm would answer to each request.
struct ArmColumns {
  alignas(64) Column<float> output_tokens;
  alignas(64) Column<float> ttft;
  alignas(64) Column<float> tpot;
  alignas(64) Column<float> latency;
  alignas(64) Column<float> cost;
  alignas(64) Column<float> quality;
  alignas(64) Column<std::uint8_t> events;
  // How the candidate's answer compares with the baseline's to the same prompt; not the baseline's.
  alignas(64) Column<std::uint8_t> agreement;  ///< 0 or 1
  alignas(64) Column<float> similarity;
};

/// A unit's bucket, 0..9,999: below the served share means served by the candidate. One column per
/// AssignmentHash for users, the last one for requests assigned one by one.
inline constexpr std::size_t kBucketColumns = 4;
inline constexpr std::size_t kRequestBuckets = 3;

struct Columns {
  std::size_t size = 0;
  const double* at_seconds = nullptr;
  alignas(64) Column<float> input_tokens;
  alignas(64) Column<std::uint32_t> user;
  alignas(64) Column<std::uint32_t> tenant;   ///< of the user, from 1, the largest first; 0: none
  alignas(64) Column<std::uint32_t> session;  ///< numbered over the replication, modulo 2^32
  alignas(64) Column<std::uint8_t> segment;   ///< of the user: index into Traffic::segments
  alignas(64) Column<std::uint8_t> harmed;    ///< whether a harmful effect acts on it
  alignas(
      64) Column<double> rating_due;  ///< see telemetry/late_feedback.h; where ratings come late
  alignas(64) Column<Word> mirror;    ///< below the mirrored share means mirrored
  alignas(64) std::array<Column<std::uint16_t>, kBucketColumns> bucket;
  std::array<ArmColumns, 2> arm;
};

}  // namespace gatewright::sim
