#!/usr/bin/env python3
"""Small byte-level tokenizers, and texts with the ids that the tokenizers library gives.

    byte_bpe_fixtures.py [OUTDIR] [--gpt-neox FILE]
                             OUTDIR: default tests/fixtures beside this folder
                             FILE: GPT-NeoX's vocabulary in GGUF, ggml-vocab-gpt-neox.gguf of
                             llama.cpp; default what SPARSETOP_GPT_NEOX_VOCAB names

OUTDIR/byte_bpe/NAME/tokenizer.json
OUTDIR/byte_bpe/NAME.gguf    the same vocabulary as llama.cpp's converter writes it (of those
                             that its names of patterns can say)
OUTDIR/byte_bpe/NAME.json    {"size", "cases": [{text, ids, decoded}]}; where nothing stands
                             for `decoded` it is the text
OUTDIR/byte_bpe/words.json   {"cases": [{text, gpt2, qwen2, llama3}]}: the lengths in bytes of
                             what each pattern splits the text into
OUTDIR/byte_bpe/gpt_neox.json   as NAME.json, by FILE's tokens and merges; only where there is one

    qwen2     its pattern, NFC, chat and vision tokens; merges are pairs
    gpt2      its pattern, nothing normalised; merges are strings, the model has no type
    neox      the same pattern, NFC, runs of spaces as added tokens, ids that begin with marks
    llama3    three digits a word; words that are tokens and that no merge makes
    prefixed  as gpt2, a space before each piece; a vocabulary of the bytes alone
"""

import argparse
import json
import os
import pathlib
import random

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

from tokenizer_fixtures import BY_HAND, PROMPTS, random_texts

SEED = 23
CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
GPT2 = CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = (r"(?i:" + CONTRACTIONS + r")|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|")
QWEN2_ADDED = ("<|endoftext|> <|im_start|> <|im_end|> <|vision_start|> <|vision_end|> "
               "<|image_pad|>").split()

# --- texts ----------------------------------------------------------------------------

TRAINING = PROMPTS + """
The quick brown fox jumps over the lazy dog, and it's not the first time.
You are a helpful assistant. Describe this image. What's in the picture? I'll tell you.
They're sure we've seen what I'm saying; he'd say they don't and she'll agree.
def main(argv):\n    for i in range(100):\n        print(i, "value", 3.14159)\n\n    return 0
int main(void)\n{\n\treturn 2024;\n}
Straße, naïve café, smörgåsbord, Łódź, où est le château? Ça va très bien.
Кошка сидит на окне. Собака бежит по улице. Ёжик в тумане.
一只猫坐在窗户上。请描述这张图片。猫の写真です。고양이 사진입니다.
صورة قطة على النافذة. תמונה של חתול.
👍🏽 😀😃 100 200 2023 1984 3.50
""".split("\n") * 3

CHAT = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>Describe this image."
        "<|im_end|>\n<|im_start|>assistant\n")
