"""Causal language models of Hugging Face, asked through text prompts: `hf:PATH(format='lines', decimals=2)`."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from offprior.adapters.bracketed import without_brackets
from offprior.adapters.declared import Declared
from offprior.adapters.one_thread import torch_on_one_thread
from offprior.adapters.text_predictor import TextPredictor
from offprior.adapters.text_prompts import TextFormat, text_format
from offprior.adapters.wrapped import Limits
from offprior.errors import Problem, SettingError, in_a_line

CAPTION = (
    "a causal language model of Hugging Face, a folder or a name of the hub, through text prompts; settings in brackets"
)
EXAMPLE = "hf:PATH(format='lines', decimals=2)"
NEEDS = ("transformers", "torch")
INSTALL = "pip install 'offprior[hf]'"

SETTINGS = ("format", "decimals", "samples", "temperature", "instruction", "dimension")
WIDEST = -10.0
"""The number whose text stands for a long one where the longest context is computed."""
FURTHER_TOKENS = 4
"""Tokens of an answer beyond those of the widest number."""


def load(rest: str, declared: Declared) -> TextPredictor:
    """Returns the language model at a path, with the settings in its brackets.

    Settings: `format` ('lines' or 'delimited'), `decimals`, `samples` (1 decodes greedily; several are drawn, and their
    median and quantiles taken), `temperature`, `instruction` (a text before the pairs) and `dimension` (the numbers of
    an input). The longest context is the one whose text surely fits in the model's positions.

    Raises:
        SettingError: there is no such model, it needs `--trust`, or a setting is mistaken.
    """
    path, settings = without_brackets(rest, SETTINGS, EXAMPLE)
    written = text_format(settings.pop("format", "lines"), settings.pop("decimals", 2), settings.pop("instruction", ""))
    samples = settings.get("samples", 1)
    temperature = settings.get("temperature", 1.0)
    if not isinstance(samples, int) or samples < 1 or not float(temperature) > 0:
        raise SettingError(Problem("", f"{rest}: samples must be at least 1, and temperature above 0"))
    dimension = int(settings.get("dimension", 1))
    model = LanguageModel(*_loaded(path, declared), written, samples, float(temperature))
    return TextPredictor(
        model.complete,
        Path(path).name + rest.removeprefix(path).replace(" ", ""),
        Limits(longest=model.longest(dimension), shortest=0, dimension=dimension),
        written,
        score=model.score,
        trained=declared.trained is not False,
        seed=declared.seed,
        is_strict=declared.strict,
    )


class LanguageModel:
    """A causal language model with its tokenizer, which continues texts and scores answers."""

    def __init__(self, model: Any, tokenizer: Any, written: TextFormat, samples: int = 1, temperature: float = 1.0):
        self.model, self.tokenizer, self.written = model.eval(), tokenizer, written
        self.samples, self.temperature = samples, temperature
        config = model.config
        names = ("max_position_embeddings", "n_positions", "n_ctx")
        found = [getattr(config, name, None) for name in names]
        self.positions = min((value for value in found if isinstance(value, int) and value > 0), default=None)
        self.answer = len(self._ids(written.output(WIDEST * 10), special=False)) + FURTHER_TOKENS

    def longest(self, dimension: int) -> int | None:
        """Returns the most pairs whose text fits in the model's positions with a query and its answer."""
        if self.positions is None:
            return None
        widest = np.full(dimension, WIDEST)
        one = len(self._ids(self.written.pair(widest, WIDEST), special=False))
        empty = len(self._ids(self.written.prompt(np.zeros((0, dimension)), np.zeros(0), widest)))
        found = (self.positions - self.answer - empty) // one
        if found < 1:
            room = f"{self.positions} positions hold no pair of {one} tokens with a query and an answer"
            raise SettingError(Problem("", room))
        return found

    def complete(self, texts: list[str]) -> list[list[str]]:
        """Continues each text up to a line end: once, or as often as `samples` says; the same text always alike.

        Raises:
            ValueError: a text with its answer does not fit in the model's positions.
        """
        ids = [self._ids(text) for text in texts]
        for one in ids:
            self._check_room(len(one) + self.answer)
        found: list[list[str]] = [[] for _ in texts]
        # Texts of equal length are continued together, so that none needs padding.
        for length in sorted({len(one) for one in ids}):
            places = [place for place, one in enumerate(ids) if len(one) == length]
            rows = [ids[place] for place in places for _ in range(self.samples)]
            answers = self._continued(rows, "".join(texts[place] for place in places))
            for at, place in enumerate(places):
                found[place] = answers[at * self.samples : (at + 1) * self.samples]
        return found

    def score(self, prompt: str, answer: str) -> float:
        """Returns log p(answer | prompt) in nats: the sum over the answer's tokens.

        If the tokenizer joins the end of the prompt with the answer, the token that has both counts as the answer's.

        Raises:
            ValueError: the text does not fit in the model's positions.
        """
        import torch

        before, whole = self._ids(prompt), self._ids(prompt + answer)
        self._check_room(len(whole))
        same = [one == other for one, other in zip(before, whole, strict=False)]
        start = same.index(False) if False in same else len(before)
        with torch.inference_mode(), torch_on_one_thread():
            logits = self.model(torch.tensor([whole])).logits[0, start - 1 : -1].double()
            picked = torch.log_softmax(logits, -1).gather(1, torch.tensor(whole[start:])[:, None])
        return float(picked.sum())

    def _ids(self, text: str, *, special: bool = True) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])

    def _check_room(self, tokens: int) -> None:
        if self.positions is not None and tokens > self.positions:
            raise ValueError(f"the text has {tokens} tokens with its answer, and the model {self.positions} positions")

    def _continued(self, rows: list[list[int]], texts: str) -> list[str]:
        import torch

        seed = int.from_bytes(hashlib.blake2b(texts.encode(), digest_size=6).digest())
        draw = torch.Generator().manual_seed(seed)
        ids, kept, new = torch.tensor(rows), {}, []
        answers = [""] * len(rows)
        with torch.inference_mode(), torch_on_one_thread():
            for _ in range(self.answer):
                out = self.model(ids, use_cache=True, **kept)
                logits = out.logits[:, -1].float()
                # transformers 5.24 calls the cache by the first name, earlier versions by the second.
                name = next(name for name in ("cache", "past_key_values") if name in out)
                kept = {name: out[name]}
                if self.samples > 1:
                    ids = torch.multinomial(torch.softmax(logits / self.temperature, -1), 1, generator=draw)
                else:
                    ids = logits.argmax(-1, keepdim=True)
                new.append(ids)
                answers = self.tokenizer.batch_decode(torch.cat(new, 1), skip_special_tokens=True)
                if all(self.written.STOP in answer for answer in answers):
                    break
        return [answer.partition(self.written.STOP)[0] for answer in answers]


