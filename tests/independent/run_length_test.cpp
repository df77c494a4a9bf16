// Run lengths of charts against published tables, other programs and simulation.
//
// S: R package spc 0.6.7 (Debian 12): xcusum.arl, xcusum.crit, xewma.arl, pois.cusum.arl. M:
// Montgomery, Introduction to Statistical Quality Control, table 9.3. L: Lucas and Saccucci,
// Technometrics 32 (1990) 1. B: Reynolds and Stoumbos, Journal of Quality Technology 31 (1999) 87,
// their chain solved exactly in Python. V: river's documentation and test-suite of PageHinkley.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "policies/gates/page_hinkley.h"
#include "policies/gates/run_length.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

constexpr double kMeans[] = {0.0, 0.5, 1.0, 2.0};

TEST(RunLength, OfCusumIsThatOfSpc) {
  const double at_4[] = {335.367578, 26.679162, 8.383202, 3.342770};
  const double at_5[] = {930.887012, 38.009610, 10.375975, 4.008871};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(gates::cusum_run_length({0.5, 4.0}, kMeans[i]), at_4[i], 1e-6 * at_4[i]);
    EXPECT_NEAR(gates::cusum_run_length({0.5, 5.0}, kMeans[i]), at_5[i], 1e-6 * at_5[i]);
  }
}

// M prints 168, 26.6, 8.38, 3.34 and 465, 38.0, 10.4, 4.01.
TEST(RunLength, OfTwoSidedCusumIsThePublishedOne) {
  const double at_4[] = {167.6838, 26.6302, 8.3831, 3.3428};
  const double at_5[] = {465.4435, 37.9961, 10.3760, 4.0089};
  const auto two_sided = [](double limit, double mean) {
    return 1.0 / (1.0 / gates::cusum_run_length({0.5, limit}, mean) +
                  1.0 / gates::cusum_run_length({0.5, limit}, -mean));
  };
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(two_sided(4.0, kMeans[i]), at_4[i], 6e-5);
    EXPECT_NEAR(two_sided(5.0, kMeans[i]), at_5[i], 6e-5);
  }
}

TEST(RunLength, LimitsOfCusumAreThoseOfSpc) {
  struct Row {
    double reference, looks, limit;
  };
  for (const Row& row :
       {Row{0.25, 100, 4.41817002}, Row{0.25, 500, 7.26725969}, Row{0.25, 1000, 8.58505835},
        Row{0.25, 10000, 13.11131228}, Row{0.5, 100, 2.84940576}, Row{0.5, 500, 4.38912974},
        Row{0.5, 1000, 5.07070386}, Row{0.5, 10000, 7.36078557}, Row{1, 100, 1.53164854},
        Row{1, 500, 2.32324252}, Row{1, 1000, 2.66505781}, Row{1, 10000, 3.81373100}})
    EXPECT_NEAR(gates::cusum_limit(row.reference, row.looks), row.limit, 1e-6)
        << row.reference << ' ' << row.looks;
}

// L prints 500 and, at a shift of 1, 11.4, 10.3, 10.5, 11.1, 14.3.
TEST(RunLength, OfTwoSidedEwmaIsThePublishedOne) {
  struct Row {
    double weight, limit, run_lengths[4];
  };
  for (const Row& row : {Row{0.05, 2.615, {499.9330, 28.7637, 11.3828, 5.2249}},
                         Row{0.1, 2.814, {499.5796, 31.2974, 10.3307, 4.3623}},
                         Row{0.2, 2.962, {499.7351, 41.7644, 10.5417, 3.7434}},
                         Row{0.25, 2.998, {499.8360, 48.2939, 11.1355, 3.6137}},
                         Row{0.4, 3.054, {499.9513, 71.2005, 14.2628, 3.5215}}})
    for (int i = 0; i < 4; ++i)
      EXPECT_NEAR(gates::ewma_run_length({row.weight, row.limit, true}, kMeans[i]),
                  row.run_lengths[i], 6e-5)
          << row.weight << ' ' << kMeans[i];
}

