"""Lines of the conntrack table and of tcpdump, and under each the packet in our words, behind `=`."""

from __future__ import annotations

ENTRIES = """\
tcp      6 119 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=4 dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=4 use=1
= tcp 10.0.0.1:4 > 10.0.0.2:80 flags=SYN state=NEW
ipv4     2 tcp      6 9 CLOSE src=10.0.0.1 dst=10.0.0.2 sport=4 dport=80 packets=3 bytes=164 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=4 [ASSURED] mark=0 use=2
= tcp 10.0.0.1:4 > 10.0.0.2:80 flags=ACK state=ESTABLISHED
tcp 6 9 ESTABLISHED src=10.0.0.1 dst=192.0.2.1 sport=1 dport=80 src=10.0.0.5 dst=10.0.0.1 sport=8080 dport=1 use=1
= tcp 10.0.0.1:1 > 192.0.2.1:80 flags=ACK state=ESTABLISHED dnat
udp 17 9 src=10.0.0.1 dst=192.0.2.1 sport=1 dport=53 [UNREPLIED] src=192.0.2.1 dst=192.0.2.9 sport=53 dport=1 use=1
= udp 10.0.0.1:1 > 192.0.2.1:53 state=NEW snat
icmp 1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=1
= icmp 10.0.0.1 > 10.0.0.2 type=8 code=0 state=ESTABLISHED
ipv6 10 udp 17 8 src=fe80::1 dst=2001:db8::2 sport=1 dport=53 src=2001:db8::2 dst=fe80::1 sport=53 dport=1 use=1
= udp [fe80::1]:1 > [2001:db8::2]:53 state=ESTABLISHED
unknown 112 598 src=10.0.0.1 dst=224.0.0.18 [UNREPLIED] src=224.0.0.18 dst=10.0.0.1 mark=0 use=1
= 112 10.0.0.1 > 224.0.0.18 state=NEW
in=eth0 state=INVALID udp 17 9 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 use=1
= in=eth0 udp 10.0.0.1:1 > 10.0.0.2:2 state=INVALID
"""  # noqa: E501 - lines as they are printed

TCPDUMP = """\
12:34:56.789012 IP 203.0.113.7.40000 > 192.0.2.10.80: Flags [S], seq 1, win 64240, options [mss 1460], length 0
= tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=SYN
IP 192.0.2.10.80 > 203.0.113.7.40000: Flags [S.], seq 1, ack 2, length 0
= tcp 192.0.2.10:80 > 203.0.113.7:40000 flags=SYN,ACK
IP 192.0.2.10.80 > 203.0.113.7.40000: Flags [none], win 512, length 0
= tcp 192.0.2.10:80 > 203.0.113.7:40000 flags=NONE
IP6 2001:db8::1.40000 > 2001:db8::2.443: Flags [FPU], seq 1
= tcp [2001:db8::1]:40000 > [2001:db8::2]:443 flags=FIN,PSH,URG
2026-01-01 12:00:00.0 eth0  In  IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 1, seq 1, length 64
= in=eth0 icmp 192.0.2.1 > 192.0.2.2 type=echo-request
12:00:00.0 eth0  B   IP 192.0.2.1.68 > 255.255.255.255.67: BOOTP/DHCP, Request
= in=eth0 udp 192.0.2.1:68 > 255.255.255.255:67 pkttype=broadcast
12:00:00.0  In IP 192.0.2.1.4000 > 192.0.2.2.53: 12345+ A? example.com. (29)
= udp 192.0.2.1:4000 > 192.0.2.2:53
12:00:00.0 eth1  Out ifindex 2 02:00:00:00:00:10 ethertype IPv4 (0x0800), length 80: 192.0.2.1.5 > 192.0.2.2.6: UDP, length 4
= out=eth1 udp 192.0.2.1:5 > 192.0.2.2:6 mac=02:00:00:00:00:10
12:34:56.7 02:00:00:00:00:01 > 02:00:00:00:00:10, ethertype IPv4 (0x0800), length 74: (tos 0x10, ttl 64, id 5, offset 0, flags [DF], proto TCP (6), length 60)
    203.0.113.7.40000 > 192.0.2.10.80: Flags [P.], cksum 0x1 (correct), seq 1:2, ack 1, win 64240, length 20
= tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=PSH,ACK tos=0x10 ttl=64 length=60 mac=02:00:00:00:00:01
IP6 (class 0x20, flowlabel 0x1, hlim 63, next-header UDP (17) payload length: 40) ::1.5 > ::2.6: UDP, length 32
= udp [::1]:5 > [::2]:6 tos=0x20 ttl=63 length=80
IP (tos 0x0, ttl 64, id 1, offset 1480, flags [none], proto UDP (17), length 548) 10.0.0.1 > 10.0.0.2: ip-proto-17
= udp 10.0.0.1 > 10.0.0.2 fragment tos=0 ttl=64 length=548
IP6 fe80::1 > ff02::1:ff00:1: ICMP6, neighbor solicitation, who has 2001:db8::1, length 32
= icmp fe80::1 > ff02::1:ff00:1 type=neighbour-solicitation
IP 192.0.2.1 > 192.0.2.2: ICMP 192.0.2.1 udp port 53 unreachable, length 36
= icmp 192.0.2.1 > 192.0.2.2 type=port-unreachable
IP 192.0.2.1 > 192.0.2.2: ICMP 10.0.0.9 unreachable - need to frag (mtu 1300), length 556
= icmp 192.0.2.1 > 192.0.2.2 type=fragmentation-needed
IP 10.0.0.1 > 10.0.0.2: GREv0, length 40: IP 1.2.3.4.5 > 4.3.2.1.6: UDP, length 3
= gre 10.0.0.1 > 10.0.0.2
IP 10.0.0.1 > 224.0.0.22: igmp v3 report, 1 group record(s)
= igmp 10.0.0.1 > 224.0.0.22
IP 10.0.0.1 > 10.0.0.2: ip-proto-250 20
= 250 10.0.0.1 > 10.0.0.2
in=eth0 state=RELATED flags=RST IP 1.2.3.4.5 > 5.6.7.8.9: Flags [S]
= in=eth0 tcp 1.2.3.4:5 > 5.6.7.8:9 flags=RST state=RELATED
"""  # noqa: E501 - lines as they are printed


def pairs(text: str) -> list[tuple[str, str]]:
    """What was captured (more than one line, if the program printed so), and our words."""
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    for line in text.splitlines():
        if line.startswith("= "):
            found.append(("\n".join(waiting), line[2:]))
            waiting.clear()
        else:
            waiting.append(line)
    return found
