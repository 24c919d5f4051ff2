"""Genuine flows: connections that two honest parties hold with real sockets, and how far they came.

Knows nothing of rulesets and nothing of what should happen.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from .namespaces import inside
from .packets import End, checksum, icmp_error, segment
from .topology import PARTIES, Site

# Seconds without an answer after which a step has failed. Everything happens in one kernel, within a millisecond:
# QUICK is enough unless the machine is busy, PATIENT is for asking again. Both are below a SYN's retransmission (1.0).
QUICK, PATIENT = 0.05, 0.35
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: reset instead of lingering, so nothing is retransmitted into the next case
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
Protocol = Literal["tcp", "udp", "icmp"]
Ending = Literal["fin", "client-reset", "server-reset", "closed", "icmp-error"]


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection: who opens it to whom (names of topology.PARTIES), and how it goes.

    A client port of 0 becomes one of the ephemeral range, the same whenever the same list of flows is played.
    `closed`: nobody listens, the kernel's refusal is the expected answer. `icmp-error`: an error (3/1, IPv6 1/0) about
    the living connection, sent by the client's side, has to reach the server's side. Sizes are in bytes.
    """

    client: str
    server: str
    port: int
    protocol: Protocol = "tcp"
    client_port: int = 0
    ending: Ending = "fin"
    request: int = 20
    answer: int = 200
    answered_by: tuple[str, int] | None = None  # party and port where the server listens, if the firewall translates
    word: str = ""  # what the request begins with; the rest is zeros

    def __str__(self) -> str:
        source = f"{self.client}:{self.client_port}" if self.client_port else self.client
        ending = "" if self.ending == "fin" else f" {self.ending}"
        size = f" {self.request}+{self.answer}" if self.request + self.answer != 220 else ""
        word = f" {self.word!r}" if self.word else ""
        return f"{self.protocol} {source} > {self.server}:{self.port}{ending}{size}{word}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where and how flows are played; patience is in seconds."""

    site: Site
    family: int
    patience: float

    def address(self, party: str) -> str:
        """A party's address in the family that is played."""
        return PARTIES[party].address(self.family)


def play(site: Site, flow: Flow, family: int = 4, client_port: int = 40000, patience: float = QUICK) -> str:
    """Play a flow: "ok", or the step that failed and how, such as "connect: no answer" or "connect: refused".

    `client_port` is used where the flow names none.
    """
    step = "open"
    stage = Stage(site, family, patience)
    steps = {"tcp": _tcp, "udp": _udp, "icmp": _icmp}[flow.protocol](stage, flow, flow.client_port or client_port)
    try:
        while announced := next(steps, None):
            step = announced
    except OSError as error:
        return f"{step}: {_reason(error)}"
    return "ok"


def play_all(site: Site, flows: tuple[Flow, ...], family: int = 4, patience: float = QUICK) -> dict[Flow, str]:
    """Play flows one after the other, each from a client port of its own."""
    return {flow: play(site, flow, family, 40001 + number, patience) for number, flow in enumerate(flows)}


def _reason(error: OSError) -> str:
    match error:
        case TimeoutError():
            return "no answer"
        case ConnectionRefusedError():
            return "refused"
        case PermissionError():
            return "not permitted"  # a local DROP of a datagram is told to its sender
    return error.strerror.lower() if error.strerror else "broken off"


