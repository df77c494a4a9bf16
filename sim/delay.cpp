#include "sim/delay.h"

#include <cmath>
#include <span>

namespace gatewright::sim {
namespace {

Duration from_seconds(double seconds) noexcept {
  constexpr double kMost = 9e9;  // nanoseconds of 285 years still fit
  return Duration(static_cast<Duration::rep>(std::llround(std::fmin(seconds, kMost) * 1e9)));
}

}  // namespace

Duration draw_delay(const DelayLaw& law, const StreamKey& key) noexcept {
  switch (law.kind) {
    case DelayLaw::Kind::fixed:
      break;
    case DelayLaw::Kind::uniform: {
      Stream stream(key);
      return from_seconds(law.a + (law.b - law.a) * stream.uniform());
    }
    case DelayLaw::Kind::lognormal: {
      Stream stream(key);
      double z = 0.0;
      stream.fill_normal(std::span(&z, 1));
      return from_seconds(law.a * std::exp(law.b * z));
    }
  }
  return from_seconds(law.a);
}

Duration longest_delay(const DelayLaw& law) noexcept {
  switch (law.kind) {
    case DelayLaw::Kind::fixed:
      break;
    case DelayLaw::Kind::uniform:
      return from_seconds(law.b) + Duration(1);
    case DelayLaw::Kind::lognormal:
      return from_seconds(law.a * std::exp(10.0 * law.b)) + Duration(1);
  }
  return from_seconds(law.a) + Duration(1);
}

}  // namespace gatewright::sim
