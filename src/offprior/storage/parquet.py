"""Tables in Parquet files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from offprior.storage.files import beside


def write_parquet(path: Path, rows: pd.DataFrame) -> None:
    """Writes `rows`; the file appears whole or not at all."""
    with beside(path) as partial:
        rows.to_parquet(partial, engine="pyarrow", compression="zstd", index=False)


def read_parquet(path: Path, **wanted: Sequence[object]) -> pd.DataFrame:
    """Reads a file that `write_parquet` wrote; `column=[...]` selects the rows that have one of the values there."""
    filters = [(column, "in", list(values)) for column, values in wanted.items()]
    return pd.read_parquet(path, engine="pyarrow", filters=filters or None)


def concatenated(path: Path, parts: Sequence[tuple[Path, dict[str, object]]]) -> None:
    """Writes the rows of several files as one, each with extra constant columns, which come first.

    A column that a file lacks is empty there. Only one of the files is held in memory at a time.
    """
    schemas = [_schema(pq.read_schema(part), further) for part, further in parts]
    common = pa.unify_schemas(schemas, promote_options="permissive")
    with beside(path) as partial, pq.ParquetWriter(partial, common, compression="zstd") as writer:
        for part, further in parts:
            table = pq.read_table(part)
            for number, (name, value) in enumerate(further.items()):
                column = pa.array([value] * len(table), common.field(name).type)
                table = table.add_column(number, common.field(name), column)
            columns = [
                table.column(field.name).cast(field.type)
                if field.name in table.column_names
                else pa.nulls(len(table), field.type)
                for field in common
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=common))


def _schema(schema: pa.Schema, further: dict[str, object]) -> pa.Schema:
    first = [pa.field(name, pa.scalar(value).type) for name, value in further.items()]
    return pa.schema([*first, *(field for field in schema)])
