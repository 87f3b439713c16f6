"""A language model of two layers that counts characters as tokens, made and trained by the tests."""

from pathlib import Path

CHARACTERS = "0123456789.-+,: \n" + "FOeatuprx"


def written_to(folder: Path, texts: list[str], *, steps: int = 0, positions: int = 128, seed: int = 0) -> Path:
    """Trains a GPT-2 of two layers on windows of `texts` and saves it with its tokenizer."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    vocabulary = {character: place for place, character in enumerate(["?", *CHARACTERS])}
    characters = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    characters.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=characters, unk_token="?", clean_up_tokenization_spaces=False)
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(vocabulary), n_positions=positions, n_embd=48, n_layer=2, n_head=4,
                   resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None)
    )  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    ids = [tokenizer(text)["input_ids"] for text in texts]
    for step in range(steps):
        chosen = [ids[(step * 32 + place) % len(ids)] for place in range(32)]
        width = min(positions, *(len(one) for one in chosen))
        batch = torch.tensor([one[:width] for one in chosen])
        logits = model(batch).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