OWN = [
    CHAT, "it's IT'S iT'S It's", "'S'T'RE'VE'M'LL'D", "'Re 'rE 've 'Ll 'lL 'dD", "'\u017f it'\u017f",
    "'\u212a 'l\u2019l", "'sx 'tx 'red 'very 'mm 'llama 'd1", "''s '''t", "x's\ny'T", "1's 2'S !'s",
    " 's  's \n's", "'", "' s", "'r", "'v 'l", "\u2019s", "I'm I'M i'm",
    "  ", "   a", "a   b", "a  ", "\n", "\n\n", " \n", "\n ", " \n \n a", "\n\n  a", "a\n\n\nb", "a \n b",
    "a\t\tb", "\t\ta", "\ta", " \ta", "\t a", "a\r\nb", "a\r\n\r\nb", "\r\r\n\n", " \r\n a", "a\u2028b",
    "a \u2028 b", "\u2028\n\u2029 a", "\u2028a", "\n\u2028a", "\u00a0", "a\u00a0b", "a\u00a0\u00a0b",
    "\u00a0\u00a0a", " \u00a0a", "\u00a0 a", "a\u3000\u3000b", "a\u0085b\u0085", "a\x0bb\x0cc", "\x1c\x1d\x1e\x1f",
    "a\u200b b", "a\u180e b", "a\ufeff b", "\u1680a \u205fb", "x\n\u00a0\n\u00a0y",
    "!\n", "!\n\n a", "!\r\n\r\nx", "! \n", " !\n!", "?!\n\t\n", "a!\nb", " .\n", "...\n\n\n", "! !", "  !!", "\t!",
    "\u00a0!", "\n!", "!a", "!!a", " !a", "(a", "((a", "_a _a", "\u0301a", "a\u0301", " \u0301a", "\u0301\n", "-a -1 -!",
    "1", "12", "123", "1234", "12345", "1234567 1,234,567.89", "a1b22c333", " 1", "  12", "1\n2", "\u0661\u0662\u0663\u0664",
    "\u00bd\u00bc\u00be\u00b2", "\u2167\u2168 \u2460\u2461", "3rd 4th", "1a 1 a", "v1.2.3", "0x1F",
    "<|im_end|>", "a<|im_end|>b", " <|im_end|> ", "<|im_end|><|im_end|>", "<|im_start|>user", "<|im_end", "<|im_end|",
    "<<|im_end|>>", "<|im_|im_end|>", "<|IM_END|>", "<|im_start|><|im_end", "\n<|im_end|>\n", "x  <|im_end|>  y",
    "1<|endoftext|>2", "'<|endoftext|>s", "e<|im_end|>\u0301", "<|endoftext|>\u0301", "\u1100<|im_end|>\u1161",
    "<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>" * 20, "<|padding|>a<|endoftext|>",
    "cafe\u0301", "caf\u00e9", "un cafe\u0301s", "cafe\u0301\u0323", "a          b", "a" + " " * 40 + "b", "if x:\n        y",
    " " * 12, "  <|endoftext|>   ", "foo\n  bar\n    baz\n", "def main(argv):\n    return 0\n", "\t\treturn 2024;\n}\n",
    "the The THE theThe", "helpful", " helpful", "window windows", "photo", " photo photos", "assistant",
    "\u05e9\u05c1\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u202eabc\u202c \u200fx", "\u0635\u0648\u0631\u0629 \u0642\u0637\u0629", "\u4e00\u53ea\u732b\u5750\u5728\u7a97\u6237\u4e0a\u3002",
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01\n", "\u732b\u306e\u5199\u771f\u3067\u3059", "\ud55c\uad6d\uc5b4 \uace0\uc591\uc774", "\u1112\u1161\u11ab", "\U0001f44d\U0001f3fd\U0001f600 ok", "a\U0001f600b",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea!", "\u2764\ufe0f\n", "$x^2 + y_1 = \\frac{1}{2}$", "https://a.b/c?d=e&f=1#g",
    "{\"a\": [1, 2], 'b': null}", "<p class=\"x\">it's</p>", "a\\nb", "C++ C# .NET", "snake_case camelCase",
]

