#!/usr/bin/env python3
"""Texts with the ids that transformers' CLIPTokenizerFast gives them.

    tokenizer_fixtures.py [OUTDIR] [--vocab GZ]    default: tests/fixtures beside this folder

OUTDIR/tokens/tiny/       vocab.json, merges.txt: every byte, a few merges
OUTDIR/clip_tiny/         the same two files with 99 tokens, for its text tower
OUTDIR/tokens/NAME.json   {"vocab", "cases": [{text, max, ids, decoded}]} for tiny and clip_tiny
OUTDIR/tokens/full.json   the same for CLIP's own vocabulary; made where --vocab or
                          SPARSETOP_TEST_VOCAB names bpe_simple_vocab_16e6.txt.gz
"""

import argparse
import gzip
import json
import os
import pathlib
import random
import tempfile

from transformers import CLIPTokenizerFast

SEED = 11
CONTEXT = 77
START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
PUBLISHED_MERGES, PUBLISHED_TOKENS = 49152 - 256 - 2, 49408

TINY_MERGES = """
i n|t h|a n|r e|a r|e r|th e</w>|in g</w>|o u|an d</w>|a t|o f</w>|o n|o n</w>|p h|o t|
ph ot|phot o</w>|a t</w>|c at</w>|b l|bl u|blu r|r y</w>|blur ry</w>|l o|lo w</w>|s t|
' s</w>|' t</w>|r e</w>|' re</w>|Ã ©</w>|Ã ©|Ä ±|Ì ĩ|Ì ĩ</w>|ã ģ|ãģ Ĥ|ð Ł|ðŁ ĺ|Ñ ģ</w>|
Î ±|a a|aa a|aa aa|aaaa aaaa|a a</w>|a b|a b</w>|ab ab|b a|! !|!! !!|!! !</w>|. .|
.. .</w>|. .</w>|á ħ
"""
# The text tower of clip_tiny has 99 rows: letters, digits that end a word (they are words
# of their own), a few other characters, and what a prompt needs.
CLIP_TINY_MERGES = """
p h|o t|ph ot|phot o</w>|o f</w>|c a|ca t</w>|d o|do g</w>|t h|th e</w>|b i|bi r|bir d</w>|
a n|an d</w>|i n|in g</w>|e r|e r</w>|s h|sh i|shi p</w>|r e|a r|' s</w>|o n|o u|l o|s t
"""


