"""Names of files, and ids in a page."""

import re


def slug(text: str) -> str:
    """A name for a file, and an id in a page."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
