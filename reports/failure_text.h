// What GoogleTest says of a failed assertion, without the C++ that it was written in: for people who have the network
// before them, not the tests.
//
//   Value of: lookup(query)                                       Expected: is sent out of veth1
//   Expected: is sent out of veth1                           ->     Actual: unicast via 192.0.2.1 dev eth0
//     Actual: unicast via 192.0.2.1 dev eth0 (of type R),         - it goes out of eth0, not veth1
//   - it goes out of eth0, not veth1
//
//   Value of: outcome().succeeded                                 setup.sh exited with status 3
//     Actual: false                                          ->
//   Expected: true
//   setup.sh exited with status 3
//
//   Expected equality of these values:                            MTU of veth2
//     link->mtu                                                   Expected: 1500
//       Which is: 1400                                       ->     Actual: 1400
//     kMtu
//       Which is: 1500
//   MTU of veth2
//
//   Expected: (a->mac) != (b->mac), actual: 02::1 vs 02::1        both have the same MAC
//   both have the same MAC                                   ->     Actual: 02::1 vs 02::1
//
//   Google Test trace:                                            on node-2
//   harness/testing/fixture.cc:74: on node-2               ->
//
// An expression stays where nothing else says what was looked at. Of two values the first is what was seen, as
// EXPECT_EQ(seen, wanted) is written here. The record keeps the words as they came.
#pragma once

#include <string>
#include <string_view>

namespace netns_lab::reports {

std::string without_code(std::string_view message);

}  // namespace netns_lab::reports
