#include "reports/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "harness/model/samples.h"

namespace netns_lab::reports {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::string whole_record() {
  std::string text;
  for (const RunEvent& event : samples::run()) text += record_line(event);
  return text;
}

class RecordFile : public ::testing::Test {
 protected:
  RecordFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "record-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~RecordFile() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "record.jsonl").string(); }

 private:
  std::filesystem::path folder_;
};

TEST_F(RecordFile, GivesBackWhatWasWritten) {
  Result<RecordWriter> writer = RecordWriter::create(path());
  ASSERT_TRUE(writer) << writer.error();
  for (const RunEvent& event : samples::run()) ASSERT_TRUE(writer->write(event));
  const Result<Record> back = read_record(path());
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(back->events, samples::run());
  EXPECT_EQ(back->cut, "");
}
TEST_F(RecordFile, HoldsEachEventAsSoonAsItIsWritten) {
  Result<RecordWriter> writer = RecordWriter::create(path());
  ASSERT_TRUE(writer);
  std::size_t written = 0;
  for (const RunEvent& event : samples::run()) {
    ASSERT_TRUE(writer->write(event));
    const Result<Record> back = read_record(path());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->events.size(), ++written);
  }
}
TEST_F(RecordFile, EmptiesAnOldRecord) {
  std::ofstream(path()) << "old\n";
  ASSERT_TRUE(RecordWriter::create(path()));
  const Result<Record> back = read_record(path());
  ASSERT_TRUE(back) << back.error();
  EXPECT_TRUE(back->events.empty());
}
TEST_F(RecordFile, NamesTheFileThatIsNotThere) {
  const Result<Record> back = read_record(path());
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().message(), HasSubstr("record.jsonl: ENOENT"));
}
TEST_F(RecordFile, NamesTheFileAndLineThatIsNotAnEvent) {
  std::ofstream(path()) << record_line(samples::run().front()) << "{\"event\":\"party\"}\n"
                        << record_line(samples::run().back());
  const Result<Record> back = read_record(path());
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().message(), HasSubstr("record.jsonl: line 2 of the record"));
}

TEST(ParseRecord, ToleratesALineCutAtAnyByteAndSaysSo) {
  const std::string text = whole_record();
  const std::size_t last_line = text.rfind('\n', text.size() - 2) + 1;
  for (std::size_t end = last_line + 1; end < text.size() - 1; ++end) {
    const Result<Record> back = parse_record(std::string_view(text).substr(0, end));
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(back->events.size(), samples::run().size() - 1);
    EXPECT_THAT(back->cut, HasSubstr("line 6 ends in the middle"));
  }
}
TEST(ParseRecord, TakesALastLineWithoutItsEnd) {
  const std::string text = whole_record();
  const Result<Record> back = parse_record(std::string_view(text).substr(0, text.size() - 1));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->events, samples::run());
  EXPECT_EQ(back->cut, "");
}
TEST(ParseRecord, EmptyTextIsAnEmptyRecord) {
  const Result<Record> back = parse_record("");
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->events.empty());
}
TEST(RecordLine, IsOneLineWhateverItHolds) {
  CaseEnded ended;
  ended.message = "a\nb\r\xFF\x01";
  const std::string line = record_line(ended);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Result<Record> back = parse_record(line);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(std::get<CaseEnded>(back->events.at(0)).message, "a\nb\r\\xFF\x01");
}

}  // namespace
}  // namespace netns_lab::reports
