// The peer of harness/node/apply_bench.cc: part 1 of the series by vishvananda/netlink, as fast as it can be made with its interface: one process,
// handles kept open, the veth's peer placed in its namespace by the creation. Prints nothing; writes the median in milliseconds to a file.
//
//	go-netlink ROUNDS RESULT-FILE
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"syscall"
)

const (
	directory = "/run/netns"
	path      = directory + "/netns1"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func setUp(home netns.NsHandle, host *netlink.Handle) {
	// Create and name.
	must(syscall.Unshare(syscall.CLONE_NEWNET))
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|os.O_EXCL, 0)
	must(err)
	file.Close()
	must(syscall.Mount("/proc/thread-self/ns/net", path, "none", syscall.MS_BIND, ""))
	inner, err := netns.Get()
	must(err)
	inside, err := netlink.NewHandle()
	must(err)
	must(netns.Set(home))

	attributes := netlink.NewLinkAttrs()
	attributes.Name = "veth1"
	attributes.TxQLen = -1
	attributes.NumTxQueues = 1
	attributes.NumRxQueues = 1
	attributes.Flags = net.FlagUp
	pair := &netlink.Veth{LinkAttrs: attributes, PeerName: "veth2", PeerNamespace: netlink.NsFd(int(inner))}
	must(host.LinkAdd(pair))
	host1, err := host.LinkByName("veth1")
	must(err)
	far, err := inside.LinkByName("veth2")
	must(err)
	loopback := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 1}}
	must(inside.LinkSetUp(loopback))
	own := &net.IPNet{IP: net.IPv4(10, 200, 1, 1).To4(), Mask: net.CIDRMask(32, 32)}
	must(inside.AddrAdd(far, &netlink.Addr{IPNet: own}))
	must(inside.LinkSetUp(far))
	must(inside.RouteAdd(&netlink.Route{LinkIndex: far.Attrs().Index, Gw: own.IP}))
	must(host.RouteAdd(&netlink.Route{LinkIndex: host1.Attrs().Index, Dst: own, Scope: netlink.SCOPE_LINK}))
	inside.Delete()
	inner.Close()
}

func tearDown(updates chan netlink.LinkUpdate) {
	must(syscall.Unmount(path, syscall.MNT_DETACH))
	must(os.Remove(path))
	for update := range updates {
		if update.Header.Type == syscall.RTM_DELLINK && update.Attrs().Name == "veth1" {
			return
		}
	}
}

func main() {
	runtime.LockOSThread()
	rounds, err := strconv.Atoi(os.Args[1])
	must(err)
	must(os.MkdirAll(directory, 0755))
	home, err := netns.Get()
	must(err)
	host, err := netlink.NewHandle()
	must(err)
	updates := make(chan netlink.LinkUpdate, 1000)
	must(netlink.LinkSubscribeAt(home, updates, make(chan struct{})))
	var times []float64
	for i := 0; i <= rounds; i++ {
		begin := time.Now()
		setUp(home, host)
		took := time.Since(begin)
		tearDown(updates)
		if i > 0 { // the first warms up
			times = append(times, float64(took.Nanoseconds())/1e6)
		}
	}
	sort.Float64s(times)
	must(os.WriteFile(os.Args[2], []byte(fmt.Sprintf("%f\n", times[len(times)/2])), 0644))
}
