// Exact sizes and powers of the pooled two-proportion z test at one look, alpha 5%.
// Used by the tests of every gate test that is a pooled z at its first look.
// Never computed here: the digits come from a table of full enumerations, checked against base R.
#pragma once

#include <cstdint>

namespace gatewright::testing {

/// Share of rejections of n_b and n_c requests at rates p_b and p_c.
struct PooledZSize {
  std::uint64_t n_b, n_c;
  double p_b, p_c, two_sided, one_sided;
};

inline constexpr PooledZSize kPooledZSizes[] = {
    {50, 50, 0.01, 0.01, 0.00193, 0.00840},     {150, 150, 0.01, 0.01, 0.02924, 0.04844},
    {500, 500, 0.01, 0.01, 0.04248, 0.05111},   {1500, 1500, 0.01, 0.01, 0.05073, 0.04890},
    {50, 50, 0.02, 0.02, 0.01298, 0.02976},     {150, 1350, 0.01, 0.01, 0.04043, 0.00131},
    {50, 950, 0.02, 0.02, 0.04747, 0.00000},    {1350, 150, 0.01, 0.01, 0.04043, 0.06414},
    {950, 50, 0.02, 0.02, 0.04747, 0.06806},    {4950, 50, 0.01, 0.01, 0.06837, 0.08798},
    {2850, 150, 0.01, 0.01, 0.03970, 0.06558},  {4500, 500, 0.01, 0.01, 0.04766, 0.05894},
    {1350, 150, 0.01, 0.02, 0.24723, 0.31624},  {4500, 500, 0.01, 0.02, 0.51344, 0.60108},
    {500, 500, 0.01, 0.02, 0.24275, 0.36286},   {1500, 1500, 0.01, 0.02, 0.61705, 0.73911},
    {1500, 1500, 0.02, 0.03, 0.42270, 0.54814}, {150, 1350, 0.02, 0.04, 0.16248, 0.30424},
    {50, 50, 0.86, 0.88, 0.06484, 0.08612},     {20, 20, 0.85, 0.9, 0.06978, 0.12582},
};

}  // namespace gatewright::testing
