"""safety/docker-bypass"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Finding, Fix, Safety, Severity, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.netfilter.services import Service, port_of
from ruleset_lint.netfilter.values import network
from ruleset_lint.packets.roles import TCP, UDP
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.walk import Decision

from . import _shared

_OWN = "DOCKER-USER"
_MOST_LOOKED_AT = 64
_TO = re.compile(r"\[?([0-9a-fA-F.:]+?)\]?:([0-9]+)$")
_NAMES = {number: name for name, number in _shared.PROTOCOLS.items()}


class _Published(NamedTuple):
    """A port that Docker publishes, the rule that translates it, and the one that INPUT refuses it by."""

    service: Service
    rule: Rule
    refusal: Decision
    confidence: Confidence


@rule(Severity.WARNING)
def docker_bypass(ruleset: Ruleset) -> Iterator[Finding]:
    """Published ports of containers are open, although INPUT refuses them

    ## What it does
    Takes each port that Docker's nat chain translates, and sends a first packet from a stranger to it. Speaks where
    INPUT would refuse it and FORWARD lets it pass to the container. Silent where a rule of one's own in FORWARD or
    DOCKER-USER may refuse it, and for ports that are published on the loopback address.

    ## Why is this bad?
    What is translated in PREROUTING is forwarded: it never sees INPUT. The rules there look as if they closed the port,
    and everybody reaches the container.

    ## Example
    ```
    *nat
    -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
    COMMIT
    *filter
    -A INPUT -p tcp -m tcp --dport 8080 -j DROP
    COMMIT
    ```

    ## Use instead
    ```
    -A DOCKER-USER ! -s 192.0.2.0/24 -i eth0 -p tcp -m conntrack --ctorigdstport 8080 -j DROP
    ```
    Or publish the port on an address of one's own: `-p 127.0.0.1:8080:80`.

    ## Fix safety
    Manual: it may be that the port is meant to be open.

    ## Since
    Every release of Docker that makes iptables rules.

    ## Source
    Docker's documentation, "Packet filtering and firewalls"; the hooks' order in include/uapi/linux/netfilter_ipv4.h.
    Measured with iptables 1.8.9 (nft and legacy), kernel 6.18: the connection to the published port comes about.
    """
    if ruleset.fragment or not _shared.filters(ruleset, "INPUT"):
        return
    rules = (made for made in ruleset.where(_translates) if made.table == "nat" and owner_of(made.chain) == "Docker")
    found = [one for made in islice(rules, _MOST_LOOKED_AT) if (one := _published(ruleset, made))]
    if found and _shared.loads(ruleset):
        yield _finding(ruleset, found)


def _translates(shape: Shape) -> bool:
    return shape.target is not None and shape.target.name == "DNAT"


def _published(ruleset: Ruleset, made: Rule) -> _Published | None:
    """The port that a rule publishes, if INPUT refuses it and nobody's own rule judges it in FORWARD."""
    protocol, ports, inside = made.protocol, made.destination_ports, _inside(ruleset, made)
    if protocol is None or protocol.value not in (TCP, UDP) or ports is None or inside is None or _is_local(made):
        return None
    port = ports.value[0][0]
    outside = _shared.opening(ruleset.family, protocol.value, port)
    if _shared.may_pass(ruleset, "INPUT", outside, _shared.ANYBODY):
        return None
    found = _shared.outcome(ruleset, "FORWARD", inside, sources=_shared.ANYBODY)
    judged = any(one.verdict not in _shared.PASSES and one.rule and _is_own(one.rule) for one in found.decisions)
    if judged or not found.may(*_shared.PASSES):
        return None
    refusal = _shared.refusal(_shared.outcome(ruleset, "INPUT", outside, sources=_shared.ANYBODY).decisions)
    confidence = Confidence.PROVEN if found.must(*_shared.PASSES) else Confidence.LIKELY
    return _Published(Service(_NAMES[protocol.value], port), made, refusal, confidence)


def _is_own(made: Rule) -> bool:
    return made.chain == _OWN or owner_of(made.chain) is None


def _is_local(made: Rule) -> bool:
    """Whether the port is published on the loopback address."""
    addresses = made.destination.value if made.destination else ()
    return any(one.address >> 24 == 127 or (made.family == 6 and one.address == 1) for one in addresses)


def _inside(ruleset: Ruleset, made: Rule) -> Sketch | None:
    """The packet as FORWARD sees it, on its way to the container."""
    text = made.option(made.shape.target, "--to-destination")
    found = _TO.match(text) if text else None
    protocol, bridge = made.protocol, made.in_interface
    port = port_of(found[2]) if found else None
    if found is None or port is None or protocol is None:
        return None
    try:
        addresses = network(found[1], ruleset.family)
    except ValueError:
        return None
    sketch = _shared.opening(ruleset.family, protocol.value, port)._replace(destination=addresses[0])
    if bridge and bridge.negated:  # `! -i docker0`: the bridge of the container
        return sketch._replace(not_in=bridge.value, out_interface=bridge.value)
    return sketch


def _finding(ruleset: Ruleset, found: Sequence[_Published]) -> Finding:
    first = found[0]
    sure = all(one.confidence is Confidence.PROVEN for one in found)
    names = ", ".join(dict.fromkeys(str(one.service) for one in found))
    return Finding(
        _shared.decided(ruleset, "INPUT", first.refusal, "seems to refuse it"),
        f"INPUT refuses {names}, and everybody reaches the container behind it all the same",
        related=_shared.places(ruleset, (one.rule for one in found), "published here"),
        help=(f"{first.service} is translated in PREROUTING and forwarded: INPUT is never asked",),
        fix=Fix(f"judge it in {_OWN}, or publish it on an address of your own", safety=Safety.MANUAL),
        confidence=Confidence.PROVEN if sure else Confidence.LIKELY,
    )
