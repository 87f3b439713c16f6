"""A server for the page of a run on tokens, on the loopback address by default; its pages share only the models."""

import asyncio
import contextlib
import errno
import json
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from offprior.commands.stored_run import Run
from offprior.compute.devices import cores
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.explorer.listening import LOOPBACK, address_of, exposure_of, names_of, say
from offprior.explorer.token_answers import TokenAnswerer
from offprior.explorer.token_page import SCRIPTS, page_of, told
from offprior.explorer.token_state import from_settings

SERVED = ("plot.js", "token_plots.js", "token_page.js")
LARGEST_REQUEST = 1 << 16
"""The most bytes of a request."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def explore_tokens(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 5006,
    opens_browser: bool = True,
    say: Callable[[str], None] = say,
) -> None:
    """Serves the page of a run on tokens until Ctrl-C or SIGTERM.

    Args:
        folder: the run's folder.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        opens_browser: whether to open the page in a browser.
        say: the function that receives messages.

    Raises:
        OffpriorError: the run is not pretrained, or is a study; the port is taken.
    """
    answerer = TokenAnswerer(Run(folder))
    with contextlib.closing(_listening(host, port)) as listener:
        port = listener.getsockname()[1]
        say("compiling the computations of a page")
        answerer.compile()
        if host not in LOOPBACK:
            say(exposure_of(host, port))
        address = address_of(host, port)
        if opens_browser:
            webbrowser.open(address)
        say(f"ready: {address}  (Ctrl-C stops it)")
        ends = threading.Event()
        warming = threading.Thread(target=answerer.warm, args=(ends.is_set,), name="warm")
        warming.start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(_serve(app_of(answerer, host), listener))
        finally:
            ends.set()
            warming.join()  # a process that ends within a computation would end with an error
        say("ended")


async def _serve(app: Starlette, listener: socket.socket) -> None:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2))
    # uvicorn raises the signal again once it has ended, which would end the process with an error.
    server.capture_signals = contextlib.nullcontext  # pyright: ignore[reportAttributeAccessIssue]
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # fails on Windows and in other threads
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    await server.serve(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """Returns a socket that listens.

    Raises:
        OffpriorError: the port is taken, or the address does not belong to this machine.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        is_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        message = f"cannot listen on {host}:{port}: {error.strerror}"
        raise SettingError(Problem("--host" if is_host else "--port", message)) from None


def app_of(answerer: TokenAnswerer, host: str = "127.0.0.1") -> Starlette:
    """Returns the application: the page, its scripts, and the answers to a state."""
    turns = threading.BoundedSemaphore(max(1, cores()))
    families = tuple(answerer.mixture.family_names)
    probes = tuple(answerer.sources.strengths)
    page = page_of(answerer)

    def show(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    def script(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in SERVED:
            return Response(status_code=404)
        return Response((SCRIPTS / name).read_text(encoding="utf-8"), media_type="text/javascript")

    def answered(settings: dict[str, Any], is_further: bool) -> Response:
        try:
            state = from_settings(settings, answerer.vocabulary, families, probes, answerer.longest)
            with turns:
                if is_further:
                    return JSONResponse(told(answerer, state, *answerer.further(state)))
                return JSONResponse(told(answerer, state, answerer.answer(state)))
        except OffpriorError as error:
            # Typing passes through such prompts; any other status would be a line in the browser's console.
            return JSONResponse({"error": str(error)})

    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return JSONResponse({"error": "a page of another address cannot ask here"}, status_code=403)
        # Any other type could be sent by another site's page without asking first.
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "a request is JSON"}, status_code=415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_REQUEST:
                return JSONResponse({"error": f"a request has at most {LARGEST_REQUEST} bytes"}, status_code=413)
        try:
            settings = json.loads(body)
        except (ValueError, RecursionError):
            settings = None
        if not isinstance(settings, dict):
            return JSONResponse({"error": "a request is a JSON object of settings"}, status_code=400)
        return await run_in_threadpool(answered, settings, request.url.path == "/further")

    routes = [
        Route("/", show),
        Route("/static/{name}", script),
        Route("/answer", answer, methods=["POST"]),
        Route("/further", answer, methods=["POST"]),
    ]
    hosts = [f"[{name}]" if ":" in name else name for name in names_of(host)]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])
