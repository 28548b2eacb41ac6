#include "models/preset.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "tensor/hfconfig.h"

/* Facts of the published checkpoints: width, MLP, layers, heads, patch, image,
 * projection; and of the text tower: width, MLP, layers, heads. */
#define CLIP(d, f, l, h, p, s, proj, td, tf, tl, th)                                     \
	"{\"model_type\":\"clip\",\"projection_dim\":" #proj ",\"vision_config\":{"      \
	"\"hidden_size\":" #d ",\"intermediate_size\":" #f ",\"num_hidden_layers\":" #l  \
	",\"num_attention_heads\":" #h ",\"patch_size\":" #p ",\"image_size\":" #s       \
	",\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-5},\"text_config\":{"      \
	"\"hidden_size\":" #td ",\"intermediate_size\":" #tf                             \
	",\"num_hidden_layers\":" #tl ",\"num_attention_heads\":" #th                    \
	",\"hidden_act\":\"quick_gelu\",\"layer_norm_eps\":1e-5}}"

#define SIGLIP_VISION(d, f, l, h, p, s)                                                  \
	"{\"model_type\":\"siglip\",\"vision_config\":{"                                 \
	"\"hidden_size\":" #d ",\"intermediate_size\":" #f ",\"num_hidden_layers\":" #l  \
	",\"num_attention_heads\":" #h ",\"patch_size\":" #p ",\"image_size\":" #s "}}"

/* Qwen's vision towers: width, layers, heads; of the second version MLP, output and the
 * blocks without windows. What stands before them: of whom, stored in halves. */
#define QWEN2_VISION(d, l, h, out)                                                       \
	"\"vision_config\":{\"depth\":" #l ",\"embed_dim\":" #d ",\"num_heads\":" #h     \
	",\"mlp_ratio\":4,\"in_chans\":3,\"hidden_size\":" #out                          \
	",\"patch_size\":14,\"spatial_merge_size\":2,\"temporal_patch_size\":2}"
#define QWEN25_VISION(d, f, l, h, out, whole)                                            \
	"\"vision_config\":{\"depth\":" #l ",\"hidden_size\":" #d                        \
	",\"intermediate_size\":" #f ",\"num_heads\":" #h ",\"out_hidden_size\":" #out   \
	",\"hidden_act\":\"silu\",\"window_size\":112,\"fullatt_block_indexes\":" whole  \
	",\"patch_size\":14,\"spatial_merge_size\":2,\"temporal_patch_size\":2}"
#define QWEN(type, rest)                                                                 \
	"{\"model_type\":\"" type "\",\"torch_dtype\":\"bfloat16\"," rest "}"
/* A tower alone, and who reads its tokens. */
#define READ_BY(name) ",\"language_model\":\"" name "\""
/* A language model: width, MLP, layers (of how many), heads, those of keys, vocabulary.
 */
#define QWEN_TEXT(d, f, l, of, h, kv, v, sections)                                       \
	",\"hidden_size\":" #d ",\"intermediate_size\":" #f ",\"num_hidden_layers\":" #l \
	",\"published_num_hidden_layers\":" #of ",\"num_attention_heads\":" #h           \
	",\"num_key_value_heads\":" #kv ",\"vocab_size\":" #v                            \
	",\"rms_norm_eps\":1e-6,\"rope_theta\":1000000.0,\"tie_word_embeddings\":true,"  \
	"\"rope_scaling\":{\"type\":\"mrope\",\"mrope_section\":" sections "}"
#define MARKS(start, end, picture)                                                       \
	",\"vision_start_token_id\":" #start ",\"vision_end_token_id\":" #end            \
	",\"image_token_id\":" #picture

/* A tower of LLaVA's kind: the vision_config, which layer of it, and the language model:
 * its width, MLP, layers, heads. */
#define LLAVA(vision, layer, select, d, f, l, h)                                         \
	"{\"model_type\":\"llava\",\"torch_dtype\":\"bfloat16\",\"vision_"               \
	"config\":" vision ",\"vision_feature_layer\":" #layer                           \
	",\"vision_feature_select_strategy\":\"" select "\",\"text_config\":{"           \
	"\"model_type\":\"llama\",\"hidden_size\":" #d ",\"intermediate_size\":" #f      \
	",\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #h                      \
	",\"vocab_size\":32000}}"
#define TOWER(type, d, f, l, h, p, s)                                                    \
	"{\"model_type\":\"" type "\",\"hidden_size\":" #d ",\"intermediate_size\":" #f  \
	",\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #h                      \
	",\"patch_size\":" #p ",\"image_size\":" #s "}"

