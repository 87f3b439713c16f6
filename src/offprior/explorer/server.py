"""A Bokeh server for one run: the loopback unless told otherwise, and pages that share nothing but the models."""

import contextlib
import errno
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server
from tornado.platform.asyncio import BaseAsyncIOLoop

from offprior.commands.stored_run import Run
from offprior.compute.devices import cores
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.explorer.answers import Answerer
from offprior.explorer.page import Page

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_MESSAGE = 1 << 20
"""Bytes of a websocket message; a CSV file is the largest."""


def _say(text: str) -> None:
    print(text, flush=True)  # the server goes on for as long as it is wanted, and whoever started it may read a pipe


def explore(
    folder: Path,
    beside: Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 5006,
    opens_browser: bool = True,
    say: Callable[[str], None] = _say,
) -> None:
    """Serve a run's page until Ctrl-C or SIGTERM; `beside` is a second run, whose model is drawn too.

    Raises:
        OffpriorError: the run is not pretrained, or its inputs have several numbers; the port is taken.
    """
    answerer = Answerer(Run(folder), None if beside is None else Run(beside))
    server = made(answerer, host, port)
    say("compiling what a page asks for")
    answerer.compile()
    shown = "localhost" if host in LOOPBACK else host
    address = f"http://{shown}:{server.port}/"
    if host not in LOOPBACK:
        say(
            f"--host {host}: everybody who reaches this machine on port {server.port} can use its processor, read this "
            "run's curves and its folder's name; nothing is encrypted"
        )
    if opens_browser:
        server.io_loop.add_callback(server.show, "/")
    try:
        _end_on_request(server)
        say(f"ready: {address}  (Ctrl-C ends it)")
        server.io_loop.start()
        say("ended")
    except KeyboardInterrupt:
        say("ended")
    finally:
        server.stop()
        answerer.looks.close()


def _end_on_request(server: Server) -> None:
    """Ctrl-C ends it, and so does SIGTERM, also where a script put it into the background, deaf to the first."""
    loop = cast(BaseAsyncIOLoop, server.io_loop)
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; a thread of somebody else's
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.asyncio_loop.add_signal_handler(number, loop.stop)


def made(answerer: Answerer, host: str = "127.0.0.1", port: int = 0) -> Server:
    """The server, listening; `port` 0 takes one that is free.

    Raises:
        OffpriorError: the port is taken, or the address is not this machine's.
    """
    threads = ThreadPoolExecutor(max(1, cores()))

    def page(document: Document) -> None:
        request = getattr(document.session_context, "request", None)
        given = request.arguments if request is not None else {}
        arguments = {
            name: values[-1].decode("utf-8", "replace")
            for name, values in given.items()
            if not name.startswith("bokeh-")
        }
        Page(document, answerer, threads, arguments)

    try:
        port = port or _free(host)
        server = Server(
            {"/": Application(FunctionHandler(page))},
            address=host,
            port=port,
            allow_websocket_origin=[f"{name}:{port}" for name in _names(host)],
            websocket_max_message_size=LARGEST_MESSAGE,
            check_unused_sessions_milliseconds=5_000,
            unused_session_lifetime_milliseconds=15_000,
        )
    except OSError as error:
        is_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        message = f"{host}:{port} cannot be listened on: {error.strerror}"
        raise SettingError(Problem("--host" if is_host else "--port", message)) from None
    except ValueError as error:
        raise OffpriorError(f"--host {host}: {error}") from None
    server.start()
    return server


def _names(host: str) -> set[str]:
    """What an address that may open a websocket begins with: pages of other sites may not."""
    own = {"localhost", "127.0.0.1"}
    return own if host in LOOPBACK else own | {host, socket.gethostname(), socket.getfqdn()}


def _free(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
