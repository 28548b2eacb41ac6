#!/usr/bin/env python3
"""Token embeddings of one small Mamba put into another, whose vocabulary is another too.

    embedding_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

OUTDIR/embedding_swap/to, from   checkpoint folders with tokenizers of their own; `from` is
                                 wider, its head is not tied
OUTDIR/embedding_swap/oracle.safetensors
    ids [1, T]                a text by the tokenizer of `to`
    table [V, D]              its rows after the swap: (A^T A + r I) W = A^T B in fp64,
                              r = 1e-6 trace(A^T A) / m, on rows of equal strings
    figures [6]               rows, shared ones, |A W - B| / |B|, loss before and after, KL
    before, after [1, T, V]   logits by transformers in fp64; the head keeps the old table
"""

import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from tokenizers import trainers
from transformers import MambaConfig, MambaForCausalLM

from exact import Exact, doubled
from mamba_fixtures import CONFIG, random_weights, save
from vlm_weights import save_weights, write_json

TO = CONFIG | {"hidden_size": 16, "num_hidden_layers": 1, "state_size": 4, "time_step_rank": 2,
               "vocab_size": 288}  # rows beyond the tokenizer are padding
FROM = TO | {"hidden_size": 24, "vocab_size": 296, "tie_word_embeddings": False}
TEXTS = ("the cat sat on the mat and the rat ran to the cat, ", "a mat is where the cat is at; "
         "in the end the hat is on the mat. \u00fcber \u732b ")
TEXT = "the cat and the hat: \u732b in the end, \u00fcber"


def train(text, size, mark):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text] * 3, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, show_progress=False,
        special_tokens=[AddedToken(mark, special=True, normalized=False)]))
    return tokenizer


def make_folder(folder, config, tokenizer, seed):
    folder.mkdir(parents=True, exist_ok=True)
    model = MambaForCausalLM(MambaConfig(**config))
    weights = random_weights(model)
    rng = np.random.default_rng(seed)
    names = ["backbone.embeddings.weight"]
    if not config["tie_word_embeddings"]:
        names.append("lm_head.weight")
    for name in names:
        shape = (config["vocab_size"], config["hidden_size"])
        weights[name] = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    write_json(config, folder / "config.json")
    save_weights(weights, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    return weights["backbone.embeddings.weight"].double().numpy()


def strings(tokenizer):
    return {i: t for t, i in tokenizer.get_vocab().items()}


def swap(own, other, mine, theirs):
    ids = {text: i for i, text in strings(theirs).items()}
    pairs = [(i, ids[text]) for i, text in sorted(strings(mine).items()) if text in ids]
    a, b = other[[j for _, j in pairs]], own[[i for i, _ in pairs]]
    gram = a.T @ a
    ridge = 1e-6 * np.trace(gram) / len(gram)
    w = np.linalg.solve(gram + ridge * np.eye(len(gram)), a.T @ b)
    table = own.copy()
    table[[i for i, _ in pairs]] = a @ w
    return table, len(pairs), np.linalg.norm(a @ w - b) / np.linalg.norm(b)


def loss_of(logits, ids):
    return F.cross_entropy(logits[0, :-1], ids[0, 1:])


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    folder = parser.parse_args().outdir / "embedding_swap"

    torch.set_num_threads(1)
    mine, theirs = train(TEXTS[0], 280, "<|end|>"), train(TEXTS[1] + TEXTS[0], 295, "<|eos|>")
    own = make_folder(folder / "to", TO, mine, 1)
    other = make_folder(folder / "from", FROM, theirs, 2)
    table, shared, error = swap(own, other, mine, theirs)
    assert 256 < shared < mine.get_vocab_size() and 0.1 < error < 1
    ids = torch.tensor([mine.encode(TEXT).ids])
    assert mine.decode(ids[0].tolist()) == TEXT and len(ids[0]) < len(TEXT.encode())
    model = doubled(MambaForCausalLM.from_pretrained(folder / "to", dtype=torch.float32).eval())
    with torch.no_grad(), Exact():
        before = model(ids).logits
        after = model(inputs_embeds=torch.from_numpy(table)[ids]).logits
    x, y = after[0].log_softmax(-1), before[0].log_softmax(-1)
    kl = F.kl_div(x, y, log_target=True, reduction="none").sum(-1).mean()
    figures = [float(len(own)), float(shared), error, loss_of(before, ids), loss_of(after, ids), kl]
    save({"ids": ids, "table": torch.from_numpy(table), "before": before, "after": after,
          "figures": torch.tensor([float(f) for f in figures], dtype=torch.double)},
         folder / "oracle.safetensors")


if __name__ == "__main__":
    main()