/* A long convolution: of what kind its kernel is, taps, channels, states that it is made
 * of, tokens. */
#define LONG_CONV(kind, l, d, n, t)                                                      \
	"{\"model_type\":\"long_conv\",\"kernel\":\"" kind "\",\"kernel_size\":" #l      \
	",\"width\":" #d ",\"state_size\":" #n ",\"step\":0.02,\"seq_length\":" #t "}"
/* Mamba-1: width, layers, vocabulary. */
#define MAMBA(d, l, v)                                                                   \
	"{\"model_type\":\"mamba\",\"hidden_size\":" #d ",\"num_hidden_layers\":" #l     \
	",\"vocab_size\":" #v ",\"state_size\":16,\"conv_kernel\":4,\"expand\":2,"       \
	"\"time_step_rank\":\"auto\",\"layer_norm_epsilon\":1e-5}"
/* Knobs that a preset brings. */
#define WORKLOAD(knobs) ",\"workload\":\"" knobs "\""
/* A post-norm encoder with a binary head: width, MLP, layers, heads. */
#define ENCODER(d, f, l, h, workload)                                                    \
	"{\"model_type\":\"transformer_encoder\",\"hidden_size\":" #d                    \
	",\"intermediate_size\":" #f ",\"num_hidden_layers\":" #l                        \
	",\"num_attention_heads\":" #h ",\"num_labels\":2" WORKLOAD(workload) "}"

/* Mixers alone: width, states, rank of the time step, rows. */
#define SCAN_MIXER(d, n, r, t)                                                           \
	"{\"model_type\":\"scan_mixer\",\"hidden_size\":" #d ",\"state_size\":" #n       \
	",\"time_step_rank\":" #r ",\"seq_length\":" #t "}"
#define ATTENTION_MIXER(d, t)                                                            \
	"{\"model_type\":\"attention_mixer\",\"hidden_size\":" #d ",\"seq_length\":" #t  \
	"}"
/* The proxy of multi-resolution scanning: width, taps. */
#define MRSS_PROXY(d, k, workload)                                                       \
	"{\"model_type\":\"mrss_proxy\",\"hidden_size\":" #d                             \
	",\"conv_kernel\":" #k WORKLOAD(workload) "}"

