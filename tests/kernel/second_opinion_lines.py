"""Rules for every kind of match and target that iptables-legacy 1.8.9 loads without objects made elsewhere."""

from __future__ import annotations

LINES = {
    "filter": """
-A INPUT -i lo -j ACCEPT
-A FORWARD ! -i eth+ -o eth1 -j DROP
-A INPUT -s 192.0.2.0/24 -p tcp --dport 22 -m state --state NEW,ESTABLISHED -j ACCEPT
-A INPUT ! -s 192.0.2.7 -d 198.51.100.0/255.255.255.0 -j DROP
-A INPUT -p tcp -m tcp ! --sport 1024:65535 --dport :1023 -j DROP
-A INPUT -p tcp --syn -j DROP
-A INPUT -p tcp ! --tcp-flags ALL NONE -j DROP
-A INPUT -p tcp --tcp-option 8 -j DROP
-A INPUT -p udp --source-port 53 -j ACCEPT
-A INPUT -p sctp --dport 3868 -j ACCEPT
-A INPUT -p icmp --icmp-type echo-request -j ACCEPT
-A INPUT ! -p icmp -j DROP
-A INPUT -f -j DROP
-A INPUT -p tcp -m multiport --dports 80,443,8000:8080 -j WEB
-A INPUT -p udp -m multiport ! --ports 53,123 -g WEB
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
-A INPUT -m conntrack ! --ctproto tcp --ctorigsrc 192.0.2.0/24 --ctdir ORIGINAL -j ACCEPT
-A INPUT -m conntrack --ctstatus ASSURED,CONFIRMED --ctexpire 10:20 -j ACCEPT
-A INPUT -m iprange --src-range 192.0.2.1-192.0.2.9 -j ACCEPT
-A INPUT -m limit --limit 60/minute --limit-burst 7 -j ACCEPT
-A INPUT -p tcp -m connlimit --connlimit-above 20 --connlimit-mask 24 -j REJECT --reject-with tcp-reset
-A INPUT -m hashlimit --hashlimit-above 10/sec --hashlimit-mode srcip,dstport --hashlimit-name web -j DROP
-A INPUT -m recent --name bad --rcheck --seconds 60 --hitcount 4 -j DROP
-A INPUT -m recent --set --name bad
-A INPUT -m string --string foo --algo bm --to 65535 -j DROP
-A INPUT -m string --algo kmp --hex-string "|0d0a|" --from 10 -j DROP
-A INPUT -m time --timestart 08:00 --timestop 18:00 --weekdays Mon,Tue -j ACCEPT
-A INPUT -m addrtype --dst-type BROADCAST,MULTICAST -j DROP
-A OUTPUT -m owner --uid-owner 33 ! --gid-owner 0-99 -j ACCEPT
-A INPUT -m mac --mac-source 00:11:22:33:44:55 -j ACCEPT
-A INPUT -m mark --mark 0x1/0xff -j ACCEPT
-A INPUT -m connmark ! --mark 7 -j ACCEPT
-A INPUT -m length --length 100:200 -j ACCEPT
-A INPUT -m ttl --ttl-lt 5 -j DROP
-A INPUT -m dscp --dscp-class EF -j ACCEPT
-A INPUT -m tos --tos 0x10 -j ACCEPT
-A INPUT -m pkttype --pkt-type broadcast -j DROP
-A INPUT -m statistic --mode nth --every 4 --packet 1 -j DROP
-A INPUT -m statistic --mode random --probability 0.5 -j DROP
-A INPUT -m helper --helper ftp -j ACCEPT
-A INPUT -m comment --comment "web \\"x\\" 'y' $(id) ; é" -j ACCEPT
-A INPUT -m u32 --u32 "6&0xFF=0x6" -j ACCEPT
-A INPUT -j LOG --log-level 4 --log-prefix "in: " --log-tcp-options --log-uid
-A INPUT -j LOG --log-level debug
-A INPUT -j NFLOG --nflog-group 5 --nflog-prefix "a b"
-A INPUT -j REJECT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j ACCEPT
-A INPUT -j NFQUEUE --queue-num 3 --queue-bypass
-A WEB -j RETURN
""",
    "raw": """
-A PREROUTING -p tcp --dport 80 -j CT --notrack
-A PREROUTING -p udp --dport 53 -j NOTRACK
-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
-A PREROUTING -j CT --zone 3 --ctevents new,destroy
-A PREROUTING -j TRACE
""",
    "mangle": """
-A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu
-A FORWARD -p tcp --syn -j TCPMSS --set-mss 1400
-A PREROUTING -j MARK --set-mark 0x10
-A PREROUTING -j MARK --or-mark 0x4
-A PREROUTING -j CONNMARK --save-mark
-A PREROUTING -j CONNMARK --restore-mark --mask 0xff
-A POSTROUTING -j DSCP --set-dscp 10
-A PREROUTING -j TTL --ttl-set 64
-A PREROUTING -j TOS --set-tos 0x10
-A PREROUTING -p tcp -m socket --transparent -j ACCEPT
-A PREROUTING -p tcp -j TPROXY --on-port 8080 --tproxy-mark 1/1
""",
    "nat": """
-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 192.0.2.8:8080
-A PREROUTING -p tcp --dport 81 -j REDIRECT --to-ports 8081
-A POSTROUTING -o eth0 -j SNAT --to-source 203.0.113.1-203.0.113.4 --persistent
-A POSTROUTING -p udp -j MASQUERADE --to-ports 1024-2047 --random
-A PREROUTING -d 192.0.2.0/24 -j NETMAP --to 198.51.100.0/24
""",
}
LINES_V6 = {
    "filter": """
-A INPUT -s 2001:db8::/32 ! -d 2001:db8::1 -p tcp --dport 443 -j ACCEPT
-A INPUT -p ipv6-icmp --icmpv6-type echo-request -j ACCEPT
-A INPUT -j REJECT --reject-with icmp6-adm-prohibited
-A INPUT -m hl --hl-lt 5 -j DROP
-A INPUT -m rt --rt-type 0 --rt-segsleft 1 -j DROP
-A INPUT -m frag --fragfirst -j DROP
-A INPUT -m ipv6header --header hop-by-hop --soft -j DROP
-A INPUT -m iprange --dst-range 2001:db8::1-2001:db8::9 -j ACCEPT
""",
}
CASES = [
    (family, table, line)
    for family, tables in ((4, LINES), (6, LINES_V6))
    for table, lines in tables.items()
    for line in lines.strip().splitlines()
]


def text_of(table: str, line: str) -> str:
    """A ruleset with this line, and the chain that some lines name."""
    chains = ":WEB - [0:0]\n" if table == "filter" else ""
    return f"*{table}\n{chains}{line}\nCOMMIT\n"
