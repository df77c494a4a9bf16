#include "sim/findings.h"

namespace gatewright::sim {

std::string number_words(double value) {
  std::string digits = std::to_string(value);
  if (digits.find('.') == std::string::npos) return digits;
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

void Findings::number(std::string path, double value, const Range& range) {
  if (range.contains(value)) return;
  error(std::move(path), "expected " + std::string(range.words) + ", got " + number_words(value));
}

void Findings::positive(std::string path, Duration value, std::string_view example) {
  if (value > Duration::zero()) return;
  error(std::move(path), "expected a time above 0, such as " + std::string(example));
}

void Findings::not_negative(std::string path, Duration value) {
  if (value >= Duration::zero()) return;
  error(std::move(path), "expected a time of at least 0");
}

void Findings::time_of_day(std::string path, Duration value) {
  if (value >= Duration::zero() && value < std::chrono::hours(24)) return;
  error(std::move(path), "expected a time of day, from 0h to below 24h");
}

void Findings::lognormal(const std::string& path, const Lognormal& law) {
  number(path + ".median", law.median, kPositive);
  number(path + ".sigma", law.sigma, kNotNegative);
  number(path + ".clip", law.clip, kNotNegative);
}

void Findings::delay(const std::string& path, const DelayLaw& law) {
  switch (law.kind) {
    case DelayLaw::Kind::fixed:
      number(path + ".fixed", law.a, kNotNegative);
      break;
    case DelayLaw::Kind::uniform:
      number(path + ".uniform.min", law.a, kNotNegative);
      number(path + ".uniform.max", law.b, kNotNegative);
      if (law.b < law.a) error(path + ".uniform.max", "expected at least the minimum");
      break;
    case DelayLaw::Kind::lognormal:
      number(path + ".lognormal.median", law.a, kPositive);
      number(path + ".lognormal.sigma", law.b, kNotNegative);
      break;
  }
}

}  // namespace gatewright::sim