def _open(stage: Stage, party: str, port: int, kind: int, protocol: int = 0) -> socket.socket:
    with inside(stage.site.home(party)):
        made = socket.socket(FAMILIES[stage.family], kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(stage.patience)
    made.bind((stage.address(party), port))
    return made


def _abort(connection: socket.socket) -> None:
    if connection.fileno() < 0:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    connection.close()


def _request(flow: Flow) -> bytes:
    return flow.word.encode().ljust(flow.request, b"\0")


def _receive(connection: socket.socket, count: int) -> None:
    while count > 0:
        data = connection.recv(count)
        if not data:
            raise ConnectionAbortedError
        count -= len(data)


def _tcp(stage: Stage, flow: Flow, client_port: int) -> Iterator[str]:
    """Every step is announced before it is taken."""
    with ExitStack() as open_sockets:
        client = _open(stage, flow.client, client_port, socket.SOCK_STREAM)
        open_sockets.callback(_abort, client)
        listener = None
        if flow.ending != "closed":
            party, port = flow.answered_by or (flow.server, flow.port)
            listener = open_sockets.enter_context(_open(stage, party, port, socket.SOCK_STREAM))
            listener.listen()
        yield "connect"
        try:
            client.connect((stage.address(flow.server), flow.port))
        except ConnectionRefusedError:
            if flow.ending != "closed":
                raise
        if listener is None:
            return
        yield "accept"
        server, _ = listener.accept()
        open_sockets.callback(_abort, server)
        server.settimeout(stage.patience)
        yield "request"
        client.sendall(_request(flow))
        _receive(server, flow.request)
        yield "answer"
        server.sendall(bytes(flow.answer))
        _receive(client, flow.answer)
        yield from _end(stage, flow, client, server)


def _end(stage: Stage, flow: Flow, client: socket.socket, server: socket.socket) -> Iterator[str]:
    match flow.ending:
        case "client-reset" | "server-reset":
            yield flow.ending
            leaver, stayer = (client, server) if flow.ending == "client-reset" else (server, client)
            _abort(leaver)
            _expect(ConnectionResetError, stayer)
        case "icmp-error":
            yield "icmp-error"
            _expect_error(stage, flow, client.getsockname()[1])
        case _:
            yield "client-fin"
            client.shutdown(socket.SHUT_WR)
            _expect_end(server)
            yield "server-fin"
            server.shutdown(socket.SHUT_WR)
            _expect_end(client)


def _expect(broken: type[OSError], connection: socket.socket) -> None:
    try:
        connection.recv(1)
    except broken:
        return
    raise ConnectionAbortedError


def _expect_end(connection: socket.socket) -> None:
    if connection.recv(1):
        raise ConnectionAbortedError


def _expect_error(stage: Stage, flow: Flow, client_port: int) -> None:
    """The client's side tells the server's side, about a packet the server sent, that the host cannot be reached."""
    client, server = (stage.address(party) for party in (flow.client, flow.server))
    token = os.urandom(4)
    quoted = segment(End(server, flow.port), End(client, client_port), flow.protocol, "A", token)
    error = icmp_error(client, server, "unreachable", quoted)
    with inside(stage.site.home(flow.server)):
        watch = socket.socket(
            FAMILIES[stage.family], socket.SOCK_RAW, socket.IPPROTO_ICMP if stage.family == 4 else socket.IPPROTO_ICMPV6
        )
    with watch, _open(stage, flow.client, 0, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
        watch.settimeout(stage.patience)
        sender.sendto(error, (server, 0))
        while token not in watch.recv(4096):
            pass


def _udp(stage: Stage, flow: Flow, client_port: int) -> Iterator[str]:
    with ExitStack() as open_sockets:
        client = open_sockets.enter_context(_open(stage, flow.client, client_port, socket.SOCK_DGRAM))
        client.connect((stage.address(flow.server), flow.port))
        if flow.ending == "closed":
            yield "refusal"
            client.send(_request(flow))
            _expect(ConnectionRefusedError, client)
            return
        server = open_sockets.enter_context(_open(stage, flow.server, flow.port, socket.SOCK_DGRAM))
        for turn in ("", " again"):
            yield f"request{turn}"
            client.send(_request(flow))
            _, address = server.recvfrom(65535)
            yield f"answer{turn}"
            server.sendto(bytes(flow.answer), address)
            client.recv(65535)
        if flow.ending == "icmp-error":
            yield "icmp-error"
            _expect_error(stage, flow, client_port)


def _icmp(stage: Stage, flow: Flow, client_port: int) -> Iterator[str]:
    """An echo; the flow's port is ignored, the client port is the identifier."""
    protocol, request, reply = (socket.IPPROTO_ICMP, 8, 0) if stage.family == 4 else (socket.IPPROTO_ICMPV6, 128, 129)
    with _open(stage, flow.client, 0, socket.SOCK_RAW, protocol) as client:
        body = struct.pack("!BBHHH", request, 0, 0, client_port, 1) + _request(flow)
        message = body[:2] + struct.pack("!H", checksum(body)) + body[4:]  # IPv6: the kernel writes its own
        yield "echo"
        client.sendto(message, (stage.address(flow.server), 0))
        wanted = bytes((reply, 0)), struct.pack("!HH", client_port, 1)
        while True:
            data = client.recv(65535)
            answer = data[(data[0] & 15) * 4 :] if stage.family == 4 else data
            if (answer[:2], answer[4:8]) == wanted:
                return
