#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "sim/arms/answers.h"
#include "sim/arms/latents.h"
#include "sim/arms/recorded_lengths.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

TEST(Mixing, ReproducesTheCorrelationsAskedFor) {
  const auto mixing = make_mixing({.tokens = 0.3, .same_prompt = 0.6});
  ASSERT_TRUE(mixing);
  const auto correlation = [&](Latent a, Latent b) {
    double sum = 0.0;
    for (std::size_t k = 0; k < kLatents; ++k)
      sum += mixing->weights[index_of(a)][k] * mixing->weights[index_of(b)][k];
    return sum;
  };
  for (std::size_t i = 0; i < kLatents; ++i)
    EXPECT_NEAR(correlation(static_cast<Latent>(i), static_cast<Latent>(i)), 1.0, 1e-12);
  EXPECT_NEAR(correlation(Latent::input, Latent::baseline_output), 0.3, 1e-12);
  EXPECT_NEAR(correlation(Latent::input, Latent::candidate_output), 0.3, 1e-12);
  EXPECT_NEAR(correlation(Latent::baseline_output, Latent::candidate_output), 0.6, 1e-12);
  EXPECT_NEAR(correlation(Latent::baseline_ttft, Latent::candidate_ttft), 0.6, 1e-12);
  EXPECT_NEAR(correlation(Latent::baseline_quality, Latent::candidate_quality), 0.6, 1e-12);
  EXPECT_EQ(correlation(Latent::baseline_ttft, Latent::candidate_output), 0.0);
}

TEST(Mixing, TheBaselineUsesNothingOfTheCandidates) {
  const auto mixing = make_mixing({.tokens = 0.3, .same_prompt = 0.6});
  for (const Latent latent : {Latent::input, Latent::baseline_output, Latent::baseline_quality})
    for (std::size_t k = index_of(Latent::candidate_output); k < kLatents; ++k)
      EXPECT_EQ(mixing->weights[index_of(latent)][k], 0.0);
}

TEST(Mixing, ImpossibleCorrelationsAreRefused) {
  EXPECT_FALSE(make_mixing({.tokens = 0.9, .same_prompt = 0.1}));
}

TEST(RecordedLengths, AValueComesBackFromItsScore) {
  std::vector<float> sorted;
  for (int i = 1; i <= 400; ++i) sorted.push_back(static_cast<float>(i / 3 + 1));
  const RecordedLengths lengths(sorted);
  for (const float value : sorted)
    for (const double uniform : {0.01, 0.5, 0.99})
      EXPECT_EQ(lengths.at(lengths.score(value, uniform)), value);
}

