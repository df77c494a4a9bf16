// The catalogue of gate tests.
// Used by compile, the loaders, the schema and lint.
// Never knows what a test computes: each describes and makes itself.
#include "policies/gates/catalogue.h"

#include <algorithm>
#include <array>

#include "policies/gates/ab_test.h"
#include "policies/gates/asymptotic_sequence.h"
#include "policies/gates/bayes_mean.h"
#include "policies/gates/bayes_rate.h"
#include "policies/gates/beta_binomial_mixture.h"
#include "policies/gates/clustered_rate.h"
#include "policies/gates/cusum.h"
#include "policies/gates/delta_ratio.h"
#include "policies/gates/detected_rate.h"
#include "policies/gates/dkw_sequence.h"
#include "policies/gates/ewma.h"
#include "policies/gates/fixed_threshold.h"
#include "policies/gates/group_sequential.h"
#include "policies/gates/kayenta.h"
#include "policies/gates/ks.h"
#include "policies/gates/mann_whitney.h"
#include "policies/gates/mcnemar.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/order_statistic.h"
#include "policies/gates/page_hinkley.h"
#include "policies/gates/paired_mixture.h"
#include "policies/gates/paired_rate.h"
#include "policies/gates/paired_t.h"
#include "policies/gates/poisson_max_sprt.h"
#include "policies/gates/psi.h"
#include "policies/gates/quantile_sequence.h"
#include "policies/gates/ratio_mixture.h"
#include "policies/gates/sign_test.h"
#include "policies/gates/sprt.h"
#include "policies/gates/two_proportion_z.h"
#include "policies/gates/two_sample_rate.h"
#include "policies/gates/welch_t.h"
#include "policies/gates/wilson.h"
#include "policies/gates/z_test.h"

namespace gatewright {

std::string_view to_string(Guarantee guarantee) noexcept {
  constexpr std::string_view kNames[] = {"anytime", "fixed_looks", "average_run_length", "none"};
  return kNames[static_cast<std::size_t>(guarantee)];
}

std::span<const GateTestInfo> gate_tests() {
  static const std::array kTests{
      fixed_threshold_info(),
      z_test_info(),
      normal_mixture_info(),
      beta_binomial_mixture_info(),
      asymptotic_sequence_info(),
      clustered_rate_info(),
      delta_ratio_info(),
      detected_rate_info(),
      poisson_max_sprt_info(),
      sprt_info(),
      two_proportion_z_info(),
      two_sample_rate_info(),
      welch_t_info(),
      wilson_info(),
      quantile_sequence_info(),
      dkw_sequence_info(),
      ks_info(),
      psi_info(),
      order_statistic_info(),
      group_sequential_info(),
      cusum_info(),
      ewma_info(),
      page_hinkley_info(),
      mann_whitney_info(),
      kayenta_info(),
      bayes_rate_info(),
      bayes_mean_info(),
      paired_mixture_info(),
      paired_rate_info(),
      paired_t_info(),
      mcnemar_info(),
      ratio_mixture_info(),
      sign_test_info(),
      ab_test_info(),
  };
  return kTests;
}

const GateTestInfo* find_gate_test(std::string_view name) {
  const auto tests = gate_tests();
  const auto found = std::ranges::find(tests, name, &GateTestInfo::name);
  return found == tests.end() ? nullptr : &*found;
}

}  // namespace gatewright
