"""config.json and preprocessor_config.json of small Qwen2-VL and Qwen2.5-VL checkpoints.

They are written as the published ones are: the language model's keys at the top level, no
`text_config`, `in_chans` that nothing reads. The language models have fewer keys than queries.
"""

from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2VLForConditionalGeneration

from vlm_weights import DEVIATION, MEAN

MODELS = {
    "qwen2_vl": Qwen2VLForConditionalGeneration,
    "qwen2_5_vl": Qwen2_5_VLForConditionalGeneration,
}
VOCAB, TEXT_IDS = 320, 300  # text has the ids below TEXT_IDS
VISION_START, VISION_END, VISION_PAD, IMAGE, VIDEO, EOS, BOS = range(312, 319)
PATCH = dict(in_chans=3, patch_size=4, spatial_merge_size=2, temporal_patch_size=2)


def config(model_type, text, vision, tied):
    """The top level of a config.json; `text` and `vision` have what is the model's own."""
    return {
        "architectures": [MODELS[model_type].__name__],
        "attention_dropout": 0.0,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "vision_start_token_id": VISION_START,
        "vision_end_token_id": VISION_END,
        "vision_token_id": VISION_PAD,
        "image_token_id": IMAGE,
        "video_token_id": VIDEO,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "max_position_embeddings": 512,
        "max_window_layers": text["num_hidden_layers"],
        "model_type": model_type,
        "rms_norm_eps": 1e-06,
        # As published (1e6) heads this narrow would hardly turn by height and width.
        "rope_theta": 100.0,
        "sliding_window": 512,
        "tie_word_embeddings": tied,
        "torch_dtype": "float32",
        "transformers_version": "4.41.2",
        "use_cache": True,
        "use_sliding_window": False,
        "vision_config": PATCH | vision,
        "vocab_size": VOCAB,
        **text,
    }


def language(hidden, heads, kv_heads, mlp, layers, sections):
    assert sum(sections) * 2 * heads == hidden
    return {
        "hidden_size": hidden,
        "intermediate_size": mlp,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "rope_scaling": {"type": "mrope", "mrope_section": sections},
    }


def vision2(depth, width, heads, ratio, out):
    # No hidden_act: the published files leave it to the default, quick_gelu.
    return dict(depth=depth, embed_dim=width, mlp_ratio=ratio, num_heads=heads, hidden_size=out)


def vision25(depth, width, heads, mlp, full, out):
    return dict(
        depth=depth,
        hidden_act="silu",
        hidden_size=width,
        intermediate_size=mlp,
        num_heads=heads,
        out_hidden_size=out,
        spatial_patch_size=PATCH["patch_size"],
        window_size=32,
        fullatt_block_indexes=full,
        tokens_per_second=2,
    )


TEXT2 = language(48, 6, 2, 80, 3, [1, 1, 2])
TEXT25 = language(48, 3, 1, 80, 3, [4, 2, 2])
QWEN2_TINY = config("qwen2_vl", TEXT2, vision2(4, 32, 2, 4, 48), tied=True)
QWEN25_TINY = config("qwen2_5_vl", TEXT25, vision25(4, 24, 3, 60, [1, 3], 48), tied=False)
# Only towers, as small as they can be and still be wrong somewhere.
SMALL2 = language(24, 3, 1, 40, 1, [1, 1, 2])
QWEN2_VISUAL = config("qwen2_vl", SMALL2, vision2(3, 24, 2, 3, 24), tied=True)
QWEN25_VISUAL = config("qwen2_5_vl", SMALL2, vision25(3, 32, 2, 44, [1], 24), tied=True)

PREPROCESSOR = {
    "min_pixels": 64,
    "max_pixels": 65536,
    "patch_size": PATCH["patch_size"],
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": MEAN,
    "image_std": DEVIATION,
    "image_processor_type": "Qwen2VLImageProcessor",
}
