"""What `offprior explore` does: a page on which points are dragged or tokens typed, with a server or as one file."""

from pathlib import Path

from offprior.adapters.declared import Declared
from offprior.commands.stored_run import Run
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.explorer.judged_predictor import JudgedPredictor, is_predictor


def show(
    what: str,
    beside: str | None,
    *,
    host: str,
    port: int,
    opens_browser: bool = True,
    static: Path | None = None,
    recipe: str | None = None,
    declared: Declared | None = None,
) -> None:
    """Serves the page of a run or a predictor until it is interrupted, or writes a run's page as one file.

    Args:
        what: a run's folder, or the name or address of a predictor.
        beside: a second run or predictor to compare with.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        opens_browser: whether to open the page in a browser.
        static: the file to write instead of serving the page.
        recipe: the recipe whose mixture draws the prompts of a predictor; by default that of a run beside it, or
            `mueller-2023`.
        declared: what the user says about predictors at addresses.

    Raises:
        OffpriorError: `static` is given with a second run or a predictor; a library that the server needs is not
            installed; a run cannot be read; one of two runs is on tokens, or a page of tokens is to be one file; there
            is no such predictor, or `recipe` is given without one.
    """
    given = [each for each in (what, beside) if each is not None]
    runs = [each for each in given if not is_predictor(each)]
    if recipe is not None and len(runs) == len(given):
        raise SettingError(Problem("--recipe", "a run has its own recipe; leave out --recipe", what))
    if static is not None and len(runs) < len(given):
        raise SettingError(Problem("--static", "a page without a server holds the network of a run; leave it out"))
    on_tokens = [each for each in runs if Run(each).recipe.mixture.vocabulary]
    if on_tokens:
        if static is not None or beside is not None:
            option = "--static" if static is not None else "explore"
            message = "a page of token processes needs a server and shows one run: offprior explore RUN"
            raise SettingError(Problem(option, message, on_tokens[0]))
        _explore_tokens(Path(what), host, port, opens_browser)
        return
    if static is not None:
        if beside is not None:
            raise OffpriorError("--static: a page without a server shows only one run; leave out the second")
        from offprior.explorer.static_page import write_static_page

        write_static_page(Path(what), static)
        return
    try:
        from offprior.explorer.server import explore as serve
    except ModuleNotFoundError as error:
        hint = ", or write the page as one file with --static FILE" if len(runs) == len(given) else ""
        raise _missing(error, {"bokeh": "Bokeh"}, hint) from None

    of = recipe or (runs[0] if runs else None)
    shown = [JudgedPredictor(each, of, declared) if is_predictor(each) else Run(each) for each in given]
    serve(*shown, host=host, port=port, opens_browser=opens_browser)


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