# What byte-level vocabularies, and the look for added tokens in a text, get wrong easily.
AWKWARD = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "\U0001f3f3\ufe0f\u200d\U0001f308\U0001f3f4\u200d\u2620\ufe0f", "\U0001f468\U0001f3ff\u200d\U0001f4bb", "\u200d\u200d",
    "\U0001f1fa\U0001f1f8\U0001f1eb\U0001f1f7", "0\ufe0f\u20e3 #\ufe0f\u20e3", "\U0001fae0\U0001f979", "\U000e0067\U000e007f",
    "\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff0c\u6211\u4eec\u53bb\u516c\u56ed\u5427\u3002", "\u6771\u4eac\u3067\u30e9\u30fc\u30e1\u30f3\u3092\u98df\u3079\u305f\u3044", "\uff76\uff9e\uff77\uff9e",
    "\U00020000\U0002a6d6", "\ubc25 \uba39\uc5c8\uc5b4\uc694?", "\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645 \u0661\u0662\u0663",
    "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f", "\u0627\u0653 \u0627\u0654", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "a\u0300\u0301\u0302\u0303b", "Z\u0351\u036b\u0343\u036a\u0302a\u0321\u034a\u0353\u030c\u0357", "\u1100\u1161\u11a8 \uac01", "\u212b \u00c5 A\u030a", "\ufb01 \u017f",
    "\x01\x02\x03\x04\x05\x06\x07\x08", "\x0e\x0f\x10 \x11\x12\x1b[31mred\x1b[0m", "\x7f\x80\x81\x9f", "\x7fELF\x02\x01\x01",
    "\x89PNG\r\n\x1a\n", "\ufffd\ufffe\uffff", "\u202e\u2066\u2069 abc", "\ufeffabc",
    *(" " * n for n in (1, 3, 4, 8, 16, 23, 24, 25, 47, 48, 49, 100)),
    *("a" + " " * n + "b" for n in (2, 3, 9, 24, 25, 26, 50)),
    *("\n" * n + "x" for n in (3, 7, 30)), *("x" + "\t" * n for n in (2, 5, 17)),
    "  \n  \n  x", "\n    if a:\n\t  b  \n", "x   \n", "    \t    ", "  \u00a0  ", "  \u0301", "     \u0301x", "\r\r\n  \r",
    "don't DON'T don\u2019t dont' 'tis y'all'd've", "1234567890" * 5, "3.14159e-10 1_000_000 0xDEADBEEF", "\u0967\u0968\u0969 \u4e00\u4e8c\u4e09",
    "<|endoftext|><|endoftext|>", " <|endoftext|>", "<|endoftext|> ", "  <|endoftext|>  ", "<|endoftext", "|endoftext|>",
    "<|endoftext|>    <|padding|>", "a<|padding|>", "[PAD50277] [PAD0]", "a" * 200, "ab" * 100, "=" * 80, "-" * 81,
    "aaaaaaaaaa bbbbbbbbbb", "\u00e9" * 30, "supercalifragilisticexpialidocious", "qwrtpsdfghjklzxcvbnm", "\U0001d518\U0001d52b\U0001d526",
]


def all_texts():
    """Without what is too long to be worth its bytes."""
    rng = random.Random(SEED)
    texts = dict.fromkeys(OWN + [text for text in BY_HAND if len(text) <= 100])
    texts |= dict.fromkeys(random_texts(40))
    glue = ["<|im_end|>", "<|endoftext|>", " ", "  ", "\n", "'s", "'LL", "12", "a", "caf\u00e9", "!", "\t", "\u732b"]
    texts |= dict.fromkeys("".join(rng.choices(glue, k=rng.randint(2, 9))) for _ in range(60))
    return list(texts | dict.fromkeys(AWKWARD))


# --- tokenizers -----------------------------------------------------------------------

def train(pattern, nfc, size, first=(), prefix=False):
    tokenizer = Tokenizer(models.BPE())
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    if pattern:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False,
                                  special_tokens=list(first))
    tokenizer.train_from_iterator(TRAINING, trainer)
    return tokenizer


def mark(text, normalized=False):
    return AddedToken(text, normalized=normalized, special=True)


def plain(text):
    return AddedToken(text, normalized=True, special=False)


def qwen2():
    tokenizer = train(QWEN2, True, 700)
    tokenizer.add_special_tokens([mark(text) for text in QWEN2_ADDED])
    return json.loads(tokenizer.to_str())


def gpt2():
    tokenizer = train(None, False, 500)
    tokenizer.add_special_tokens([mark("<|endoftext|>", normalized=True)])
    written = json.loads(tokenizer.to_str())
    written["model"]["merges"] = [" ".join(pair) for pair in written["model"]["merges"]]
    del written["model"]["type"]
    return written


def neox():
    tokenizer = train(None, True, 500, first=[mark("<|endoftext|>"), mark("<|padding|>")])
    tokenizer.add_tokens([plain(" " * count) for count in range(24, 1, -1)])
    tokenizer.add_tokens([plain("cafe\u0301"), plain("foo\n")])
    return json.loads(tokenizer.to_str())


def llama3():
    """The last merges are taken away, the tokens they made stay."""
    tokenizer = train(LLAMA3, False, 500)
    tokenizer.add_special_tokens([mark("<|im_end|>")])
    written = json.loads(tokenizer.to_str())
    written["model"]["ignore_merges"] = True
    del written["model"]["merges"][100:]
    return written


def prefixed():
    tokenizer = train(None, False, 256, prefix=True)
    tokenizer.add_special_tokens([mark("<|endoftext|>")])
    return json.loads(tokenizer.to_str())


