"""Tables in Parquet files, written beside and renamed."""

import os
from pathlib import Path

import pandas as pd


def write_parquet(path: Path, rows: pd.DataFrame) -> None:
    """Write `rows`; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        rows.to_parquet(beside, engine="pyarrow", compression="zstd", index=False)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_parquet(path: Path) -> pd.DataFrame:
    """The rows of a file that `write_parquet` wrote."""
    return pd.read_parquet(path, engine="pyarrow")