def byte_chars():
    """GPT-2's characters for the 256 bytes, in the order of its vocabulary."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + i) for i in range(len(others))]


def parse_merges(text):
    return text.replace("\n", "").split("|")


def make_folder(folder, symbols, merges):
    """vocab.json and merges.txt: the symbols, what the merges make, the two marks."""
    tokens = dict.fromkeys(symbols)  # two merges may make the same token
    for merge in merges:
        assert all(part in tokens for part in merge.split(" ")), merge
        tokens[merge.replace(" ", "")] = None
    tokens = [*tokens, START, END]
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{json.dumps(t, ensure_ascii=False)}: {i}" for i, t in enumerate(tokens))
    (folder / "vocab.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
    text = "\n".join(["#version: 0.2", *merges, ""])
    (folder / "merges.txt").write_text(text, encoding="utf-8")
    return len(tokens)


def all_bytes():
    return [*byte_chars(), *(c + WORD_END for c in byte_chars())]


def make_clip_tiny(folder):
    letters = "abcdefghijklmnopqrstuvwxyz"
    symbols = [*letters, *(c + WORD_END for c in letters + "0123456789.,!"), "'", "."]
    count = make_folder(folder, symbols, parse_merges(CLIP_TINY_MERGES))
    assert count == 99, count


def make_full(gz, folder):
    lines = gzip.open(gz).read().decode("utf-8").split("\n")
    count = make_folder(folder, all_bytes(), lines[1 : PUBLISHED_MERGES + 1])
    assert count == PUBLISHED_TOKENS, count


# --- texts ----------------------------------------------------------------------------

CIFAR = "airplane automobile bird cat deer dog frog horse ship truck".split()
PROMPTS = [
    f"a {adjective}photo of {article} {label}."
    for adjective in ("", "blurry ", "black and white ", "low contrast ")
    for article in ("a", "the")
    for label in CIFAR
]
BY_HAND = [
    "", " ", "\t\n\r ", "a", "A", "a b", "  a  photo \t of\na cat  ", "a\u00a0b", "a\u3000b",
    "a\u2028b\u2029c", "a\u0085b", "a\u200bb", "a\u180eb", "\ufeffhello", "a\x01b", "a\x7fb",
    "a\x1cb\x1fc", "\u0080\u009f", "hello, world!", "hello,world!!", "...", "!!!!!!!!!", "a.b.c",
    "e-mail: me@example.com", "https://example.com/a?b=c&d=%20#e", "C++ and C#", "#hashtag",
    "snake_case CamelCase", "$3.50 (50% off)", "1234567890", "3d 2x4", "x²+y³=½", "Ⅷ ⅷ ٣ ௩",
    "①②", "it's", "IT'S", "don't they're we've i'm you'll he'd", "'s't're've'm'll'd", "'s", "'",
    "''s", "!'s", "rock'n'roll", "o'clock", "it’s", "dogs'", "'sun", "'re", "'r", "'l l",
    "<|startoftext|>", "<|endoftext|>", "a<|endoftext|>b", "a <|ENDOFTEXT|> b", "!!<|endoftext|>!!",
    "<|endoftext|><|startoftext|>", "<|endoftext|", "<<|endoftext|>>", "<|end oftext|>", "<|",
    "café", "cafe\u0301", "naïve façade", "Ångström A\u030angstro\u0308m", "ÀÉÎÕÜ",
    "q\u0307\u0323", "q\u0323\u0307", "\u0301", "a\u0301\u0301\u0301", "\u1e9b\u0323", "ﬁnd ﬀ",
    "ÅÅ", "Straße STRASSE ẞ", "İstanbul Iğdır ıI", "İİİ", "ΑΣ ΟΔΥΣΣΕΥΣ Σ", "ς σ Σ", "ΐ Ϊ́",
    "ǅ Ǆ ǆ", "Ա Ֆ", "Ⴀ Ⴥ", "Ω K Å", "кот на фото", "ЁЖИК ё е\u0308", "й и\u0306", "Ўзбек",
    "一张猫的照片", "猫の写真です", "ねこ か\u3099 が", "ガ ｶﾞ", "고양이 사진", "\u1100\u1161\u11a8 각",
    "\u1112\u1161\u11ab\u1100\u1173\u11af", "㍿ ㎏", "ภาพถ่ายแมว", "एक बिल्ली की तस्वीर", "क\u093c क़",
    "صورة قطة", "תמונה של חתול", "שּׁ", "ქართული", "Հայերեն", "አማርኛ", "བོད", "ﷺ", "😀", "😀😃😄",
    "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️", "a😀b", "☃ ★ ™ ©", "→←", "∀x∈ℝ: x²≥0", "𝒳 𝔸 𝟙", "𐐀𐐨", "a\u0338=",
    "=\u0338", "<|endoftext|>\u0338", "\u212b\u0301", "𝅗𝅥", "\ufffd", "\U0010ffff", "\ue000", "\ufdd0",
    "a" * 100, "a" * 77, "ab" * 500, "!" * 1000, "é" * 80, "1" * 200, " " * 1000 + "x",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "a photo of a cat " * 20, "cat" * 40,
    "the quick brown fox jumps over the lazy dog", "THE QUICK BROWN FOX", "tHe QuIcK",
    "a photo of a cat, a dog; and (maybe) a bird?", "photo-of-a-cat", "photo/of/a/cat",
    "a\\b", '"quoted" \'single\' `tick`', "tab\tseparated\tvalues", "line\r\nbreak", "[a]{b}<c>",
    "100,000.00", "v1.2.3-rc4", "ѣ ѳ", "smörgåsbord", "Dvořák", "Łódź", "Việt Nam", "Vie\u0323\u0302t",
    "ĳ Ĳ", "ŉ", "ſ", "Ꙁ", "ꭰ Ꭰ", "Ⓐⓐ", "Ｆｕｌｌ ｗｉｄｔｈ　１２３", "ﾊﾝｶｸ", "x\u20dd", "a\u0345\u0301",
]
# Old blocks only: later ones have characters that one of two versions of Unicode may not know.
POOLS = [range(32, 127), range(0xA0, 0x17F), range(0x300, 0x345), range(0x391, 0x3CA),
         range(0x410, 0x450), range(0x4E00, 0x4F00), range(0xAC00, 0xAD00), range(0x1F600, 0x1F640),
         [*map(ord, " \t'.,!")]]


def random_texts(count):
    rng = random.Random(SEED)
    for _ in range(count):
        pools = rng.sample(POOLS, rng.randint(1, 3))
        length = rng.randint(1, 24)
        yield "".join(chr(rng.choice(rng.choice(pools))) for _ in range(length))


def cases(tokenizer):
    texts = [*PROMPTS, *BY_HAND, *random_texts(60)]
    pairs = [(text, CONTEXT) for text in texts]
    pairs += [("a photo of a cat", top) for top in range(2, 9)]
    for text, top in pairs:
        ids = tokenizer(text, truncation=True, max_length=top)["input_ids"]
        decoded = tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        yield {"text": text, "max": top, "ids": ids, "decoded": decoded}


def write_cases(path, folder):
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(case, ensure_ascii=True) for case in cases(tokenizer))
    head = f'{{"vocab": {tokenizer.vocab_size}, "cases": ['
    path.write_text(head + "\n" + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=here.parent / "fixtures")
    parser.add_argument("--vocab", default=os.environ.get("SPARSETOP_TEST_VOCAB"))
    args = parser.parse_args()

    tokens = args.outdir / "tokens"
    make_folder(tokens / "tiny", all_bytes(), parse_merges(TINY_MERGES))
    make_clip_tiny(args.outdir / "clip_tiny")
    write_cases(tokens / "tiny.json", tokens / "tiny")
    write_cases(tokens / "clip_tiny.json", args.outdir / "clip_tiny")
    if args.vocab:
        with tempfile.TemporaryDirectory() as folder:
            make_full(args.vocab, pathlib.Path(folder))
            write_cases(tokens / "full.json", pathlib.Path(folder))


if __name__ == "__main__":
    main()
