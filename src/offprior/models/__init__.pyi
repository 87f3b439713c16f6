# Written by scripts/write_stubs.py; `make format` writes it again.
from offprior.models.digit_transformer import DigitTransformer as DigitTransformer
from offprior.models.transformer import Transformer as Transformer
