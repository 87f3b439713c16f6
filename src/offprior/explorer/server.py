"""A Bokeh server for one run, on the loopback address by default; its pages share only the models."""

import contextlib
import errno
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server
from tornado.platform.asyncio import BaseAsyncIOLoop

from offprior.compute.devices import cores
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.explorer.answers import Answerer
from offprior.explorer.judged_predictor import Shown
from offprior.explorer.listening import LOOPBACK, address_of, exposure_of, free_port, names_of
from offprior.explorer.listening import say as _say
from offprior.explorer.page import Page

LARGEST_MESSAGE = 1 << 20
"""The most bytes of a websocket message, of which CSV files are the largest."""


def explore(
    run: Shown,
    beside: Shown | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 5006,
    opens_browser: bool = True,
    say: Callable[[str], None] = _say,
) -> None:
    """Serves a run's page until Ctrl-C or SIGTERM.

    Args:
        run: the run, or a predictor in its place.
        beside: a second run, whose model is drawn too.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        opens_browser: whether to open the page in a browser.
        say: the function that receives messages.

    Raises:
        OffpriorError: the run is not pretrained, or its inputs have several dimensions; the port is taken.
    """
    answerer = Answerer(run, beside)
    server = made(answerer, host, port)
    say("compiling the computations of a page")
    answerer.compile()
    if host not in LOOPBACK:
        say(exposure_of(host, cast(int, server.port)))
    if opens_browser:
        server.io_loop.add_callback(server.show, "/")
    try:
        _end_on_request(server)
        say(f"ready: {address_of(host, cast(int, server.port))}  (Ctrl-C stops it)")
        server.io_loop.start()
        say("ended")
    except KeyboardInterrupt:
        say("ended")
    finally:
        server.stop()
        answerer.looks.close()


def _end_on_request(server: Server) -> None:
    """Stops the server on Ctrl-C and on SIGTERM, also if a script started it in the background with Ctrl-C ignored."""
    loop = cast(BaseAsyncIOLoop, server.io_loop)
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # fails on Windows and in other threads
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.asyncio_loop.add_signal_handler(number, loop.stop)


def made(answerer: Answerer, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Returns a listening server.

    Args:
        answerer: the answers of the run.
        host: the address to listen on.
        port: the port; 0 takes a free one.

    Raises:
        OffpriorError: the port is taken, or the address does not belong to this machine.
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
        port = port or free_port(host)
        server = Server(
            {"/": Application(FunctionHandler(page))},
            address=host,
            port=port,
            allow_websocket_origin=[f"{name}:{port}" for name in names_of(host)],
            websocket_max_message_size=LARGEST_MESSAGE,
            check_unused_sessions_milliseconds=5_000,
            unused_session_lifetime_milliseconds=15_000,
        )
    except OSError as error:
        is_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        message = f"cannot listen on {host}:{port}: {error.strerror}"
        raise SettingError(Problem("--host" if is_host else "--port", message)) from None
    except ValueError as error:
        raise OffpriorError(f"--host {host}: {error}") from None
    server.start()
    return server
