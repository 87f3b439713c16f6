"""Names of files and ids in a page."""

import re


def slug(text: str) -> str:
    """Turns a text into a name that is valid for a file and as an id in a page."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
