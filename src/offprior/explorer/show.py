"""What `offprior explore` does: a page on which points can be dragged, with a server or as one file."""

from pathlib import Path

from offprior.errors import OffpriorError


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
        OffpriorError: `static` is given with a second run; Bokeh, which the server needs, is not installed; a run
            cannot be read.
    """
    if static is not None:
        if beside is not None:
            raise OffpriorError("--static: a page without a server shows only one run; leave out the second")
        from offprior.explorer.static_page import write_static_page

        write_static_page(run, static)
        return
    try:
        from offprior.explorer.server import explore as serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "bokeh":
            raise
        hint = "pip install 'offprior[explore]', or write the page as one file with --static FILE"
        raise OffpriorError(f"explore: needs Bokeh, which is not installed; {hint}") from None

    serve(run, beside, host=host, port=port, opens_browser=opens_browser)
