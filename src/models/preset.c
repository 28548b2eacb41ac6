#include "models/preset.h"

#include <stddef.h>
#include <string.h>

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
	{ NULL, NULL, NULL },
};

const struct preset *preset_by_name(const char *name)
{
	for (const struct preset *p = presets; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}
