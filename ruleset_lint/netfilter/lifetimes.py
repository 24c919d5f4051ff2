"""How long the entry of a flow stays when its last packet has passed: which time-out counts. Knows no load, no file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.netfilter.sysctls import VARIABLES, default

_BY_NAME = {variable.name: variable for variable in VARIABLES}
_NOT_SET: Mapping[str, int] = MappingProxyType({})


class Flow(NamedTuple):
    """A kind of flow: its name in a rate ("udp"), the words for it, and the variable that says how long it is kept."""

    name: str
    title: str
    timeout: str
    words: str


FLOWS = (
    # both sides have sent FIN and got the last ACK (nf_conntrack_proto_tcp.c, tcp_conntracks)
    Flow("tcp", "TCP connections that are closed", "tcp_timeout_time_wait", "in TIME_WAIT"),
    # one packet each way is no stream yet (nf_conntrack_proto_udp.c; measured on 6.18: 29 seconds left, not ASSURED)
    Flow("udp", "UDP questions with one answer", "udp_timeout", "after the answer"),
    Flow("udp-stream", "UDP flows of more packets", "udp_timeout_stream", "after the last packet"),
)


def lifetime(flow: Flow, profile: Profile, settings: Mapping[str, int] = _NOT_SET) -> int:
    """Seconds that an entry stays behind its flow's last packet; `settings`, by names of variables, count more."""
    usual = default(_BY_NAME[flow.timeout], profile)
    return settings.get(flow.timeout, usual if isinstance(usual, int) else 0)
