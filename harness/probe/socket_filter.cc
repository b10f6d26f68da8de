#include "harness/probe/socket_filter.h"

#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <linux/if_ether.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <stdexcept>

namespace netns_lab::probe {
namespace {

constexpr std::uint32_t kWholePacket = 0x40000;

// Instructions with named places to jump to; jumps go forward only, as the kernel demands.
class Assembler {
 public:
  enum Label : std::uint8_t {
    kNext,
    kAccept,
    kReject,
    kHasLinkHeader,
    kNetwork,
    kIpv4,
    kIpv6,
    kUnusual,
    kIcmpv4,
    kIcmpv6,
    kPorts,
    kIdentifier,
    kLabels
  };

  void emit(unsigned code, std::uint32_t value = 0) { add(code, value, kNext, kNext); }
  void jump_if(unsigned comparison, std::uint32_t value, Label yes, Label no = kNext) {
    add(BPF_JMP | comparison | BPF_K, value, yes, no);
  }
  void jump(Label to) { add(BPF_JMP | BPF_JA, 0, to, kNext); }
  void here(Label label) { places_[label] = code_.size(); }
  void load_at(unsigned size, std::uint32_t offset) { emit(BPF_LD | size | BPF_ABS, offset); }
  void load_at_x(unsigned size, std::uint32_t offset) { emit(BPF_LD | size | BPF_IND, offset); }
  void load_ancillary(int which) { emit(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + which)); }
  void add_to_x(std::uint32_t offset) {  // clobbers A
    emit(BPF_MISC | BPF_TXA);
    emit(BPF_ALU | BPF_ADD | BPF_K, offset);
    emit(BPF_MISC | BPF_TAX);
  }

  std::vector<sock_filter> finish() {
    here(kAccept);
    emit(BPF_RET | BPF_K, kWholePacket);
    here(kReject);
    emit(BPF_RET | BPF_K, 0);
    std::vector<sock_filter> program;
    for (std::size_t at = 0; at < code_.size(); ++at) {
      const Instruction& instruction = code_[at];
      sock_filter out{static_cast<__u16>(instruction.code), 0, 0, instruction.value};
      if (BPF_CLASS(instruction.code) == BPF_JMP) {
        const std::size_t yes = distance(at, instruction.yes);
        const std::size_t no = distance(at, instruction.no);
        if (BPF_OP(instruction.code) == BPF_JA) {
          out.k = static_cast<std::uint32_t>(yes);
        } else {
          if (yes > 255 || no > 255) throw std::logic_error("a socket filter jumps too far");
          out.jt = static_cast<__u8>(yes);
          out.jf = static_cast<__u8>(no);
        }
      }
      program.push_back(out);
    }
    return program;
  }

 private:
  struct Instruction {
    unsigned code;
    std::uint32_t value;
    Label yes;
    Label no;
  };
  void add(unsigned code, std::uint32_t value, Label yes, Label no) {
    code_.push_back(Instruction{code, value, yes, no});
  }
  std::size_t distance(std::size_t from, Label to) const {
    if (to == kNext) return 0;
    if (places_[to] <= from) throw std::logic_error("a socket filter jumps to nowhere or backwards");
    return places_[to] - from - 1;
  }
  std::vector<Instruction> code_;
  std::array<std::size_t, kLabels> places_{};
};

// A: the identifier.
void judge_identifier(Assembler& code, IdentifierRange identifiers) {
  code.emit(BPF_ALU | BPF_SUB | BPF_K, identifiers.first);  // below `first` it wraps to a huge number
  code.jump_if(BPF_JGE, identifiers.count, Assembler::kReject, Assembler::kAccept);
}

// An IPv4 echo reply without IP options; anything else goes on behind. Its offsets are constants: loads from these are
// compiled to instructions, loads from X to calls (net/core/filter.c, bpf_gen_ld_abs).
void judge_usual_reply(Assembler& code, IdentifierRange identifiers) {
  code.load_at(BPF_B, 0);
  code.jump_if(BPF_JEQ, 0x45, Assembler::kNext, Assembler::kUnusual);
  code.load_at(BPF_B, 20);
  code.jump_if(BPF_JEQ, ICMP_ECHOREPLY, Assembler::kNext, Assembler::kUnusual);
  code.load_at(BPF_H, 24);
  judge_identifier(code, identifiers);
  code.here(Assembler::kUnusual);
}

// X is at the IPv4 header; afterwards at what follows it.
void skip_ipv4_header(Assembler& code) {
  code.load_at_x(BPF_B, 0);
  code.emit(BPF_ALU | BPF_AND | BPF_K, 0x0F);
  code.emit(BPF_ALU | BPF_LSH | BPF_K, 2);
  code.emit(BPF_ALU | BPF_ADD | BPF_X);
  code.emit(BPF_MISC | BPF_TAX);
}

void accept_ipv4_errors(Assembler& code) {  // A: the ICMP type
  for (const int type :
       {ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB, ICMP_SOURCE_QUENCH, ICMP_REDIRECT}) {
    code.jump_if(BPF_JEQ, static_cast<std::uint32_t>(type), Assembler::kAccept);
  }
}

}  // namespace