// S, `xewma.arl(sided = "one", zr = -9)`, whose chart is held at 9 deviations below.
TEST(RunLength, OfOneSidedEwmaIsThatOfSpc) {
  struct Row {
    double weight, run_lengths[4];
  };
  for (const Row& row : {Row{0.05, {790.75148118, 26.63522055, 10.78596251, 4.99783404}},
                         Row{0.1, {462.69970183, 23.63431825, 8.74821250, 3.86422547}},
                         Row{0.2, {289.82234114, 22.97437242, 7.65411342, 3.09818910}},
                         Row{0.4, {201.44546415, 25.48708998, 7.77054633, 2.64200162}}})
    for (int i = 0; i < 4; ++i)
      EXPECT_NEAR(gates::ewma_run_length({row.weight, 2.5}, kMeans[i]), row.run_lengths[i],
                  1e-6 * row.run_lengths[i])
          << row.weight << ' ' << kMeans[i];
}

TEST(RunLength, OfBernoulliCusumIsTheExactChains) {
  struct Row {
    double p0, p1, step, limit, at_p0, at_p1, at_twice_p1;
  };
  for (const Row& row :
       {Row{0.005, 0.01, 138, 597, 13455.0, 1169.4, 335.5},
        Row{0.005, 0.01, 138, 796, 40318.4, 1667.4, 447.6},
        Row{0.005, 0.01, 138, 995, 113846.5, 2173.2, 559.4},
        Row{0.01, 0.02, 68, 294, 6840.5, 586.2, 167.1},
        Row{0.01, 0.02, 68, 392, 20778.5, 837.4, 222.9},
        Row{0.01, 0.02, 68, 491, 60191.7, 1095.4, 279.2},
        Row{0.02, 0.03, 40, 394, 26093.4, 1374.6, 268.2},
        Row{0.02, 0.03, 40, 592, 189675.7, 2231.0, 403.8},
        Row{0.02, 0.04, 34, 196, 9392.8, 403.5, 109.3},
        Row{0.02, 0.04, 34, 294, 70233.2, 647.2, 163.7}, Row{0.01, 0.05, 39, 48, 471.0, 45.0, 20.4},
        Row{0.01, 0.05, 39, 73, 1129.6, 62.9, 25.7}}) {
    const gates::BernoulliChart chart{.step = row.step, .limit = row.limit};
    EXPECT_NEAR(gates::bernoulli_run_length(chart, row.p0), row.at_p0, 0.051);
    EXPECT_NEAR(gates::bernoulli_run_length(chart, row.p1), row.at_p1, 0.051);
    EXPECT_NEAR(gates::bernoulli_run_length(chart, 2.0 * row.p1), row.at_twice_p1, 0.051);
    EXPECT_EQ(gates::bernoulli_limit(row.step, row.p0, row.at_p0 - 0.1), row.limit);
  }
}

// S alarms above hm, this chart at the limit: hm 9 is limit 10.
TEST(RunLength, OfPoissonCusumIsThatOfSpc) {
  const double means[] = {2, 3, 4, 5};
  const double at_10[] = {8896.32613672, 45.13000360, 10.17662626, 5.60574899};
  const double at_11[] = {19087.44733180, 53.20838710, 11.17596282, 6.10569301};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(gates::poisson_run_length({3, 10, 1}, means[i]), at_10[i], 1e-8 * at_10[i]);
    EXPECT_NEAR(gates::poisson_run_length({3, 11, 1}, means[i]), at_11[i], 1e-8 * at_11[i]);
  }
  const double at_5[] = {98.51252812, 15.41912747, 7.27055262};
  const double at_5_and_a_step[] = {112.33412912, 16.31557792, 7.58895484};
  for (int i = 0; i < 3; ++i) {
    const double mean = 1.0 + 0.5 * i;
    EXPECT_NEAR(gates::poisson_run_length({1.25, 5.0, 4}, mean), at_5[i], 1e-8 * at_5[i]);
    EXPECT_NEAR(gates::poisson_run_length({1.25, 5.25, 4}, mean), at_5_and_a_step[i],
                1e-8 * at_5_and_a_step[i]);
  }
  EXPECT_EQ(gates::poisson_limit({3, 0, 1}, 2.0, 8896.0), 10.0);
}

/// Looks to the first alarm; `most` if there is none by then.
template <typename Window>
int looks_to_alarm(GatePlayer& player, int most, const Window& window) {
  player.forget();
  for (int look = 1; look <= most; ++look)
    if (player.look(window()).harm >= 1.0) return look;
  return most;
}

