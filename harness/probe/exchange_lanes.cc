#include "harness/probe/exchange_lanes.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace netns_lab::probe {
namespace {

// What is answered at all is answered within a few milliseconds: whatever takes longer is waited for beside the next.
constexpr std::chrono::milliseconds kAtOnce{20};
// As long as one is still waited for, the others follow sooner.
constexpr std::chrono::milliseconds kNext{3};
// Each has a socket in every namespace that it watches.
constexpr std::size_t kMostLanes = 16;

}  // namespace

ExchangeLanes::ExchangeLanes(Prober& first, SocketFactory factory, Cancel cancel)
    : factory_(std::move(factory)), cancel_(cancel) {
  lanes_.reserve(kMostLanes);
  lanes_.push_back(Lane{.prober = &first, .own = nullptr, .number = 0, .under_way = {}});
}

ExchangeLanes::~ExchangeLanes() {
  for (Lane& lane : lanes_) {
    if (lane.under_way.valid()) lane.under_way.wait();
    if (lane.own) lane.own->release_all();  // all at once, and then each is waited for
  }
}

bool ExchangeLanes::is_over(const Lane& lane) {
  return !lane.under_way.valid() || lane.under_way.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

Result<std::vector<ExchangeReport>> ExchangeLanes::run(const std::vector<ExchangeSpec>& specs) {
  reports_.assign(specs.size(), ExchangeReport{});
  has_failed_ = false;
  for (std::size_t number = 0; number < specs.size(); ++number) {
    Lane& lane = free_lane();
    if (has_failed_) break;
    ExchangeSpec spec = specs[number];
    spec.reply_wait = patience_.wait_of(spec);
    lane.number = number;
    lane.under_way = std::async(std::launch::async, [prober = lane.prober, cancel = cancel_, spec = std::move(spec)]() {
      return prober->exchange(spec, cancel);
    });
    const auto is_under_way = [&](const Lane& other) { return &other != &lane && !is_over(other); };
    const bool is_beside_others = std::any_of(lanes_.begin(), lanes_.end(), is_under_way);
    if (lane.under_way.wait_for(is_beside_others ? kNext : kAtOnce) == std::future_status::ready) take(lane);
  }
  for (Lane& lane : lanes_) take(lane);
  std::vector<ExchangeReport> reports;
  reports.reserve(reports_.size());
  for (Result<ExchangeReport>& report : reports_) {
    if (!report) return tl::unexpected(std::move(report).error());
    reports.push_back(*std::move(report));
  }
  return reports;
}

ExchangeLanes::Lane& ExchangeLanes::free_lane() {
  auto lane = std::find_if(lanes_.begin(), lanes_.end(), is_over);
  if (lane == lanes_.end() && lanes_.size() < kMostLanes) {
    auto prober = std::make_unique<Prober>(factory_);
    Prober* const borrowed = prober.get();
    lanes_.push_back(Lane{.prober = borrowed, .own = std::move(prober), .number = 0, .under_way = {}});
    return lanes_.back();
  }
  // The one that has been waited for longest.
  if (lane == lanes_.end()) lane = std::ranges::min_element(lanes_, {}, &Lane::number);
  take(*lane);
  return *lane;
}

void ExchangeLanes::take(Lane& lane) {
  if (!lane.under_way.valid()) return;
  Result<ExchangeReport> report = lane.under_way.get();
  if (report) patience_.note(*report);
  has_failed_ = has_failed_ || !report;
  reports_[lane.number] = std::move(report);
}

}  // namespace netns_lab::probe
