// What the reports cost a run: junit.xml is brought up to date after every event, so it must stay far below the time of
// a case.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/model/samples.h"
#include "reports/junit.h"
#include "reports/record.h"
#include "reports/run_json.h"

namespace netns_lab::reports {
namespace {

// A folder on the disk where reports are written by default.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "junit-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A run of `cases` cases, one in ten of them failed.
std::vector<RunEvent> events(int cases) {
  const std::vector<RunEvent> sample = samples::run();
  std::vector<RunEvent> run{sample[0], sample[1]};
  for (int i = 0; i < cases; ++i) {
    auto started = std::get<CaseStarted>(sample[2]);
    auto ended = std::get<CaseEnded>(sample[3]);
    started.name = ended.name = "Case" + std::to_string(i);
    if (i % 10 != 0) {
      ended.verdict = Verdict::kPass;
      ended.message.clear();
      ended.evidence.clear();
    }
    run.push_back(started);
    run.push_back(ended);
  }
  run.push_back(sample[4]);
  run.push_back(sample[5]);
  return run;
}

// Time per event is the figure: items_per_second is events.
void BM_JunitFileWrittenAfterEveryEvent(benchmark::State& state) {
  const std::vector<RunEvent> run = events(static_cast<int>(state.range(0)));
  const Folder folder;
  for (auto _ : state) {
    Result<JunitFile> file = JunitFile::create(folder / "junit.xml");
    for (const RunEvent& event : run) {
      file->add(event);
      if (!file->write()) state.SkipWithError("cannot write");
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(run.size()));
}
BENCHMARK(BM_JunitFileWrittenAfterEveryEvent)->Arg(70)->Arg(1000)->Unit(benchmark::kMicrosecond);

void BM_JunitDocumentOnly(benchmark::State& state) {
  const std::vector<RunEvent> run = events(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    JunitDocument document;
    for (const RunEvent& event : run) {
      document.add(event);
      benchmark::DoNotOptimize(document.text());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(run.size()));
}
BENCHMARK(BM_JunitDocumentOnly)->Arg(70)->Unit(benchmark::kMicrosecond);

void BM_RecordWrittenAfterEveryEvent(benchmark::State& state) {
  const std::vector<RunEvent> run = events(70);
  const Folder folder;
  for (auto _ : state) {
    Result<RecordWriter> writer = RecordWriter::create(folder / "record.jsonl");
    for (const RunEvent& event : run) {
      if (!writer->write(event)) state.SkipWithError("cannot write");
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(run.size()));
}
BENCHMARK(BM_RecordWrittenAfterEveryEvent)->Unit(benchmark::kMicrosecond);

void BM_RunJson(benchmark::State& state) {
  RunResult run;
  for (const RunEvent& event : events(70)) run.add(event);
  for (auto _ : state) benchmark::DoNotOptimize(run_json(run));
}
BENCHMARK(BM_RunJson)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace netns_lab::reports
