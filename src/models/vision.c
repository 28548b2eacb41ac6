#include "models/vision.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/model.h"

/* The tower's tensors may lie inside of a larger model's. */
static const char *name_of(const struct vision *v, const char *name, char buf[160])
{
	snprintf(buf, 160, "%svision_model.%s", v->root ? v->root : "", name);
	return buf;
}

enum err vision_configure(struct vision *v, struct model *m, const struct hfconfig *c,
			  const struct vit_defaults *d, int64_t patch)
{
	const char *what = hfconfig_label(m->config);
	char name[160];
	v->patch = hfconfig_int(c, "patch_size", patch, 1, 1024);
	v->image = hfconfig_int(c, "image_size", 224, 1, 8192);
	int64_t channels = hfconfig_int(c, "num_channels", 3, 1, 64);
	enum err e = vit_configure(&v->vit, m, c, d);
	if (e)
		return e;
	if (channels != 3)
		return err_set(ERR_UNSUPPORTED, "%s: num_channels is not 3", what);
	if (v->image < v->patch)
		return err_set(ERR_FORMAT, "%s: image_size %d is less than patch_size %d",
			       what, (int)v->image, (int)v->patch);
	v->pos.side = v->image / v->patch;
	m->tokens = v->pos.side * v->pos.side;
	m->image_size = v->image;
	return vit_check_depth(&v->vit, m, name_of(v, "encoder.layers", name));
}

void vision_bind(struct vision *v, struct tensors *t, bool cls, bool patch_bias)
{
	int64_t width = v->vit.width, grid = v->pos.side * v->pos.side;
	char name[160];
#define NAME(suffix) name_of(v, suffix, name)
	struct tensor w = tensors_get_stored(t, NAME("embeddings.patch_embedding.weight"),
					     DIMS(width, 3, v->patch, v->patch));
	/* The convolution as a matrix: its kernels lie row by row already. */
	v->patch_embed.weight =
		tensor_of(w.dtype, w.data, DIMS(width, 3 * v->patch * v->patch));
	if (patch_bias)
		v->patch_embed.bias = tensors_get(
			t, NAME("embeddings.patch_embedding.bias"), DIMS(width));
	if (cls)
		v->cls = tensors_get(t, NAME("embeddings.class_embedding"), DIMS(width));
	v->pos.lead = cls;
	v->pos.trained = tensors_get(t, NAME("embeddings.position_embedding.weight"),
				     DIMS(cls + grid, width));
	vit_bind(&v->vit, t, NAME("encoder.layers"));
#undef NAME
}

enum err vision_each_linear(struct vision *v, const struct knobs *k,
			    enum err (*fn)(void *, struct linear *), void *ctx)
{
	enum err e = fn(ctx, &v->patch_embed);
	return e ? e
		 : vit_each_linear(&v->vit, !k || vit_is_fused(k), projection_needs(k),
				   fn, ctx);
}

void vision_release(struct vision *v)
{
	positions_release(&v->pos);
	vit_release(&v->vit);
}

static struct tower tower_of(const struct vision *v, const struct model *m)
{
	return (struct tower){ .name = m->name,
			       .depth = v->vit.depth,
			       .cls = v->cls.ndim };
}

enum err vision_check(const struct vision *v, const struct model *m,
		      const struct knobs *k)
{
	struct reduction r;
	const struct tower tower = tower_of(v, m);
	int64_t side = vision_side(v, k);
	if (side < v->patch)
		return err_set(ERR_USAGE,
			       "--image-size %lld: a patch of %s is %lld pixels wide",
			       (long long)side, m->name, (long long)v->patch);
	return reduction_read(k, &tower, &r);
}

int64_t vision_side(const struct vision *v, const struct knobs *k)
{
	double side = knob_num(k, KNOB_IMAGE_SIZE);
	return isnan(side) ? v->image : (int64_t)side;
}

struct input vision_shape(const struct vision *v, const struct knobs *k)
{
	int64_t side = vision_side(v, k), items = (int64_t)knob_num(k, KNOB_BATCH);
	return (struct input){
		.items = items,
		.pixels = tensor_of(DT_F32, NULL, DIMS(items, 3, side, side)),
	};
}

enum err vision_adapt(struct vision *v, const struct knobs *k)
{
	return positions_adapt(&v->pos, vision_side(v, k) / v->patch);
}

const char *vision_why_not(enum knob_id id)
{
	switch (id) {
	case KNOB_DOWNSAMPLE:
	case KNOB_MRSS:
		return "a vision transformer has no scan to run at a coarser resolution";
	case KNOB_SEQ:
		return "its sequence is the image's patches";
	default:
		return NULL;
	}
}

struct tensor vision_embed(struct pass *p, const struct vision *v, const struct model *m,
			   const struct input *in, const struct knobs *k,
			   struct outputs *out, struct vision_pass *vp)
{
	const struct tower tower = tower_of(v, m);
	int64_t side = in->pixels.dim[2] / v->patch;
	enum err e = reduction_read(k, &tower, &vp->reduction);
	if (e && !p->err) /* vision_check() has seen these knobs */
		p->err = e;
	vp->fused = vit_is_fused(k);
	out->tokens = side * side;
	const struct token_start start = { .items = in->pixels.dim[0],
					   .tokens = out->tokens,
					   .cls = tower.cls };
	token_set_begin(&vp->set, p, &vp->reduction, &out->trace, &start);
	span_open(p, "embeddings", -1);
	struct tensor x = op_patches(p, "unfold", in->pixels, (int)v->patch);
	x = op_linear(p, "patch", x, &v->patch_embed, ACT_NONE);
	x = token_set_embed(&vp->set, p, x, v->cls,
			    positions_for(&v->pos, side, p->backend->dry));
	span_close(p);
	return x;
}

void vision_encode(struct pass *p, const struct vision *v, struct vision_pass *vp,
		   struct tensor x)
{
	token_set_start(&vp->set, p, x);
	vit_forward(p, &v->vit, &vp->set, vp->fused);
}
