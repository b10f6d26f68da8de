// The exchanges of one probe: one after the other as long as each is over at once; beside one that is still waited for,
// the next begins. So a network that drops everything is told in the time that one silent exchange is given, and one
// that works has one exchange at a time.
#pragma once

#include <future>
#include <memory>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/exchange.h"
#include "harness/probe/prober.h"

namespace netns_lab::probe {

class ExchangeLanes {
 public:
  // `first` is borrowed, and all that is needed where each exchange is over at once; the others are made of `factory`,
  // and their captures closed, when this goes.
  ExchangeLanes(Prober& first, SocketFactory factory, Cancel cancel);
  ExchangeLanes(const ExchangeLanes&) = delete;
  ExchangeLanes& operator=(const ExchangeLanes&) = delete;
  ~ExchangeLanes();

  // A report for each, in order. Errors: those of Prober::exchange, the first in that order; nothing is under way then.
  Result<std::vector<ExchangeReport>> run(const std::vector<ExchangeSpec>& specs);

 private:
  struct Lane {
    Prober* prober = nullptr;
    std::unique_ptr<Prober> own;  // but the first's
    std::size_t number = 0;       // of the exchange
    std::future<Result<ExchangeReport>> under_way;
  };
  static bool is_over(const Lane& lane);  // it may have a report that was not taken yet
  Lane& free_lane();
  void take(Lane& lane);  // waits for it

  SocketFactory factory_;
  Cancel cancel_;
  std::vector<Lane> lanes_;
  Patience patience_;
  std::vector<Result<ExchangeReport>> reports_;
  bool has_failed_ = false;
};

}  // namespace netns_lab::probe
