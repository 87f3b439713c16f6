"""The address that a page's server listens on, and who may talk to it."""

import socket

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def names_of(host: str) -> set[str]:
    """Returns the host names under which a page may talk to its server; pages of other sites may not."""
    own = {"localhost", "127.0.0.1"}
    return own if host in LOOPBACK else own | {host, socket.gethostname(), socket.getfqdn()}


def free_port(host: str) -> int:
    """Returns a port that nothing listens on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def address_of(host: str, port: int) -> str:
    """Returns the address of the page, to be opened in a browser."""
    return f"http://{'localhost' if host in LOOPBACK else host}:{port}/"


def exposure_of(host: str, port: int) -> str:
    """Says what an address other than the loopback exposes."""
    return (
        f"--host {host}: everybody who reaches this machine on port {port} can use its processor, read this "
        "run's curves and its folder's name; nothing is encrypted"
    )


def say(text: str) -> None:
    """Prints a message at once: the server keeps running, and its output may be a pipe."""
    print(text, flush=True)
