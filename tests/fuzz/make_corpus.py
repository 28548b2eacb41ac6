#!/usr/bin/env python3
"""Writes the binary inputs of corpus/; those in JSON are kept as they are.

    make_corpus.py

Needs Python alone. Each input is small and takes another way through its parser; libFuzzer
does the rest. The same bytes everywhere, but for the one that zlib packs.
"""

import gzip
import io
import json
import pathlib
import struct
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
IMAGES = ("one.png grey1_interlaced.png palette4_interlaced.png grey16.png palette_trns.png rgba.png "
          "grey.pgm grey1000.pgm rgb100.ppm cmyk.jpg exif6.jpg grey.jpg progressive.jpg").split()


def put(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    assert len(data) < 4096, f"{target}/{name}: {len(data)} bytes"
    (folder / name).write_bytes(data)


# --- safetensors ----------------------------------------------------------------------

def safetensors(header, data=b"", pad=b""):
    text = json.dumps(header, separators=(",", ":")).encode() + pad
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_inputs():
    two = {"a": tensor("F32", [2], 0, 8), "b": tensor("F16", [3], 8, 14)}
    yield "two", safetensors({"__metadata__": {"format": "pt"}} | two, bytes(14), b"  ")
    yield "nothing", safetensors({})
    yield "gap", safetensors({"a": tensor("F32", [2], 4, 12)}, bytes(12))
    yield "every_dtype", safetensors({
        "bf16": tensor("BF16", [1, 1], 0, 2), "f64": tensor("F64", [], 2, 10),
        "i64": tensor("I64", [0, 7], 10, 10), "bool": tensor("BOOL", [1], 10, 11)}, bytes(11))
    yield "too_long", struct.pack("<Q", 2**64 - 8) + b"{}"


# --- GGUF -----------------------------------------------------------------------------

U8, U32, I32, F32, BOOL, STRING, ARRAY, U64 = 0, 4, 5, 6, 7, 8, 9, 10
PLAIN = {U8: "<B", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B", U64: "<Q"}


def gguf_text(s):
    data = s.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_value(kind, value):
    return gguf_text(value) if kind == STRING else struct.pack(PLAIN[kind], value)


def gguf_key(name, kind, value, element=None):
    head = gguf_text(name) + struct.pack("<I", kind)
    if kind != ARRAY:
        return head + gguf_value(kind, value)
    items = b"".join(gguf_value(element, v) for v in value)
    return head + struct.pack("<IQ", element, len(value)) + items


def gguf_tensor(name, dims, kind, offset):
    return (gguf_text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) +
            struct.pack("<IQ", kind, offset))


def gguf(keys=(), tensors=(), data=b"", version=3, alignment=32):
    head = (b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) +
            b"".join(tensors))
    return head + bytes(-len(head) % alignment) + data if data else head


def mamba_keys():
    sizes = {"embedding_length": 2, "block_count": 1, "ssm.state_size": 1, "ssm.conv_kernel": 2,
             "ssm.inner_size": 4, "ssm.time_step_rank": 1}
    return [gguf_key("general.architecture", STRING, "mamba"),
            *(gguf_key("mamba." + name, U32, n) for name, n in sizes.items()),
            gguf_key("mamba.attention.layer_norm_rms_epsilon", F32, 1e-5)]


def gguf_inputs():
    keys = [gguf_key("a", U8, 7), gguf_key("text", STRING, "GGUF"), gguf_key("b", BOOL, 1),
            gguf_key("list", ARRAY, [1, -2], I32), gguf_key("words", ARRAY, ["x", "", "yz"], STRING)]
    two = [gguf_tensor("f", [3, 1], 0, 0), gguf_tensor("h", [2], 1, 32)]
    yield "nothing", gguf()
    yield "values", gguf(keys)
    yield "two", gguf(keys, two, bytes(36), version=2)
    yield "aligned", gguf([gguf_key("general.alignment", U32, 8)],
                          [gguf_tensor("f", [1], 0, 0), gguf_tensor("h", [], 30, 8)], bytes(10),
                          alignment=8)
    yield "packed", gguf((), [gguf_tensor("q", [32, 2], 8, 0), gguf_tensor("e", [0], 0, 96)], bytes(100))
    model = [gguf_tensor("token_embd.weight", [2, 3], 1, 0), gguf_tensor("blk.0.ssm_a", [1, 4], 0, 32),
             gguf_tensor("blk.0.attn_norm.weight", [2], 30, 64), gguf_tensor("output.weight", [32], 8, 96)]
    yield "mamba", gguf(mamba_keys(), model, bytes(140))
    yield "vocabulary", gguf([gguf_key("tokenizer.ggml.tokens", ARRAY, ["a"], STRING)])
    yield "parts", gguf([*mamba_keys(), gguf_key("split.count", U32, 2)], model, bytes(140))
    yield "overflow", gguf((), [gguf_tensor("w", [2**62, 4], 0, 0)], bytes(64))
    yield "deep", gguf([gguf_key("a", ARRAY, [], ARRAY)])
    yield "big_endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0)
    yield "many", b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63)


