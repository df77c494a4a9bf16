#include "sim/arms/latents.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace gatewright::sim {

std::optional<Mixing> make_mixing(LatentCorrelations correlations) {
  using Matrix = Eigen::Matrix<double, kLatents, kLatents>;
  Matrix matrix = Matrix::Identity();
  const auto correlate = [&matrix](Latent a, Latent b, double value) {
    const auto i = static_cast<Eigen::Index>(index_of(a));
    const auto j = static_cast<Eigen::Index>(index_of(b));
    matrix(i, j) = matrix(j, i) = value;
  };
  correlate(Latent::input, Latent::baseline_output, correlations.tokens);
  correlate(Latent::input, Latent::candidate_output, correlations.tokens);
  correlate(Latent::baseline_output, Latent::candidate_output, correlations.same_prompt);
  correlate(Latent::baseline_ttft, Latent::candidate_ttft, correlations.same_prompt);
  correlate(Latent::baseline_quality, Latent::candidate_quality, correlations.same_prompt);

  const Eigen::LLT<Matrix> factored(matrix);
  if (factored.info() != Eigen::Success) return std::nullopt;
  const Matrix lower = factored.matrixL();
  Mixing mixing;
  for (std::size_t i = 0; i < kLatents; ++i)
    for (std::size_t j = 0; j <= i; ++j)
      mixing.weights[i][j] = lower(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
  return mixing;
}

}  // namespace gatewright::sim
