// Fields of comma-separated tables (RFC 4180).
// Used by every report that is written as rows; joins nothing.
#pragma once

#include <string>
#include <string_view>

#include "analysis/intervals.h"

namespace gatewright::analysis {

/// In quotes where it must be.
[[nodiscard]] std::string csv_field(std::string_view text);
/// The shortest text that reads back as the same double; empty for NaN and infinities.
[[nodiscard]] std::string csv_number(double value);
/// ",value,lower,upper", each empty where there is none.
[[nodiscard]] std::string csv_estimate(const Estimate* estimate);

}  // namespace gatewright::analysis
