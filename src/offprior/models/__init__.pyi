# Written by scripts/write_stubs.py; `make format` writes it again.
from offprior.models.transformer import Transformer as Transformer
