"""glassllm as a predictor: `offprior atlas python:glass:numbers`, in this folder."""

import numpy as np
from glassllm import load_pretrained

import offprior as op

model, tokenizer = load_pretrained("en")


def complete(text):
    steps = model.generate(tokenizer.encode(text), 8, greedy=True)
    return tokenizer.decode([step.token for step in steps])


def score(prompt, answer):
    start, ids = len(tokenizer.encode(prompt)), np.asarray(tokenizer.encode(prompt + answer))
    logits = model.forward(ids).data[0, start - 1 : -1].astype(float)
    return float((logits[np.arange(len(logits)), ids[start:]] - np.log(np.exp(logits).sum(1))).sum())


numbers = op.wrap_text(complete, "glassllm", format="delimited", decimals=1, score=score, longest=10)
