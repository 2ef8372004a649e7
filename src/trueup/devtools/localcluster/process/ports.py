"""Free TCP ports on the loopback address, the same ones again where they are still free."""

import socket

import msgspec

HOST = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True):
    """The ports of a cluster."""

    api: int = 0
    etcd: int = 0
    etcd_peer: int = 0


def choose_ports(previous: Ports) -> Ports:
    """Return free ports: those of `previous` which are, and others in place of those which are not."""
    held: list[socket.socket] = []
    try:
        # All are held until all are chosen, so that none is chosen twice.
        api, etcd, peer = (_hold(port, held) for port in (previous.api, previous.etcd, previous.etcd_peer))
        return Ports(api, etcd, peer)
    finally:
        for each in held:
            each.close()


def _hold(port: int, held: list[socket.socket]) -> int:
    for candidate in (port, 0) if port else (0,):
        probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.append(probe)
        # As the servers do: a port with connections that are only closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, candidate))
        except OSError:
            continue
        chosen: int = probe.getsockname()[1]
        return chosen
    raise OSError("no free TCP port is left on the loopback address")