def _loaded(path: str, declared: Declared) -> tuple[Any, Any]:
    """Loads a model and its tokenizer; code of the folder and pickles only if they are trusted."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(path).expanduser()
    if path.startswith(("/", ".", "~")) and not folder.is_dir():
        raise SettingError(Problem("", f"hf:{path}: there is no such folder"))
    if folder.is_dir():
        has = {kind: any(folder.glob(f"*{kind}")) for kind in (".safetensors", ".bin")}
        if has[".bin"] and not has[".safetensors"] and not declared.trust:
            said = "its weights are a pickle, which can run code; save them as safetensors, or give --trust"
            raise SettingError(Problem("", f"hf:{path}: {said}"))
    where = str(folder) if folder.is_dir() else path
    with _silent():
        try:
            tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=declared.trust)
            model = AutoModelForCausalLM.from_pretrained(
                where, trust_remote_code=declared.trust, use_safetensors=None if declared.trust else True
            )
        except Exception as error:
            said = in_a_line(error)
            if "trust_remote_code" in str(error):
                said = "it comes with code of its own; give --trust to run it"
            raise SettingError(Problem("", f"hf:{path}: {said}")) from None
    return model, tokenizer


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keeps transformers from writing to the console while it loads."""
    from transformers.utils import logging

    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            logging.enable_progress_bar()