# --- GPT-NeoX's own -------------------------------------------------------------------

def gpt_neox(path):
    """Its tokenizer from the tokens and merges of a GGUF file; the fillers stay out."""
    fields = gguf.GGUFReader(path).fields
    tokens, types, merges = (fields["tokenizer.ggml." + key].contents()
                             for key in ("tokens", "token_type", "merges"))
    own = [text for i, (text, kind) in enumerate(zip(tokens, types))
           if kind == gguf.TokenType.USER_DEFINED and text != f"[PAD{i}]"]
    first = tokens.index(own[0])
    vocab = {text: i for i, text in enumerate(tokens[:first])}
    tokenizer = Tokenizer(models.BPE(vocab, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([mark(text) for text, kind in zip(tokens, types)
                                  if kind == gguf.TokenType.CONTROL])
    tokenizer.add_tokens([plain(text) for text in own])
    assert all(tokenizer.token_to_id(text) == tokens.index(text) for text in own)
    return tokenizer


# --- files ----------------------------------------------------------------------------

PRE = {"qwen2": "qwen2", "gpt2": "gpt-2", "neox": "olmo", "llama3": "llama-bpe"}


def write_gguf(path, written, pre):
    """As convert_hf_to_gguf.py: added tokens by their type, ids without a token filled."""
    kinds = gguf.TokenType
    tokens = {i: (text, kinds.NORMAL) for text, i in written["model"]["vocab"].items()}
    tokens |= {token["id"]: (token["content"],
                             kinds.CONTROL if token["special"] else kinds.USER_DEFINED)
               for token in written["added_tokens"]}
    ids = range(max(tokens) + 1 + 3)  # three rows of the model have no token
    listed = [tokens.get(i, (f"[PAD{i}]", kinds.USER_DEFINED if i % 2 else kinds.UNUSED))
              for i in ids]
    merges = [merge if isinstance(merge, str) else " ".join(merge)
              for merge in written["model"]["merges"]]
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([text for text, _ in listed])
    writer.add_token_types([int(kind) for _, kind in listed])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_add_bos_token(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def write_cases(path, tokenizer, texts):
    lines = []
    for text in texts:
        ids = tokenizer.encode(text).ids
        case = {"text": text, "ids": ids}
        decoded = tokenizer.decode(ids, skip_special_tokens=False)
        if decoded != text:
            case["decoded"] = decoded
        lines.append(json.dumps(case, ensure_ascii=True, separators=(",", ":")))
    head = f'{{"size": {tokenizer.get_vocab_size()}, "cases": ['
    text = head + "\n" + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8")


def write(folder, name, written):
    own = folder / name
    own.mkdir(parents=True, exist_ok=True)
    path = own / "tokenizer.json"
    path.write_text(json.dumps(written, ensure_ascii=False) + "\n", encoding="utf-8")
    write_cases(folder / f"{name}.json", Tokenizer.from_file(str(path)), all_texts())
    if name in PRE:
        write_gguf(folder / f"{name}.gguf", written, PRE[name])


def lengths(pattern, text):
    words = pre_tokenizers.Split(Regex(pattern), "isolated").pre_tokenize_str(text)
    return [len(word.encode("utf-8")) for word, _ in words]


def write_words(folder):
    patterns = {"gpt2": GPT2, "qwen2": QWEN2, "llama3": LLAMA3}
    cases = ({"text": text} | {name: lengths(p, text) for name, p in patterns.items()}
             for text in all_texts())
    lines = (json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    text = '{"cases": [\n' + ",\n".join(lines) + "\n]}\n"
    (folder / "words.json").write_text(text, encoding="utf-8")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=here.parent / "fixtures")
    parser.add_argument("--gpt-neox", default=os.environ.get("SPARSETOP_GPT_NEOX_VOCAB"))
    args = parser.parse_args()
    folder = args.outdir / "byte_bpe"
    for make in (qwen2, gpt2, neox, llama3, prefixed):
        write(folder, make.__name__, make())
    write_words(folder)
    if args.gpt_neox:
        write_cases(folder / "gpt_neox.json", gpt_neox(args.gpt_neox), OWN + AWKWARD)


if __name__ == "__main__":
    main()