TEST(RecordedLengths, ScoresOfUniformlyChosenTiesAreStandardNormal) {
  // Ten values, each a hundred times: the ranks within a tie make the scores continuous.
  std::vector<float> sorted;
  for (int value = 0; value < 10; ++value)
    sorted.insert(sorted.end(), 100, static_cast<float>(value));
  const RecordedLengths lengths(sorted);
  double sum = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double score =
        static_cast<double>(lengths.score(sorted[i], (static_cast<double>(i % 100) + 0.5) / 100.0));
    sum += score;
    squares += score * score;
  }
  EXPECT_NEAR(sum / 1'000.0, 0.0, 1e-6);
  EXPECT_NEAR(squares / 1'000.0, 1.0, 0.01);  // the midpoints leave out a little of the tails
  EXPECT_NEAR(static_cast<double>(lengths.score(0.0F, 0.0005)), -3.29, 0.01);
}

/// Two requests of 100 and 200 output tokens with draws to be set.
struct TwoRequests {
  TwoRequests() {
    arm = quiet_world().baseline;
    arm.latency.ttft = {0.5, 0.0, 0.0};
    arm.latency.per_output_token_seconds = 0.01;
    out->output_tokens[0] = 100.0F;
    out->output_tokens[1] = 200.0F;
    law.tpot_seconds = arm.latency.per_output_token_seconds;
    law.prices = &prices.at(0.0);
  }
  const ArmColumns& answer_all() {
    const ArmDraws draws{.ttft = normals,
                         .quality = normals,
                         .error = error,
                         .refusal = refusal,
                         .thumbs = rating,
                         .hang = hang};
    answer(arm, law, draws, input, {true, true, true, true, true}, {0, 2}, *out);
    return *out;
  }
  Arm arm;
  PriceTable prices{quiet_world().baseline.price, 0.0};
  ArmLaw law;
  float input[2] = {1'000.0F, 1'000.0F};
  float normals[2] = {0.0F, 0.0F};
  Word error[2] = {word_of(0.9), word_of(0.9)};
  Word refusal[2] = {word_of(0.9), word_of(0.9)};
  Word rating[2] = {word_of(0.5), word_of(0.5)};
  Word hang[2] = {word_of(0.1), word_of(0.9)};
  std::unique_ptr<ArmColumns> out = std::make_unique<ArmColumns>();
};

TEST(Answer, LatencyIsTimeToFirstTokenAndTimePerToken) {
  TwoRequests two;
  const ArmColumns& out = two.answer_all();
  EXPECT_FLOAT_EQ(out.latency[0], 1.5F);
  EXPECT_FLOAT_EQ(out.latency[1], 2.5F);
  EXPECT_FLOAT_EQ(out.tpot[0], 0.01F);
  EXPECT_FLOAT_EQ(out.cost[1], 1'000.0F * 0.15e-6F + 200.0F * 0.60e-6F);
  EXPECT_EQ(out.events[0], 0);
  EXPECT_FLOAT_EQ(out.quality[0], static_cast<float>(two.arm.quality.mean));
}

TEST(Answer, AnErrorComesEarlyBillsItsInputAndIsNothingElse) {
  TwoRequests two;
  two.law.error = 0.1;
  two.law.refusal = 1.0;
  two.law.thumbs_down = 1.0;
  two.error[0] = word_of(0.05);
  const ArmColumns& out = two.answer_all();
  EXPECT_EQ(out.events[0], kError);
  EXPECT_FLOAT_EQ(out.latency[0], 1.5F * static_cast<float>(two.arm.failed_latency_ratio));
  EXPECT_FLOAT_EQ(out.cost[0], 1'000.0F * 0.15e-6F);
  EXPECT_EQ(out.events[1], kRefusal | kFlagged | kThumbsDown);
}

TEST(Answer, WhatIsSlowerThanTheTimeoutEndsThere) {
  TwoRequests two;
  two.arm.latency.timeout_seconds = 2.0;
  const ArmColumns& out = two.answer_all();
  EXPECT_EQ(out.events[0], 0);
  EXPECT_EQ(out.events[1], kError | kTimeout);
  EXPECT_FLOAT_EQ(out.latency[1], 2.0F);
  EXPECT_FLOAT_EQ(out.cost[1], 1'000.0F * 0.15e-6F);
}

TEST(Answer, AHangMultipliesTheLatencyBeforeTheTimeoutEndsIt) {
  TwoRequests two;
  two.law.hang = 0.5;
  two.arm.hang.factor = 10.0;
  const ArmColumns& out = two.answer_all();
  EXPECT_FLOAT_EQ(out.latency[0], 15.0F);
  EXPECT_FLOAT_EQ(out.latency[1], 2.5F);
  two.arm.latency.timeout_seconds = 12.0;
  EXPECT_EQ(two.answer_all().events[0], kError | kTimeout);
}

TEST(Answer, OneUniformRatesUpOrDownNeverBoth) {
  TwoRequests two;
  two.law.thumbs_down = 0.3;
  two.law.thumbs_up = 0.2;
  two.rating[0] = word_of(0.29);
  two.rating[1] = word_of(0.81);
  const ArmColumns& out = two.answer_all();
  EXPECT_EQ(out.events[0], kThumbsDown);
  EXPECT_EQ(out.events[1], kThumbsUp);
  two.law.thumbs_down = 0.9;
  two.law.thumbs_up = 0.9;  // more than there is: down goes first
  two.rating[0] = word_of(0.5);
  EXPECT_EQ(two.answer_all().events[0], kThumbsDown);
}

TEST(Answer, LawsActOnWhatWasDrawn) {
  TwoRequests two;
  two.law.output_tokens = {1.405, 0.0};
  two.law.ttft = {2.0, 0.1};
  two.law.latency = {1.0, 0.25};
  two.law.cost = {1.25, 0.0};
  two.law.quality = {1.0, -5.0};
  const ArmColumns& out = two.answer_all();
  EXPECT_EQ(out.output_tokens[0], 140.0F) << "tokens are whole (140.5 rounds to even)";
  EXPECT_FLOAT_EQ(out.ttft[0], 1.1F);
  EXPECT_FLOAT_EQ(out.latency[0], 1.1F + 0.01F * 140.0F + 0.25F);
  EXPECT_FLOAT_EQ(out.cost[0], 1.25F * (1'000.0F * 0.15e-6F + 140.0F * 0.60e-6F));
  EXPECT_EQ(out.quality[0], 0.0F);
}

TEST(Answer, PositiveNumbersStayPositive) {
  TwoRequests two;
  two.law.output_tokens = {1.0, -1e6};
  two.law.latency = {1.0, -1e6};
  two.law.cost = {1.0, -1e6};
  const ArmColumns& out = two.answer_all();
  EXPECT_EQ(out.output_tokens[0], 1.0F);
  EXPECT_GT(out.latency[0], 0.0F);
  EXPECT_GT(out.cost[0], 0.0F);
}

}  // namespace
}  // namespace gatewright::sim
