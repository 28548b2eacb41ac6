#!/usr/bin/env python3
"""Small Qwen2-VL and Qwen2.5-VL checkpoints with the outputs of every block and layer.

    qwen_fixtures.py [OUTDIR]        default: tests/fixtures beside this folder

OUTDIR/qwen2_tiny and qwen25_tiny are checkpoint folders with the hub's names plus
oracle.safetensors; README.md lists the keys. qwen25_visual_bf16 (two shards) and
qwen2_visual_f16 (names as later releases write them) have only the tower. Everything is
what transformers computes, in fp64 (exact.py), rounded to F32 once; qwen_tower.py is
asserted to agree.
"""

import argparse
import copy
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import qwen_configs as configs
import vlm_weights as weights
from exact import Exact, doubled
from qwen_tower import QwenTower

NEW_TOKENS = 8
MIN_LOGIT_GAP = 1e-4  # closer than this, rounding may choose another token

# name: (config.json, seed, grids in patches, the two of the packed batch, the prompt's)
FIXTURES = {
    "qwen2_tiny": (
        configs.QWEN2_TINY,
        4,
        ((8, 8), (6, 10), (4, 14)),
        ((6, 10), (4, 14)),
        (6, 10),
    ),
    "qwen25_tiny": (
        configs.QWEN25_TINY,
        4,
        ((16, 16), (10, 14), (12, 22), (6, 4)),
        ((10, 14), (6, 4)),
        (10, 14),
    ),
}

# name: (config.json, seed, grid, dtype of the file, prefix of the names, shards)
VISUALS = {
    "qwen25_visual_bf16": (configs.QWEN25_VISUAL, 5, (10, 14), torch.bfloat16, "visual.", 2),
    "qwen2_visual_f16": (configs.QWEN2_VISUAL, 6, (6, 10), torch.float16, "model.visual.", 1),
}


# ---- inputs ----


def stream(seed, *of):
    return np.random.default_rng([seed, *of])  # not the weights' stream


def random_patches(cfg, grid, seed):
    """[n, 3 * 2 * patch^2] in the processor's row order."""
    vision = cfg["vision_config"]
    width = 3 * vision["temporal_patch_size"] * vision["patch_size"] ** 2
    rows = stream(seed, *grid).standard_normal((grid[0] * grid[1], width), dtype=np.float32)
    return torch.from_numpy(rows)


def thw(*grids):
    return torch.tensor([[1, h, w] for h, w in grids])


def name_of(grid):
    return f"{grid[0]}x{grid[1]}"


