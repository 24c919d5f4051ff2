"""Where the firewall and its neighbours live: three namespaces in a triangle, and who has which address.

    outside ── eth0 ── host ── eth1 ── inside        host: the firewall, as a server and as a router
       └────────────── transit ──────────┘           transit: 1300 bytes wide, seen by no rule of the host

Knows nothing of rulesets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .namespaces import Namespace, inside, namespace, run

TRANSIT_MTU = 1300


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who sends and receives: the namespace he lives in and his address in both families."""

    place: str
    v4: str
    v6: str

    def address(self, family: int) -> str:
        """The address as text."""
        return self.v4 if family == 4 else self.v6


PARTIES = {
    "host": Party("host", "192.0.2.10", "2001:db8:2::10"),
    "host2": Party("host", "192.0.2.11", "2001:db8:2::11"),
    "leg": Party("host", "10.0.0.254", "2001:db8:a::254"),  # the host's address on eth1
    "gateway": Party("outside", "192.0.2.1", "2001:db8:2::1"),
    "remote": Party("outside", "203.0.113.77", "2001:db8:77::77"),
    "refused": Party("outside", "198.51.100.66", "2001:db8:66::66"),
    "asymmetric": Party("outside", "203.0.113.99", "2001:db8:99::99"),  # comes by eth0, is answered by eth1
    "distant": Party("inside", "203.0.113.200", "2001:db8:200::200"),  # behind outside and the narrow transit
    "server": Party("inside", "10.0.0.5", "2001:db8:a::5"),
    "lan": Party("inside", "10.0.0.9", "2001:db8:a::9"),
}

LINKS = (  # one end: (namespace, device, mac); the other end likewise
    (("host", "eth0", "02:00:00:00:00:10"), ("outside", "near0", "02:00:00:00:00:01")),
    (("host", "eth1", "02:00:00:00:01:10"), ("inside", "near1", "02:00:00:00:01:05")),
    (("outside", "transit", "02:00:00:00:02:01"), ("inside", "transit", "02:00:00:00:02:02")),
)

DEVICES = {"host": "eth0", "host2": "eth0", "leg": "eth1", "gateway": "near0", "remote": "near0", "refused": "near0",
           "asymmetric": "near0", "distant": "transit", "server": "near1", "lan": "near1"}  # fmt: skip

ROUTES = {  # namespace: (destination, gateway party, device, rest)
    "host": (("default", "gateway", "eth0", ""), ("asymmetric", "server", "eth1", "")),
    "outside": (("inside", "host", "near0", ""), ("distant", "far", "transit", f"mtu {TRANSIT_MTU}")),
    "inside": (("default", "leg", "near1", ""), ("asymmetric", "near", "transit", "")),
}
TRANSIT = {
    "near": Party("outside", "198.18.0.1", "2001:db8:f::1"),
    "far": Party("inside", "198.18.0.2", "2001:db8:f::2"),
}
INSIDE = Party("inside", "10.0.0.0/24", "2001:db8:a::/64")

SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_msgs_per_sec": "100000",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv4/tcp_max_tw_buckets": "0",  # a closed connection leaves nothing that answers in the next case
}


@dataclass(frozen=True, slots=True)
class Site:
    """The three namespaces, up and routed."""

    host: Namespace
    outside: Namespace
    inside: Namespace

    def place(self, name: str) -> Namespace:
        """The namespace called host, outside or inside."""
        return {"host": self.host, "outside": self.outside, "inside": self.inside}[name]

    def home(self, party: str) -> Namespace:
        """The namespace in which a party lives."""
        return self.place(PARTIES[party].place)


@contextmanager
def site() -> Iterator[Site]:
    """A fresh Site; all of it is gone afterwards. Takes about a tenth of a second."""
    with namespace("host") as host, namespace("outside") as outside, namespace("inside") as lan:
        made = Site(host, outside, lan)
        for here, there in LINKS:
            _connect(made, here, there)
        for name in ("host", "outside", "inside"):
            _configure(made, name)
        yield made


def _connect(made: Site, here: tuple[str, str, str], there: tuple[str, str, str]) -> None:
    (near, device, mac), (far, peer, peer_mac) = here, there
    command = (
        f"link add {device} address {mac} type veth peer name {peer} address {peer_mac} netns {made.place(far).path}"
    )
    run(made.place(near), "ip", *command.split())


def _configure(made: Site, name: str) -> None:
    place = made.place(name)
    with inside(place):
        for key, value in SYSCTLS.items():
            path = Path("/proc/sys", key)
            if path.exists():
                path.write_text(value)
    for family in (4, 6):
        lines = [*_addresses(name, family), *_neighbours(name, family), *_routes(name, family)]
        run(place, "ip", f"-{family}", "-batch", "-", text="\n".join(lines) + "\n")


def _addresses(name: str, family: int) -> Iterator[str]:
    for link in LINKS:
        for device in (device for place, device, _ in link if place == name):
            yield f"link set dev {device} addrgenmode none"  # no chatter about link-local addresses in the counters
            yield f"link set dev {device} up"
    for key, party in {**PARTIES, **TRANSIT}.items():
        if party.place == name:
            device = DEVICES.get(key, "transit")
            on_link = key not in ("remote", "refused", "asymmetric", "distant")
            length = {4: 24, 6: 64} if on_link else {4: 32, 6: 128}
            nodad = "" if family == 4 else " nodad"
            yield f"address add {party.address(family)}/{length[family]} dev {device}{nodad}"


def _neighbours(name: str, family: int) -> Iterator[str]:
    """Permanent ones: no ruleset under test can break a flow by dropping neighbour discovery."""
    for (place, device, mac), (other, peer, peer_mac) in LINKS:
        for end, end_device, far, far_device, far_mac in (
            (place, device, other, peer, peer_mac),
            (other, peer, place, device, mac),
        ):
            if end == name:
                yield from (
                    f"neighbour replace {party.address(family)} lladdr {far_mac} dev {end_device} nud permanent"
                    for key, party in {**PARTIES, **TRANSIT}.items()
                    if party.place == far and DEVICES.get(key, "transit") == far_device
                )


def _routes(name: str, family: int) -> Iterator[str]:
    known = {**PARTIES, **TRANSIT, "inside": INSIDE}
    for destination, gateway, device, rest in ROUTES[name]:
        target = known[destination].address(family) if destination in known else destination
        yield f"route add {target} via {known[gateway].address(family)} dev {device} {rest}"
    if name == "inside":
        distant = PARTIES["distant"].address(family)
        yield f"route add default via {known['near'].address(family)} dev transit table 200"
        yield f"rule add from {distant} lookup 200"