struct Mean {
  double value, error;  ///< error: standard
};
template <typename Window>
Mean mean_looks(GatePlayer& player, int rollouts, std::uint64_t seed, const Window& window) {
  double sum = 0.0, squares = 0.0;
  for (int rollout = 0; rollout < rollouts; ++rollout) {
    Random random(seed, static_cast<std::uint64_t>(rollout));
    const double looks = looks_to_alarm(player, 100'000, [&] { return window(random); });
    sum += looks;
    squares += looks * looks;
  }
  const double n = rollouts, mean = sum / n;
  return {.value = mean, .error = std::sqrt((squares / n - mean * mean) / n)};
}

// Claim: at the edge of harm the mean number of looks to an alarm of the gates is the one asked for,
// 200. 1,500 rollouts; within 4 standard errors (99.99%). Half a dozen looks pass before variances
// are known, with a thousand requests each.
TEST(RunLength, OfTheGatesIsTheOneAskedFor) {
  const auto window = [](Random& random) {
    return samples(random.normal_summary(1.0, 0.5, 900), random.normal_summary(1.2, 0.5, 100));
  };
  for (const char* test : {"cusum", "ewma"}) {
    GatePlayer player(
        gate("quality", harm(Relation::difference, 0.2), test, {{"average_run_length", 200.0}}));
    const Mean looks = mean_looks(player, 1'500, 51, window);
    std::printf("%s: %.1f looks to an alarm at the edge, standard error %.1f, asked for 200\n",
                test, looks.value, looks.error);
    EXPECT_NEAR(looks.value, 200.0, 4.0 * looks.error) << test;
  }
}

// Claim: charts of rates wait at least as long as asked for. At the edge, 400 rollouts each; mean at
// least 100 less 4 standard errors.
TEST(RunLength, OfChartsOfRatesIsAtLeastTheOneAskedFor) {
  struct Case {
    const char* what;
    GateSpec spec;
    double most;  ///< times what was asked for, as a sign of use
  };
  const TestValue looks = 100.0;
  const Case cases[] = {
      {"two arms",
       gate("error", harm(Relation::ratio, 2.0), "cusum", {{"average_run_length", looks}}), 40.0},
      {"a level",
       gate("error", harm(Relation::absolute, 0.02), "cusum", {{"average_run_length", looks}}),
       40.0},
      {"a level, Bernoulli",
       gate("error", harm(Relation::absolute, 0.02), "cusum",
            {{"average_run_length", looks}, {"requests_per_look", 50.0}}),
       8.0},
      {"a level, Poisson",
       gate("error", harm(Relation::absolute, 0.02), "cusum",
            {{"average_run_length", looks},
             {"requests_per_look", 50.0},
             {"law", std::string("poisson")}}),
       2.0},
  };
  for (const Case& each : cases) {
    GatePlayer player(each.spec);
    const Mean mean = mean_looks(player, 400, 52, [](Random& random) {
      return samples(events(random.binomial(150, 0.01), 150),
                     events(random.binomial(50, 0.02), 50));
    });
    std::printf("%s: %.1f looks to an alarm at the edge, standard error %.1f, asked for 100\n",
                each.what, mean.value, mean.error);
    EXPECT_GE(mean.value, 100.0 - 4.0 * mean.error) << each.what;
    EXPECT_LE(mean.value, 100.0 * each.most) << each.what;
  }
}

TEST(RunLength, ATimeIsAsManyLooksAsFitIntoIt) {
  using namespace std::chrono_literals;
  const HarmSpec edge = harm(Relation::difference, 0.2);
  GateSpec by_time =
      gate("quality", edge, "cusum", {{"average_run_length", Duration(std::chrono::hours(10))}});
  by_time.every = 1min;
  GatePlayer timed(by_time),
      counted(gate("quality", edge, "cusum", {{"average_run_length", 600.0}}));
  Random random(53, 0);
  for (int look = 0; look < 20; ++look) {
    const Samples window =
        samples(random.normal_summary(1.0, 0.5, 900), random.normal_summary(1.25, 0.5, 100));
    EXPECT_EQ(timed.look(window).harm, counted.look(window).harm);
  }
}

// -------------------------------------------------------------------------------- Page and Hinkley

// V: random.Random(12345).choices([0, 1], k=1000) + .choices(range(4, 8), k=1000), as Python draws it.
constexpr std::string_view kDocumentation =
    "001000100010101010101000011101110001110111101011011100110010001011110110010101011100100011"
    "000011010110010000110010000100100111100011100101100010000111101000011100100010000110000001"
    "010101110110111000110110000101001001000000010101111111011001110001001111110011001000010110"
    "111111011101000100101011100100001011111111111001110000001101100011001000100001011110001010"
    "101110000111100100111110000010011100011011101100010111001101010000000110001011110110000110"
    "101110110000111100111111000011100001011101111001100110101010101000000011110010100010101000"
    "001100000100010000001110010111100000110001010001011000101111100101110100011000101111011001"
    "110100111100101111110011100001001010000011011001111100111110010011110011110011011101001110"
    "100111001111111101011100000000101101000110100110101111100011111110111110000001010011000100"
    "000010001010101011111010111110100010011110000101010111000100010010000110110101100001111000"
    "101000100110011101011011000011000011101110111101100010000100111100011100000101001010111011"
    "011111101146746754677647566764667464746455555574447774566647666544546465654674477775777776"
    "465457677464757464776645454655577754475474654576744565577646666657775446745656567775444746"
    "754774775544755577555774457775447545475646577666457755447474564544574556445765564654654544"
    "665675675555677557655464454555775754545767554476757746454644667767556555644774447575474676"
    "754477645747464756467574465644564445464654466464574575745775554576766645545777655577765676"
    "767667575764654457465465477455656476576546574774565565457746767655667457656444745564446545"
    "566474554466777566477675755665776755754765765676455755774676574546574554765654544775474476"
    "577674667565667647547544577465565577767765676645666475475747664665465745644477456444746466"
    "645555745747767577557665676564766675646664545656554644566466447565654667576745756744467465"
    "577657555646546777477746475466654646456475756554645555577566664475646544467465664476465456"
    "675756556644555754555647675467764564557456456564646745574574746565574744465545446654746574"
    "54765475455747746677";

// V: numpy.random.seed(12345), randint(2, size=1000) and randint(8, size=1000).
constexpr std::string_view kTestSuite =
    "011101001011011011100011101001111101111110011001111011110110100111001010001100000010001001"
    "111110001001010100011001010011011001001111000101001101010111010001100000011100101010011011"
    "011001001111011011100000111001010100001001110001101101000001001111100010001111010110110010"
    "111010100000000010001001111111111001000001110110101000011111001101100100100111001110110000"
    "111001101111101010011100101011110001000010010011101011111110001110111001011110100000001011"
    "010110000010110100110110110101101000000001000010010011110000010111010110010110100010011001"
    "010011010110011110001001011001110011111000000110011111101101011010000100010111011110101101"
    "111100010110110100101110000001000011011011011010101001111010111000100010000010001011001010"
    "010101111110011110000011010100010111011100101101001001101010101110110111100111001110000101"
    "010101111011001101011100110001011100000111111100110101001110101001110101101111101000011011"
    "001011011110100100101100000000101000000101101000101101000001111011000001010110010111010100"
    "100100101134557124317022113140664146775026213753432030300577253523054425572767276126717742"
    "660203213033170173425557216531474311530362267457564326476214357002115211332342755351376150"
    "402445717527016242567135300651351625404367573045620067457703057637134604232527037463532414"
    "053665214126030050570372751507240573607477672226650236430561175044662713647053700677624020"
    "251005026445210547423024615651067161332332024000214325017014416572727313616771344317620004"
    "276010767026273637674377276274320625433647525037333720143555311307124332220624037050663111"
    "200050264253360522243520236700273073756157051751642344465074265652015632331255113525202113"
    "250104453517245663522526713363450473702036113141540565015372350266466602515675744630443261"
    "644454024001714551537403075544315205321721435000374230016215046634337660267050311022060116"
    "535611153272325763267731721622217517124170362052776231704672024155505521403534746065467560"
    "271034247054715351607305070326423541055260317633015566452242364623371765473760027644264105"
    "05007777777635071343";

/// Indices of alarms; the detector starts anew after each, as river's does.
std::vector<std::size_t> alarms(std::string_view stream) {
  const PageHinkley detector;
  PageHinkley::State state;
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    detector.update(state, stream[i] - '0');
    if (!detector.is_alarm(state)) continue;
    indices.push_back(i);
    state = {};
  }
  return indices;
}

TEST(PageHinkley, FindsWhatRiverFinds) {
  EXPECT_EQ(alarms(kDocumentation), (std::vector<std::size_t>{1006}));
  EXPECT_EQ(alarms(kTestSuite), (std::vector<std::size_t>{1020, 1991}));
}

}  // namespace
}  // namespace gatewright::testing