def byte_tokens():
    """GPT-2's character for each byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(hidden))]


def gguf_tokenizer(pre, *keys, tokens=("ab", "abc", "<|a|>", "  ", "[PAD260]"), types=(1, 1, 3, 4, 4),
                   merges=("a b", "ab c")):
    def key(name, *value):
        return gguf_key("tokenizer.ggml." + name, *value)

    listed = byte_tokens() + list(tokens)
    kinds = [1] * 256 + list(types)
    return gguf([key("model", STRING, "gpt2"), *([key("pre", STRING, pre)] if pre else []),
                 key("tokens", ARRAY, listed, STRING), key("merges", ARRAY, list(merges), STRING),
                 *([key("token_type", ARRAY, kinds, I32)] if types else []), *keys])


def gguf_tokenizers():
    yield "gguf_plain", gguf_tokenizer("gpt-2")
    yield "gguf_qwen2", gguf_tokenizer("qwen2", types=())
    yield "gguf_neox", gguf_tokenizer(None, gguf_key("general.architecture", STRING, "gptneox"),
                                      tokens=("ab", "e\u0301<|b|>", "<|a|>", "\n"), types=(4, 4, 3, 4))
    yield "gguf_llama3", gguf_tokenizer("llama-bpe", gguf_key("tokenizer.ggml.add_bos_token", BOOL, 0))
    yield "gguf_twice", gguf_tokenizer("gpt-2", merges=("a b", "a b"))


# --- torch ----------------------------------------------------------------------------

def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def number(n):
    return b"K" + bytes([n]) if 0 <= n < 256 else b"\x8a\x08" + struct.pack("<q", n)


def ints(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def torch_tensor(storage, count, shape, stride, offset=0, kind="Float"):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
            f"ctorch\n{kind}Storage\n".encode() + text(storage) + text("cpu") + number(count) +
            b"tQ" + number(offset) + ints(shape) + ints(stride) +
            b"\x89ccollections\nOrderedDict\n)RtR")


def state_dict(**tensors):
    items = b"".join(text(name) + value for name, value in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)Rq\0(" + items + b"u."


def pickles():
    yield "plain", state_dict(w=torch_tensor("0", 4, [2, 2], [2, 1]))
    yield "views", state_dict(w=torch_tensor("0", 4, [2, 2], [1, 2]),
                              v=torch_tensor("0", 4, [2], [2], 1),
                              e=torch_tensor("0", 4, [3, 2], [0, 1]),
                              n=torch_tensor("0", 4, [0, 9], [9, 1]),
                              s=torch_tensor("0", 4, [], [], 3))
    yield "half", state_dict(h=torch_tensor("0", 8, [8], [1], kind="Half"))
    yield "ids", state_dict(h=torch_tensor("0", 2, [1, 2], [300, 1], kind="Long"))
    yield "overflow", state_dict(w=torch_tensor("0", 4, [2**62, 4], [1, 2**62], 2**62))
    yield "attributes", (state_dict(w=torch_tensor("0", 4, [4], [1]))[:-1] + b"}q\x01" +
                         text("_metadata") + b"ccollections\nOrderedDict\n)Rq\x02" + text("") +
                         b"}" + text("version") + b"K\x01sssb.")
    yield "memo", b"\x80\x02}q\x01r\x00\x01\x00\x00(h\x01j\x00\x01\x00\x00NNu]q\x02(K\x01M\x01\x02e\x86."
    yield "nothing", b"\x80\x02}."
    yield "system", b"\x80\x02cposix\nsystem\n" + text("exit 1") + b"\x85R."
    yield "framed", b"\x80\x04\x95\x01\0\0\0\0\0\0\0}."


def archive(pickle, data=bytes(16), method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, content in (("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", data)):
            z.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def with_zip64_end(data):
    """The same archive with the zip64 records that torch writes always."""
    end = data[-22:]
    count, size, at = struct.unpack("<HII", end[10:20])
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 0, 0, 0, 0, count, count, size, at)
    return data[:-22] + end64 + struct.pack("<4sIQI", b"PK\6\7", 0, len(data) - 22, 1) + end


def archives():
    for name, pickle in pickles():
        yield name, archive(pickle)
    plain = archive(dict(pickles())["plain"])
    yield "zip64", with_zip64_end(plain)
    yield "deflate", archive(dict(pickles())["plain"], method=zipfile.ZIP_DEFLATED)
    yield "cut", plain[:-30]
    yield "legacy", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


# --- pictures -------------------------------------------------------------------------

def exif(order, orientation, kind=3, count=1):
    e = {"II": "<", "MM": ">"}[order]
    entry = struct.pack(e + "HHIHH", 0x0112, kind, count, orientation, 0)
    return order.encode() + struct.pack(e + "HIH", 42, 8, 1) + entry + bytes(4)


# --- text and labels ------------------------------------------------------------------

MERGES = b"#version: 0.2\na b\nab c</w>\n"
VOCAB = {"a": 0, "b": 1, "ab": 2, "c</w>": 3, "abc</w>": 4}


def vocabs():
    good = json.dumps(VOCAB).encode()
    yield "good", good + b"\0" + MERGES
    yield "crlf", good + b"\0" + MERGES.replace(b"\n", b"\r\n") + b"\r\n"
    yield "unknown", json.dumps({"a": 0}).encode() + b"\0" + MERGES
    yield "twice", good + b"\0" + MERGES + b"a b\n"
    yield "gap", json.dumps({"a": 0, "b": 2**63 - 1}).encode() + b"\0" + MERGES


def merges():
    yield "plain", MERGES
    yield "gzip", gzip.compress(MERGES, mtime=0)
    yield "cut", gzip.compress(MERGES, mtime=0)[:-6]
    yield "twice", MERGES + b"b c</w>\na bc</w>\n"
    yield "mark", b"#version: 0.2\n<|startof text|>\n"


WORDS = {
    "plain": "a photo of a cat. it's 12 o'clock!",
    "marks": "aaaa<|endoftext|>abc <|STARTOFTEXT|><|end",
    "scripts": "\u0130 e\u0301\u0323 \u1100\u1161\u11a8 \u732b \U0001f600 \u00a0x\u2028\u00bd",
}
TEXTS = {
    "contractions": "it's IT'LL 're '\u017f o'clock x'",
    "white_space": "a  b \n \r\n\t c\u00a0\u2028 !\n\n ?\r",
    "mixed": "\u0301a 12345 \u00bd\u4e00\u732b \u05d0 \U0001f600 _a (b) e\u0301",
}


def added(token, content, **flags):
    return {"id": token, "content": content, "special": True, "normalized": False} | flags


def tokenizers():
    """fuzz_tokenizer puts the tokens of the 256 bytes for the @."""
    byte_level = {"type": "ByteLevel"}
    plain = {"normalizer": None, "pre_tokenizer": byte_level, "decoder": byte_level,
             "model": {"vocab": {"ab": 256, "abc": 257}, "merges": ["a b", "ab c"]}}
    qwen2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
             r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    split = {"type": "Split", "pattern": {"Regex": qwen2}, "behavior": "Isolated", "invert": False}
    steps = [split, byte_level | {"use_regex": False, "add_prefix_space": False}]
    yield "plain", plain
    yield "prefixed", plain | {"pre_tokenizer": byte_level | {"add_prefix_space": True}}
    yield "added", plain | {"added_tokens": [added(258, "<|a|>"), added(256, "ab"), added(300, "  ")]}
    yield "normalized", plain | {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
        "added_tokens": [added(258, "e\u0301<|b|>", normalized=True), added(259, "<|a|>")]}
    yield "qwen2", plain | {
        "normalizer": {"type": "NFC"}, "post_processor": byte_level,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "model": {"type": "BPE", "vocab": {"ab": 256, "abc": 257}, "ignore_merges": True,
                  "merges": [["a", "b"]]}}
    yield "template", plain | {"post_processor": {"type": "TemplateProcessing", "single": [
        {"Sequence": {"id": "A", "type_id": 0}}]}}
    yield "strip", plain | {"added_tokens": [added(258, "<|a|>", lstrip=True)]}
    yield "twice", plain | {"model": plain["model"] | {"merges": ["a b", "a b"]}}


LABELS = {
    "lines": b"\xef\xbb\xbfcat\r\n\r\n dog, the \nlast",
    "list": b"cat, a photo of a dog,bird",
    "empty": b" \n\t\r\n",
    "latin1": b"caf\xe9\n",
}


def cifar_record(label):
    return bytes([label]) + bytes(i % 251 for i in range(3072))


def main():
    for name, data in safetensors_inputs():
        put("safetensors", name, data)
    for name, data in gguf_inputs():
        put("gguf", name, data)
    for name, data in gguf_tokenizers():
        put("tokenizer", name, data)
    for name, data in pickles():
        put("torch_pickle", name, data)
    for name, data in archives():
        put("torch", name, data)
    for name, data in vocabs():
        put("vocab", name, data)
    for name, data in merges():
        put("merges", name, data)
    for name, words in WORDS.items():
        put("words", name, words.encode())
    for name, words in TEXTS.items():
        put("tokenizer", name, words.encode())
    for name, tokenizer in tokenizers():
        text = json.dumps(tokenizer, ensure_ascii=False).replace('"vocab": {', '"vocab": {@')
        put("tokenizer", name, text.encode())
    for name, data in LABELS.items():
        put("labels", name, data)
    put("cifar", "one", cifar_record(9))
    put("cifar", "label", cifar_record(10))
    put("cifar", "short", cifar_record(0)[:-1])
    for name in IMAGES:
        put("image", name, (FIXTURES / "images" / name).read_bytes())
    put("exif", "little", exif("II", 6))
    put("exif", "big", exif("MM", 8))
    put("exif", "long", exif("MM", 8, kind=4))
    put("exif", "absurd", exif("II", 9, count=2**32 - 1))


if __name__ == "__main__":
    main()