def prompt(grids, seed):
    """Text, a picture, text, a picture, text: I64 [T]."""
    rng = stream(seed, 3)

    def text(n):
        return rng.integers(0, configs.TEXT_IDS, n).tolist()

    ids = text(5)
    for h, w in grids:
        picture = [configs.IMAGE] * (h * w // 4)
        ids += [configs.VISION_START, *picture, configs.VISION_END, *text(4)]
    return torch.tensor(ids + text(3))


# ---- what transformers computes ----


def trace_tower(visual, pixels, grids):
    """Every stage of the tower; rows of `turn` and `blocks` are in the tower's own order."""
    seen = {}

    def before(_, __, kwargs):
        cos, sin = kwargs["position_embeddings"]
        half = cos.shape[1] // 2
        seen["turn"] = torch.cat([cos[:, :half], sin[:, :half]], dim=1)

    hooks = [visual.blocks[0].register_forward_pre_hook(before, with_kwargs=True)]
    for i, block in enumerate(visual.blocks):
        hooks.append(block.register_forward_hook(lambda _, __, x, i=i: keep(seen, i, x)))
    seen["merged"] = visual(pixels, grid_thw=thw(*grids))
    for hook in hooks:
        hook.remove()
    if hasattr(visual, "get_window_index"):
        index, bounds = visual.get_window_index(thw(*grids))
        seen["window_index"] = index
        seen["cu_window"] = torch.unique_consecutive(torch.tensor(bounds))
    return seen


def keep(seen, i, x, key="blocks"):
    seen[f"{key}.{i}"] = x[0] if isinstance(x, tuple) else x


def image_embeds(model, pixels, grids):
    return model.visual(pixels, grid_thw=thw(*grids))


def input_embeds(model, ids, images):
    """[T, D]: the embedding of every id, a row of `images` for every image token."""
    x = model.get_input_embeddings()(ids)
    x[ids == configs.IMAGE] = images
    return x


def language(model, x, positions):
    """Layers and head over rows [T, D] at I64 [3, T]; returns (hidden per layer, logits)."""
    decoder, seen = model.language_model, {}
    hooks = [
        layer.register_forward_hook(
            lambda _, __, y, i=i: seen.__setitem__(i, (y[0] if isinstance(y, tuple) else y)[0])
        )
        for i, layer in enumerate(decoder.layers)
    ]
    out = decoder(inputs_embeds=x[None], position_ids=positions[:, None], use_cache=False)
    for hook in hooks:
        hook.remove()
    return seen, model.lm_head(out.last_hidden_state)[0]


def positions_of(model, ids, grids):
    return model.model.get_rope_index(ids[None], image_grid_thw=thw(*grids))[0][:, 0]


def trace_prompt(model, ids, pixels, grids):
    positions = positions_of(model, ids, grids)
    x = input_embeds(model, ids, image_embeds(model, pixels, grids))
    hidden, logits = language(model, x, positions)
    whole = model(input_ids=ids[None], pixel_values=pixels, image_grid_thw=thw(*grids))
    check_close(logits, whole.logits[0], f"{model.config.model_type}: the parts and the whole")
    out = {"ids": ids, "positions": positions, "logits": logits}
    return out | {f"hidden.{i}": hidden[i] for i in sorted(hidden)}


def likeliest(logits):
    """I64 [1]; refuses a near tie, and a token that is not text."""
    best = logits.topk(2)
    gap = (best.values[0] - best.values[1]).item()
    token = best.indices[0].item()
    assert gap > MIN_LOGIT_GAP, f"logit gap {gap:.1e}: change the seed"
    assert token < configs.TEXT_IDS, f"token {token} is a special one: change the seed"
    return best.indices[:1]


def greedy(model, ids, pixels, grids):
    """The likeliest continuation, the sequence run anew for every token."""
    images = image_embeds(model, pixels, grids)
    for _ in range(NEW_TOKENS):
        x = input_embeds(model, ids, images)
        logits = language(model, x, positions_of(model, ids, grids))[1][-1]
        ids = torch.cat([ids, likeliest(logits)])
    new = ids[-NEW_TOKENS:]
    assert len(new.unique()) >= NEW_TOKENS // 2, f"{new.tolist()}: change the seed"
    return new


def generated(model, ids, pixels, grids):
    """The same by transformers' own loop, with its cache of keys."""
    out = model.generate(
        input_ids=ids[None],
        attention_mask=torch.ones_like(ids)[None],
        pixel_values=pixels,
        image_grid_thw=thw(*grids),
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        pad_token_id=configs.EOS,
    )
    return out[0, len(ids) :]


# ---- checks ----


def check_close(ours, theirs, what, tolerance=1e-12):
    error = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    assert error <= tolerance, f"{what} differ by {error:.2e} of the largest"


def worst_error(exact, single, what):
    """How far the fp32 pass is off; integers have to be equal."""
    worst = 0.0
    for key, value in exact.items():
        if value.dtype == torch.int64:
            assert torch.equal(value, single[key]), f"{what}: fp32 has another {key}"
        else:
            worst = max(worst, ((value - single[key]).abs().max() / value.abs().max()).item())
    return worst


def check_tower(model, cfg, pixels, grids, merged, what):
    """Our own pass, that the pruned fixtures use, with nothing dropped."""
    tower = QwenTower.of_model(model, cfg)
    rows = torch.split(pixels, [h * w for h, w in grids])
    ours = torch.cat([tower.forward(r, g).embed for r, g in zip(rows, grids)])
    check_close(ours, merged, f"{what}: our tower and transformers'")


# ---- fixtures ----


def batches(grids, packed):
    """{prefix: its pictures' grids}: each alone, and two at once."""
    return {name_of(g): (g,) for g in grids} | ({"B": packed} if packed else {})


def towers(model, cfg, seed, of_prefix):
    """{prefix: stages}"""
    pixels = {g: random_patches(cfg, g, seed) for of in of_prefix.values() for g in of}
    out = {}
    for prefix, of in of_prefix.items():
        rows = torch.cat([pixels[g] for g in of])
        stages = trace_tower(model.visual, rows.to(model.dtype), of)
        out[prefix] = {"grid_thw": thw(*of), "pixel_values": rows, **stages}
    return out


def prompts(model, cfg, seed, packed, grid):
    """P: one picture and a continuation; Q: two pictures, text between."""

    def rows(*of):
        return torch.cat([random_patches(cfg, g, seed) for g in of]).to(model.dtype)

    one = trace_prompt(model, prompt((grid,), seed), rows(grid), (grid,))
    one["greedy"] = greedy(model, one["ids"], rows(grid), (grid,))
    theirs = generated(model, one["ids"], rows(grid), (grid,))
    assert torch.equal(one["greedy"], theirs), f"{theirs}: generate() says otherwise"
    two = trace_prompt(model, prompt(packed, seed), rows(*packed), packed)
    two["logits"] = two["logits"][-1]  # they depend on everything before
    return {"P": one, "Q": {k: two[k] for k in ("ids", "positions", "logits")}}


def check_apart(stages, packed, what):
    """Packed pictures do not see each other."""
    alone = torch.cat([stages[name_of(g)]["merged"] for g in packed])
    check_close(stages["B"]["merged"], alone, f"{what}: packed pictures and each alone")


def compute(model, exact, cfg, seed, grids, packed, grid, what):
    """({key: tensor}, largest error of fp32); no `packed`: only a tower."""
    of_prefix = batches(grids, packed)
    single = towers(model, cfg, seed, of_prefix)
    with Exact():
        stages = towers(exact, cfg, seed, of_prefix)
    for prefix, of in of_prefix.items():
        s = stages[prefix]
        check_tower(exact, cfg, s["pixel_values"].double(), of, s["merged"], what)
    if packed:
        check_apart(stages, packed, what)
        single |= prompts(model, cfg, seed, packed, grid)
        with Exact():
            stages |= prompts(exact, cfg, seed, packed, grid)
    worst = max(worst_error(stages[p], single[p], f"{what} {p}") for p in stages)
    return {f"{p}.{k}": v for p, s in stages.items() for k, v in s.items()}, worst


def save_oracle(folder, tensors, seed):
    stored = {
        k: v.to(torch.int64 if v.dtype == torch.int64 else torch.float32).contiguous()
        for k, v in tensors.items()
    }
    # One metadata key only: safetensors writes several in a random order.
    save_file(stored, folder / "oracle.safetensors", metadata={"seed": str(seed)})


def load_oracle(folder):
    return load_file(folder / "oracle.safetensors")


def make_folder(folder, cfg, seed):
    """A checkpoint in F32, and the model that transformers reads from it."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = configs.MODELS[cfg["model_type"]]
    blank = kind(kind.config_class(**copy.deepcopy(cfg)))
    weights.write_json(cfg, folder / "config.json")
    weights.write_json(configs.PREPROCESSOR, folder / "preprocessor_config.json")
    weights.save_weights(weights.random_tensors(blank, seed), folder / "model.safetensors")
    return weights.load(kind, folder)


def make_fixture(folder, cfg, seed, grids, packed, grid):
    model = make_folder(folder, cfg, seed)
    tensors, worst = compute(model, doubled(model), cfg, seed, grids, packed, grid, folder.name)
    save_oracle(folder, tensors, seed)
    print(f"{folder.name}: {len(tensors)} tensors; fp32 differs from fp64 by {worst:.1e} of max")


def make_visual(folder, cfg, seed, grid, dtype, prefix, shards):
    """A folder with the tower alone, in half precision; computed with its rounded weights."""
    cfg = cfg | {"torch_dtype": str(dtype).removeprefix("torch.")}
    kind = configs.MODELS[cfg["model_type"]]
    model = kind._from_config(
        kind.config_class(**copy.deepcopy(cfg)),
        attn_implementation="eager",
        dtype=torch.float32,
    ).eval()
    drawn = weights.random_tensors(model.visual, seed, lambda name: prefix + name)
    tensors = {name: t.to(dtype) for name, t in drawn.items()}
    folder.mkdir(parents=True, exist_ok=True)
    weights.write_json(cfg, folder / "config.json")
    weights.write_json(configs.PREPROCESSOR, folder / "preprocessor_config.json")
    if shards == 1:
        weights.save_weights(tensors, folder / "model.safetensors")
    else:
        weights.save_shards(tensors, folder, shards)

    read = {}
    for path in sorted(folder.glob("model*.safetensors")):
        read |= load_file(path)
    model.visual.load_state_dict({k.removeprefix(prefix): v.float() for k, v in read.items()})
    stages, worst = compute(model, doubled(model), cfg, seed, (grid,), None, None, folder.name)
    save_oracle(folder, stages, seed)
    print(f"{folder.name}: {len(stages)} tensors; fp32 differs from fp64 by {worst:.1e} of max")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    with torch.no_grad():
        for name, of in FIXTURES.items():
            make_fixture(outdir / name, *of)
        for name, of in VISUALS.items():
            make_visual(outdir / name, *of)


if __name__ == "__main__":
    main()
