// The assignment hashes against published digests, and buckets against independent tools.
#include "sim/users/hashes.h"
#include "sim/users/bucket_book.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "sim/users/population.h"

namespace gatewright::sim {
namespace {

std::string hexadecimal(const std::array<std::uint8_t, 16>& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) {
    std::array<char, 3> pair{};
    std::snprintf(pair.data(), pair.size(), "%02x", static_cast<unsigned>(byte));
    text += pair.data();
  }
  return text;
}

TEST(Md5, GivesTheDigestsOfRfc1321) {
  EXPECT_EQ(hexadecimal(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hexadecimal(md5("a")), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(hexadecimal(md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hexadecimal(md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hexadecimal(md5("abcdefghijklmnopqrstuvwxyz")), "c3fcd3d76192e4007dfb496cca67e13b");
  EXPECT_EQ(hexadecimal(md5("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")),
            "d174ab98d277d9f5a5611c2c9f419d9f");
  EXPECT_EQ(hexadecimal(md5("1234567890123456789012345678901234567890123456789012345678901234567890"
                            "1234567890")),
            "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Md5, PadsEveryLength) {
  // python3 -c 'import hashlib; print(hashlib.md5(b"".join(hashlib.md5(b"x" * n).digest()
  //             for n in range(200))).hexdigest())'
  std::string all;
  for (std::size_t n = 0; n < 200; ++n)
    for (const std::uint8_t byte : md5(std::string(n, 'x'))) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(hexadecimal(md5(all)), "236291006a2f1dc7b00bd978802ff8c6");
}

TEST(Murmur3, GivesThePublishedHashes) {
  EXPECT_EQ(murmur3_x86_32("", 0), 0U);
  EXPECT_EQ(murmur3_x86_32("", 1), 0x514e28b7U);
  EXPECT_EQ(murmur3_x86_32("test", 0), 0xba6bd213U);
  EXPECT_EQ(murmur3_x86_32("Hello, world!", 0), 0xc0363e43U);
  EXPECT_EQ(murmur3_x86_32("The quick brown fox jumps over the lazy dog", 0), 0x2e4ff723U);
  // Rests of 3 and 2 bytes; mmh3 5.3.1: mmh3.hash("abc", 0x9747b28c, signed=False)
  EXPECT_EQ(murmur3_x86_32("abc", 0x9747b28cU), 0xc84a62ddU);
  EXPECT_EQ(murmur3_x86_32("ab", 0), 0x9bbfd75fU);
}

TEST(Fnv1a, GivesThePublishedHashes) {
  EXPECT_EQ(fnv1a_32(""), 0x811c9dc5U);
  EXPECT_EQ(fnv1a_32("a"), 0xe40c292cU);
  EXPECT_EQ(fnv1a_32("foobar"), 0xbf9cf968U);
}

TEST(Hashes, TakeBytesAboveAscii) {
  // python3 -c 'import hashlib; print(hashlib.md5("ä€".encode()).hexdigest())'; mmh3.hash(...);
  // fnvhash.fnv1a_32(...)
  EXPECT_EQ(hexadecimal(md5("\xc3\xa4\xe2\x82\xac")), "f1e21d5366cff108f242f8e4853aabae");
  EXPECT_EQ(murmur3_x86_32("\xc3\xa4\xe2\x82\xac", 0), 0x4cce903fU);
  EXPECT_EQ(fnv1a_32("\xc3\xa4\xe2\x82\xac"), 0xd621d3beU);
}

TEST(Bucket, IsTheHashOfSaltColonUnitScaledToTenThousand) {
  // python3 -c 'import hashlib; h = int(hashlib.md5(b"7.3:42").hexdigest()[:8], 16);
  //             print(h, h * 10000 >> 32)'
  EXPECT_EQ(hash32(AssignmentHash::md5, "7.3:42"), 127707445U);
  EXPECT_EQ(bucket(AssignmentHash::md5, "7.3", "42"), 297);
  EXPECT_EQ(bucket(AssignmentHash::md5, "7.3", "0"), 575);
  EXPECT_EQ(bucket(AssignmentHash::md5, "0.0", "19999"), 5110);
  // mmh3 5.3.1: h = mmh3.hash("7.3:42", 0, signed=False)
  EXPECT_EQ(hash32(AssignmentHash::murmur3, "7.3:42"), 1918521087U);
  EXPECT_EQ(bucket(AssignmentHash::murmur3, "7.3", "42"), 4466);
  EXPECT_EQ(bucket(AssignmentHash::murmur3, "7.3", "0"), 638);
  EXPECT_EQ(bucket(AssignmentHash::murmur3, "0.0", "19999"), 3734);
  // fnvhash 0.2.1: h = fnvhash.fnv1a_32(b"7.3:42")
  EXPECT_EQ(hash32(AssignmentHash::fnv1a, "7.3:42"), 3101872935U);
  EXPECT_EQ(bucket(AssignmentHash::fnv1a, "7.3", "42"), 7222);
  EXPECT_EQ(bucket(AssignmentHash::fnv1a, "7.3", "0"), 9226);
  EXPECT_EQ(bucket(AssignmentHash::fnv1a, "0.0", "19999"), 2415);
}

TEST(Md5, OfTextsSideBySideIsThatOfEach) {
  // The digests themselves are held to RFC 1321 above. Lengths 0 to 55, all that fit one block.
  const std::string longest = "12345.67890:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
  ASSERT_EQ(longest.size(), 55U);
  for (std::size_t first = 0; first < 56; first += kTexts - 1) {
    std::vector<std::string_view> texts;
    for (std::size_t size = first; size < std::min<std::size_t>(first + kTexts - 1, 56); ++size)
      texts.push_back(std::string_view(longest).substr(0, size));
    const auto words = md5_first_words(texts);
    for (std::size_t i = 0; i < texts.size(); ++i)
      EXPECT_EQ(words[i], hash32(AssignmentHash::md5, texts[i])) << texts[i];
  }
}

TEST(Md5, OfNumberedTextsIsThatOfEach) {
  for (const std::string prefix : {"7.3:", "123.45678:", ""}) {
    std::vector<std::uint32_t> words(101'003);  // one to six digits, and lanes left over
    fill_md5_first_words(prefix, words);
    for (std::size_t i = 0; i < words.size(); i = i < 1'100 ? i + 1 : i + 97)
      ASSERT_EQ(words[i], hash32(AssignmentHash::md5, prefix + std::to_string(i))) << prefix << i;
    EXPECT_EQ(words.back(), hash32(AssignmentHash::md5, prefix + "101002"));
  }
}

TEST(BucketBook, KeepsWhatItFound) {
  BucketBook book;
  const auto first = book.find(AssignmentHash::md5, {7, 3}, 500);
  EXPECT_EQ((*first)[42], bucket(AssignmentHash::md5, "7.3", "42"));
  EXPECT_EQ(book.find(AssignmentHash::md5, {7, 3}, 500), first);
  EXPECT_NE(*book.find(AssignmentHash::murmur3, {7, 3}, 500), *first);
  for (std::uint64_t replication = 0; replication < 20; ++replication)
    EXPECT_NE(*book.find(AssignmentHash::md5, {8, replication}, 500), *first);
  EXPECT_EQ(*book.find(AssignmentHash::md5, {7, 3}, 500), *first);
}

TEST(Assigner, FillsWhatItSaysOfEachUser) {
  // 1,000 requests of 300 users, again and again, in three hashes.
  for (const AssignmentHash hash :
       {AssignmentHash::md5, AssignmentHash::murmur3, AssignmentHash::fnv1a}) {
    const Assignment assignment{AssignmentUnit::user, hash};
    Assigner one_by_one(assignment, 300, 7, 1);
    Assigner filled(assignment, 300, 7, 1);
    std::vector<std::uint32_t> users;
    for (std::uint32_t i = 0; i < 1000; ++i) users.push_back(i * i % 300);
    std::vector<std::uint16_t> buckets(users.size());
    filled.fill(users, buckets.data());
    for (std::size_t i = 0; i < users.size(); ++i)
      ASSERT_EQ(buckets[i], one_by_one.user_bucket(users[i])) << users[i];
  }
}

}  // namespace
}  // namespace gatewright::sim
