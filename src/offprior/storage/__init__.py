"""Files on disk, each written whole or not at all: tables, arrays, the folder of a run."""
