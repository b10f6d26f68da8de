// What the maker of a virtual machine (harness/lab/qemu) and the first process in it (harness/node/guest_init.h) have
// to agree on beside the stream itself.
#pragma once

namespace netns_lab::protocol {

// In the machine. Lists have one entry a line.
inline constexpr auto kGuestProgram = "/usr/lib/netns-lab/netns-lab";  // this program
inline constexpr auto kModuleList = "/usr/lib/netns-lab/modules";      // modules.dep, in the order to load in
inline constexpr auto kLackingList = "/usr/lib/netns-lab/lacking";     // what its kernel does not have, in words
inline constexpr auto kDiskMark = "/usr/lib/netns-lab/disk";           // where to mount its disk; no file: it has none
inline constexpr auto kGuestDisk = "/dev/vda";                         // ext4
inline constexpr auto kStateFolder = "/state";       // a lab's state disk, in the machine and in its standing node
inline constexpr auto kGuestPort = "/dev/vport0p1";  // the machine's only virtio port
// The MAC address of a device that leads to another machine of the lab begins so; the number of the own machine and of
// the other follow (RFC 7042, 2.1: locally administered).
inline constexpr auto kWireMac = "02:00:0a:01:";

// Labels of channels (harness/node/guest_labs.h).
inline constexpr auto kStandingNode = "standing node";
inline constexpr auto kStandingOutside = "standing outside";
inline constexpr auto kPrivateNode = "node ";        // and a key
inline constexpr auto kPrivateNodes = "nodes ";      // how many, a blank and a key: the first node of a lab of several
inline constexpr auto kPrivateRouted = "routed ";    // the same, each on a segment of its own
inline constexpr auto kPrivateFurther = "further ";  // which (2 …), a blank and the key of its first node
inline constexpr auto kPrivateOutside = "outside ";  // and the key of its node
// Of a lab with a machine for each node: which of how many, the segment's VLAN, the key: "part 2 2 100 KEY". Standing
// ones have neither VLAN nor key of their own: "standing part 2 2".
inline constexpr auto kPrivatePart = "part ";
inline constexpr auto kPrivateRoutedPart = "routed part ";  // the same, each node on a segment of its own
inline constexpr auto kStandingPart = "standing part ";
inline constexpr auto kStandingOutsideOf = "standing outside of ";  // and how many nodes
inline constexpr auto kStandingRoutedPart = "standing routed part ";
inline constexpr auto kStandingOutsideOfRouted = "standing outside of routed ";
// IEEE 802.1Q: 1 to 4094. A segment of several machines is a VLAN on the wires between them.
inline constexpr int kFirstPrivateVlan = 2;
inline constexpr int kMostPrivateVlans = 4000;
inline constexpr int kStandingVlan = 4094;

}  // namespace netns_lab::protocol
