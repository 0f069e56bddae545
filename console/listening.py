"""The socket the console listens on: bound first, so that a busy port is said at once."""

import errno
import socket


class Unbound(Exception):
    """The address cannot be listened on; the text names it and the cure. `busy`: another process has it."""

    def __init__(self, text: str, busy: bool = False) -> None:
        super().__init__(text)
        self.busy = busy


def address(bind: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, [IPv6]:PORT or a port alone. Raises Unbound."""
    host, _, port = bind.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise Unbound(f"--bind {bind!r} is no address: take HOST:PORT, for example 127.0.0.1:8020")
    return host.strip("[]") or "127.0.0.1", int(port)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that children inherit. Raises Unbound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(2048)
    except OSError as error:
        made.close()
        raise _explained(error, host, port) from None
    made.set_inheritable(True)
    return made


def shown(host: str) -> str:
    """The host as it stands in an address that a person opens."""
    return f"[{host}]" if ":" in host else ("127.0.0.1" if host == "0.0.0.0" else host)  # noqa: S104


def _explained(error: OSError, host: str, port: int) -> Unbound:
    if error.errno == errno.EADDRINUSE:
        return Unbound(
            f"port {port} of {host} is busy: another process listens there. Stop it, or take another port "
            f"with --bind {host}:{port + 1} (`ss -ltnp` tells which process it is)",
            busy=True,
        )
    if error.errno == errno.EACCES:
        return Unbound(f"port {port} may not be used by this user: take one above 1023, for example 8020")
    return Unbound(f"cannot listen on {host}:{port}: {error.strerror or error}")