SocketFilter SocketFilter::echo_replies(Family family, IdentifierRange identifiers) {
  Assembler code;
  if (family == Family::kIpv4) judge_usual_reply(code, identifiers);
  code.emit(BPF_LDX | BPF_W | BPF_IMM, 0);
  if (family == Family::kIpv4) {
    skip_ipv4_header(code);
    code.load_at_x(BPF_B, 0);
    code.jump_if(BPF_JEQ, ICMP_ECHOREPLY, Assembler::kIdentifier);
    accept_ipv4_errors(code);
  } else {
    code.load_at_x(BPF_B, 0);
    code.jump_if(BPF_JEQ, ICMP6_ECHO_REPLY, Assembler::kIdentifier);
    code.jump_if(BPF_JGE, 128, Assembler::kReject, Assembler::kAccept);
  }
  code.jump(Assembler::kReject);
  code.here(Assembler::kIdentifier);
  code.load_at_x(BPF_H, 4);
  judge_identifier(code, identifiers);
  return SocketFilter(code.finish());
}

SocketFilter SocketFilter::probe_packets(std::uint16_t port) {
  using A = Assembler;
  A code;
  code.load_ancillary(SKF_AD_HATYPE);
  code.jump_if(BPF_JEQ, ARPHRD_ETHER, A::kHasLinkHeader);
  code.jump_if(BPF_JEQ, ARPHRD_LOOPBACK, A::kHasLinkHeader);
  code.emit(BPF_LDX | BPF_W | BPF_IMM, 0);
  code.jump(A::kNetwork);
  code.here(A::kHasLinkHeader);
  code.emit(BPF_LDX | BPF_W | BPF_IMM, ETH_HLEN);
  code.here(A::kNetwork);
  code.load_ancillary(SKF_AD_PROTOCOL);
  code.jump_if(BPF_JEQ, ETH_P_ARP, A::kAccept);
  code.jump_if(BPF_JEQ, ETH_P_IP, A::kIpv4);
  code.jump_if(BPF_JEQ, ETH_P_IPV6, A::kIpv6, A::kReject);

  code.here(A::kIpv4);
  code.load_at_x(BPF_H, 6);
  code.jump_if(BPF_JSET, 0x1FFF, A::kAccept);  // a later fragment
  code.load_at_x(BPF_B, 9);
  code.emit(BPF_ST, 0);
  skip_ipv4_header(code);
  code.emit(BPF_LD | BPF_MEM, 0);
  code.jump_if(BPF_JEQ, IPPROTO_ICMP, A::kIcmpv4);
  code.jump_if(BPF_JEQ, IPPROTO_UDP, A::kPorts);
  code.jump_if(BPF_JEQ, IPPROTO_TCP, A::kPorts, A::kReject);

  code.here(A::kIpv6);
  code.load_at_x(BPF_B, 6);
  code.emit(BPF_ST, 0);
  code.add_to_x(40);
  code.emit(BPF_LD | BPF_MEM, 0);
  code.jump_if(BPF_JEQ, IPPROTO_ICMPV6, A::kIcmpv6);
  code.jump_if(BPF_JEQ, IPPROTO_FRAGMENT, A::kAccept);
  code.jump_if(BPF_JEQ, IPPROTO_ROUTING, A::kAccept);
  code.jump_if(BPF_JEQ, IPPROTO_DSTOPTS, A::kAccept);
  code.jump_if(BPF_JEQ, IPPROTO_UDP, A::kPorts);
  code.jump_if(BPF_JEQ, IPPROTO_TCP, A::kPorts, A::kReject);

  code.here(A::kPorts);
  if (port != 0) {
    code.load_at_x(BPF_H, 0);
    code.jump_if(BPF_JEQ, port, A::kAccept);
    code.load_at_x(BPF_H, 2);
    code.jump_if(BPF_JEQ, port, A::kAccept);
  }
  code.jump(A::kReject);

  code.here(A::kIcmpv4);
  code.load_at_x(BPF_B, 0);
  code.jump_if(BPF_JEQ, ICMP_ECHOREPLY, A::kAccept);
  code.jump_if(BPF_JEQ, ICMP_ECHO, A::kAccept);
  accept_ipv4_errors(code);
  code.jump(A::kReject);

  code.here(A::kIcmpv6);
  code.load_at_x(BPF_B, 0);
  code.jump_if(BPF_JEQ, ICMP6_ECHO_REPLY, A::kAccept);
  code.jump_if(BPF_JEQ, ICMP6_ECHO_REQUEST, A::kAccept);
  code.jump_if(BPF_JGE, ND_REDIRECT + 1, A::kReject);
  code.jump_if(BPF_JGE, ND_ROUTER_SOLICIT, A::kAccept);
  code.jump_if(BPF_JGE, 128, A::kReject, A::kAccept);  // an error has the high bit clear
  return SocketFilter(code.finish());
}

Result<void> SocketFilter::attach_to(int socket) const {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(program_.size());
  program.filter = const_cast<sock_filter*>(program_.data());  // the kernel only reads it
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return tl::unexpected(Error::system("attach a socket filter", errno));
  }
  return {};
}

}  // namespace netns_lab::probe
