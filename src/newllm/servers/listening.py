"""Bind a port of this machine, or say in one line why not."""

import errno
import ipaddress
import socket

from newllm.errors import UserError


def bind(host: str, port: int, *, tries: int = 1, waiting: int) -> socket.socket:
    """Return a socket that listens at the port, or at one of the next.

    Args:
        host: address to bind to.
        port: the first to try; 0 takes any.
        tries: how many ports.
        waiting: how many connections may wait that nobody has taken yet.

    Raises:
        UserError: there is no such address, or no free port.
    """
    try:
        family, *_, first = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise UserError(f"--host {host}: there is no such address: 127.0.0.1 is this machine alone") from error
    for number in range(port, port + tries) if port else [0]:
        if number > 65535:
            break
        # The protocol is named so that asyncio sets TCP_NODELAY: else a piece of a stream waits 40 ms for the last one.
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((first[0], number, *first[2:]))
            found.listen(waiting)  # at once: until then another server could bind the same port
        except OSError as error:
            found.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise UserError(f"--host {host} cannot be bound ({error.strerror}): 127.0.0.1 is safe") from error
            continue
        return found
    if tries == 1:
        raise UserError(f"--port {port} is in use, or not yours to take: choose another (0 takes any)")
    raise UserError(f"--port {port}: neither it nor one of the {tries} after it is free: choose another")


def is_local(host: str) -> bool:
    """Say whether an address is one that only this machine can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(host: str, port: int) -> str:
    """Return the address of a server that is bound to a host, as others may call it."""
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"
