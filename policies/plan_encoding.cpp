#include "policies/plan_encoding.h"

#include "policies/canonical_json.h"
#include "policies/digest.h"

namespace gatewright {

std::string encode(const PlanSpec& plan) {
  canonical_json::Writer writer;
  writer.write_with_format(kPlanFormat, plan);
  return writer.take();
}

std::variant<PlanSpec, DecodeError> decode_plan(std::string_view text) {
  PlanSpec plan;
  canonical_json::Reader reader(text);
  reader.read_with_format(kPlanFormat, plan);
  if (auto error = reader.finish()) return *std::move(error);
  return plan;
}

std::uint64_t plan_digest(const PlanSpec& plan) {
  PlanSpec said = plan;
  said.about.clear();
  Digest digest;
  digest.add(encode(said));
  return digest.value();
}

}  // namespace gatewright