const struct preset presets[] = {
	{ "clip-vit-b16", CLIP(768, 3072, 12, 12, 16, 224, 512, 512, 2048, 12, 8),
	  "CLIP ViT-B/16 image tower, 196 patches" },
	{ "clip-vit-b32", CLIP(768, 3072, 12, 12, 32, 224, 512, 512, 2048, 12, 8),
	  "CLIP ViT-B/32 image tower, 49 patches" },
	{ "clip-vit-l14", CLIP(1024, 4096, 24, 16, 14, 224, 768, 768, 3072, 12, 12),
	  "CLIP ViT-L/14 image tower, 256 patches" },
	{ "clip-vit-l14-336", CLIP(1024, 4096, 24, 16, 14, 336, 768, 768, 3072, 12, 12),
	  "CLIP ViT-L/14 image tower at 336 pixels, 576 patches" },
	{ "siglip-b16", SIGLIP_VISION(768, 3072, 12, 12, 16, 224),
	  "SigLIP ViT-B/16 image tower, 196 patches" },
	{ "qwen2-vl-2b-visual",
	  QWEN("qwen2_vl", QWEN2_VISION(1280, 32, 16, 1536) READ_BY("qwen2-1.5b")),
	  "Qwen2-VL-2B vision tower, pictures of any size" },
	{ "qwen2-vl-7b-visual",
	  QWEN("qwen2_vl", QWEN2_VISION(1280, 32, 16, 3584) READ_BY("qwen2-7b")),
	  "Qwen2-VL-7B vision tower, pictures of any size" },
	{ "qwen2.5-vl-3b-visual",
	  QWEN("qwen2_5_vl", QWEN25_VISION(1280, 3420, 32, 16, 2048, "[7,15,23,31]")
				     READ_BY("qwen2.5-3b")),
	  "Qwen2.5-VL-3B vision tower, windows, pictures of any size" },
	{ "qwen2.5-vl-7b-visual",
	  QWEN("qwen2_5_vl", QWEN25_VISION(1280, 3420, 32, 16, 3584, "[7,15,23,31]")
				     READ_BY("qwen2-7b")),
	  "Qwen2.5-VL-7B vision tower, windows, pictures of any size" },
	{ "qwen2-vl-2b",
	  QWEN("qwen2_vl", QWEN2_VISION(1280, 32, 16, 1536) QWEN_TEXT(
				   1536, 8960, 4, 28, 12, 2, 151936, "[16,24,24]")),
	  "Qwen2-VL-2B: with --text its language model, cut to 4 of 28 layers" },
	{ "qwen2.5-vl-3b",
	  QWEN("qwen2_5_vl",
	       QWEN25_VISION(1280, 3420, 32, 16, 2048, "[7,15,23,31]")
		       QWEN_TEXT(2048, 11008, 4, 36, 16, 2, 151936, "[16,24,24]")),
	  "Qwen2.5-VL-3B: with --text its language model, cut to 4 of 36 layers" },
	{ "llava-1.5-7b-visual",
	  LLAVA(TOWER("clip_vision_model", 1024, 4096, 24, 16, 14, 336), -2, "default",
		4096, 11008, 32, 32),
	  "LLaVA-1.5-7B: CLIP ViT-L/14-336 and projector, 576 tokens" },
	{ "llava-1.5-13b-visual",
	  LLAVA(TOWER("clip_vision_model", 1024, 4096, 24, 16, 14, 336), -2, "default",
		5120, 13824, 40, 40),
	  "LLaVA-1.5-13B: CLIP ViT-L/14-336 and projector, 576 tokens" },
	{ "vila-siglip-visual",
	  LLAVA(TOWER("siglip_vision_model", 1152, 4304, 27, 16, 14, 384), -2, "full",
		4096, 11008, 32, 32),
	  "VILA-style: SigLIP So400m/14-384 and projector, 729 tokens" },
	{ "long-conv:s4d", LONG_CONV("s4d", 256, 64, 64, 1024),
	  "long convolution, 256 taps of 64 x 64, of a state-space model" },
	{ "long-conv:random", LONG_CONV("random", 256, 64, 64, 1024),
	  "long convolution, 256 taps of 64 x 64, without structure" },
	{ "long-conv:s4d:tiny", LONG_CONV("s4d", 32, 8, 16, 64),
	  "long convolution in miniature, of a state-space model" },
	{ "long-conv:random:tiny", LONG_CONV("random", 32, 8, 16, 64),
	  "long convolution in miniature, without structure" },
	{ "mamba-130m", MAMBA(768, 24, 50280), "Mamba-130M language model, 24 layers" },
	{ "mamba-370m", MAMBA(1024, 48, 50280), "Mamba-370M language model, 48 layers" },
	{ "mamba-790m", MAMBA(1536, 48, 50280), "Mamba-790M language model, 48 layers" },
	{ "mamba-1.4b", MAMBA(2048, 48, 50280), "Mamba-1.4B language model, 48 layers" },
	{ "mamba-130m:tiny", MAMBA(64, 4, 512), "Mamba-130M in miniature, 4 layers" },
	{ "mamba-370m:tiny", MAMBA(64, 6, 512), "Mamba-370M in miniature, 6 layers" },
	{ "mamba-790m:tiny", MAMBA(96, 4, 512), "Mamba-790M in miniature, 4 layers" },
	{ "mamba-1.4b:tiny", MAMBA(96, 6, 512), "Mamba-1.4B in miniature, 6 layers" },
	{ "scan-mixer", SCAN_MIXER(768, 16, 48, 2048),
	  "one mixer of Mamba-130M: a selective scan of width 768" },
	{ "attention-mixer", ATTENTION_MIXER(768, 2048),
	  "one causal attention of width 768, 12 heads" },
	{ "scan-mixer:tiny", SCAN_MIXER(64, 8, 4, 64),
	  "one mixer of Mamba in miniature" },
	{ "attention-mixer:tiny", ATTENTION_MIXER(64, 64),
	  "one causal attention in miniature" },
	{ "llava-1.5-7b-visual:tiny",
	  LLAVA(TOWER("clip_vision_model", 64, 256, 3, 4, 8, 64), -2, "default", 96, 256,
		2, 4),
	  "LLaVA's tower and projector in miniature, 64 tokens" },
	{ "llava-1.5-13b-visual:tiny",
	  LLAVA(TOWER("clip_vision_model", 64, 256, 3, 4, 8, 64), -2, "default", 128, 352,
		2, 4),
	  "LLaVA-13B's tower and projector in miniature, 64 tokens" },
	{ "vila-siglip-visual:tiny",
	  LLAVA(TOWER("siglip_vision_model", 64, 256, 3, 4, 8, 64), -2, "full", 96, 256,
		2, 4),
	  "VILA-style tower and projector in miniature, 64 tokens" },
	{ "qwen2-vl-2b-visual:tiny",
	  QWEN("qwen2_vl", QWEN2_VISION(64, 4, 4, 64) READ_BY("qwen2-1.5b")),
	  "Qwen2-VL's vision tower in miniature" },
	{ "qwen2-vl-7b-visual:tiny",
	  QWEN("qwen2_vl", QWEN2_VISION(64, 4, 4, 96) READ_BY("qwen2-7b")),
	  "Qwen2-VL-7B's vision tower in miniature" },
	{ "qwen2.5-vl-3b-visual:tiny",
	  QWEN("qwen2_5_vl",
	       QWEN25_VISION(64, 172, 4, 4, 64, "[1,3]") READ_BY("qwen2.5-3b")),
	  "Qwen2.5-VL's vision tower in miniature, windows" },
	{ "qwen2.5-vl-7b-visual:tiny",
	  QWEN("qwen2_5_vl",
	       QWEN25_VISION(64, 172, 4, 4, 96, "[1,3]") READ_BY("qwen2-7b")),
	  "Qwen2.5-VL-7B's vision tower in miniature, windows" },
	{ "qwen2-vl-2b:tiny",
	  QWEN("qwen2_vl",
	       QWEN2_VISION(64, 4, 4, 64) QWEN_TEXT(64, 176, 2, 28, 4, 2, 512, "[2,3,3]")
		       MARKS(509, 510, 511)),
	  "Qwen2-VL in miniature, with --text its language model of 2 layers" },
	{ "qwen2.5-vl-3b:tiny",
	  QWEN("qwen2_5_vl", QWEN25_VISION(64, 172, 4, 4, 64, "[1,3]")
				     QWEN_TEXT(64, 176, 2, 36, 4, 2, 512, "[2,3,3]")
					     MARKS(509, 510, 511)),
	  "Qwen2.5-VL in miniature, with --text its language model of 2 layers" },
	{ "siglip-b16:tiny", SIGLIP_VISION(64, 256, 2, 4, 8, 64),
	  "SigLIP ViT-B/16 in miniature, 64 patches" },
	{ "clip-vit-b16:tiny", CLIP(64, 256, 2, 4, 8, 64, 32, 48, 192, 2, 4),
	  "ViT-B/16 in miniature, 64 patches" },
	{ "clip-vit-b32:tiny", CLIP(64, 256, 2, 4, 16, 64, 32, 48, 192, 2, 4),
	  "ViT-B/32 in miniature, 16 patches" },
	{ "clip-vit-l14:tiny", CLIP(96, 384, 3, 4, 7, 63, 48, 48, 192, 2, 4),
	  "ViT-L/14 in miniature, 81 patches" },
	{ "clip-vit-l14-336:tiny", CLIP(96, 384, 3, 4, 7, 98, 48, 48, 192, 2, 4),
	  "ViT-L/14-336 in miniature, 196 patches" },
	{ "encoder-2l", ENCODER(512, 2048, 2, 8, "batch=16 seq=128"),
	  "post-norm encoder of 2 layers for dynamic token pruning, 128 tokens" },
	{ "encoder-2l:tiny", ENCODER(64, 128, 2, 4, "batch=4 seq=32"),
	  "post-norm encoder in miniature, 32 tokens" },
	{ "mrss-proxy", MRSS_PROXY(512, 63, "batch=8 seq=8192 mrss=both"),
	  "multi-resolution scanning as published: two branches of convolutions" },
	{ "mrss-proxy:tiny", MRSS_PROXY(64, 15, "batch=2 seq=128 mrss=both"),
	  "the proxy of multi-resolution scanning in miniature" },
	{ NULL, NULL, NULL },
};

const struct preset *preset_by_name(const char *name)
{
	for (const struct preset *p = presets; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

void preset_workload(const char *name, bool has_length, uint64_t given, struct knobs *k)
{
	const struct preset *p = preset_by_name(name);
	struct hfconfig *config;
	struct knobs own;
	uint64_t mask;
	if (!p)
		return;
	enum err e = hfconfig_parse(p->config, p->name, &config);
	assert(!e); /* the table is ours */
	e = e ? e
	      : knobs_parse_canonical(hfconfig_str(config, "workload", ""), &own, &mask);
	assert(!e);
	hfconfig_free(config);
	if (e)
		return;
	if (has_length)
		mask &= ~(KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEQ));
	for (int i = 0; i < KNOB_COUNT; i++)
		if (mask & ~given & KNOB_BIT(i))
			k->v[i] = own.v[i];
}
