"""Tables in Parquet files."""

from pathlib import Path

import pandas as pd

from offprior.files import beside


def write_parquet(path: Path, rows: pd.DataFrame) -> None:
    """Write `rows`; the file appears whole or not at all."""
    with beside(path) as partial:
        rows.to_parquet(partial, engine="pyarrow", compression="zstd", index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """The rows of a file that `write_parquet` wrote."""
    return pd.read_parquet(path, engine="pyarrow")
