"""What `offprior explore` does: a page on which points are dragged or tokens typed, with a server or as one file."""

from pathlib import Path

from offprior.commands.stored_run import Run
from offprior.errors import OffpriorError, Problem, SettingError


def show(
    run: Path, beside: Path | None, *, host: str, port: int, opens_browser: bool = True, static: Path | None = None
) -> None:
    """Serves the page of a run until it is interrupted, or writes it as one file.

    Args:
        run: the run's folder.
        beside: the folder of a second run to compare with.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        opens_browser: whether to open the page in a browser.
        static: the file to write instead of serving the page.

    Raises:
        OffpriorError: `static` is given with a second run; a library that the server needs is not installed; a run
            cannot be read; one of two runs is on tokens, or a page of tokens is to be one file.
    """
    on_tokens = [each for each in (run, beside) if each is not None and Run(each).recipe.mixture.vocabulary]
    if on_tokens:
        if static is not None or beside is not None:
            option = "--static" if static is not None else "explore"
            message = "a page of token processes needs a server and shows one run: offprior explore RUN"
            raise SettingError(Problem(option, message, str(on_tokens[0])))
        _explore_tokens(run, host, port, opens_browser)
        return
    if static is not None:
        if beside is not None:
            raise OffpriorError("--static: a page without a server shows only one run; leave out the second")
        from offprior.explorer.static_page import write_static_page

        write_static_page(run, static)
        return
    try:
        from offprior.explorer.server import explore as serve
    except ModuleNotFoundError as error:
        hint = ", or write the page as one file with --static FILE"
        raise _missing(error, {"bokeh": "Bokeh"}, hint) from None

    serve(run, beside, host=host, port=port, opens_browser=opens_browser)


def _explore_tokens(run: Path, host: str, port: int, opens_browser: bool) -> None:
    try:
        from offprior.explorer.token_server import explore_tokens
    except ModuleNotFoundError as error:
        raise _missing(error, {"starlette": "Starlette", "uvicorn": "uvicorn"}) from None

    explore_tokens(run, host=host, port=port, opens_browser=opens_browser)


def _missing(error: ModuleNotFoundError, libraries: dict[str, str], hint: str = "") -> Exception:
    """Returns an error that says what to install; the given one if something else is missing."""
    library = libraries.get((error.name or "").partition(".")[0])
    if library is None:
        return error
    return OffpriorError(f"explore: needs {library}, which is not installed; pip install 'offprior[explore]'{hint}")
