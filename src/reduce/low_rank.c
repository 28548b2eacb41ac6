#include "reduce/low_rank.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "kernels/svd.h"

void low_rank_init(struct low_rank *l, struct linear full)
{
	int64_t out = full.weight.dim[0], in = full.weight.dim[1];
	*l = (struct low_rank){ .full = full, .most = out < in ? out : in };
}

static struct tensor left_shape(const struct low_rank *l)
{
	return tensor_of(DT_F32, NULL, DIMS(l->full.weight.dim[0], l->most));
}

static struct tensor right_shape(const struct low_rank *l)
{
	return tensor_of(DT_F32, NULL, DIMS(l->most, l->full.weight.dim[1]));
}

enum err low_rank_factor(struct low_rank *l)
{
	if (l->sigma)
		return OK;
	l->left = left_shape(l);
	l->right = right_shape(l);
	l->left.data = malloc((size_t)tensor_bytes(&l->left));
	l->right.data = malloc((size_t)tensor_bytes(&l->right));
	float *sigma = malloc(sizeof(float) * (size_t)l->most);
	enum err e = ERR_NOMEM;
	if (!l->left.data || !l->right.data || !sigma)
		e = err_set(ERR_NOMEM,
			    "no memory for the factors of a %lld x %lld matrix",
			    (long long)l->full.weight.dim[0],
			    (long long)l->full.weight.dim[1]);
	else
		e = svd(&l->full.weight, &l->left, sigma, &l->right);
	if (e) {
		free(sigma);
		low_rank_release(l);
		return e;
	}
	for (int64_t i = 0; i < l->left.dim[0]; i++)
		for (int64_t j = 0; j < l->most; j++)
			tensor_row(&l->left, i)[j] *= sigma[j];
	l->sigma = sigma;
	return OK;
}

void low_rank_release(struct low_rank *l)
{
	free(l->left.data);
	free(l->right.data);
	free(l->sigma);
	l->left.data = l->right.data = NULL;
	l->sigma = NULL;
}

int64_t low_rank_wanted(const struct knobs *k) { return (int64_t)knob_num(k, KNOB_RANK); }

enum err low_rank_check(const struct low_rank *l, int64_t rank, const char *model)
{
	if (rank <= l->most)
		return OK;
	return err_set(ERR_USAGE,
		       "--rank %lld: the projection of %s is %lld x %lld: at most %lld",
		       (long long)rank, model, (long long)l->full.weight.dim[0],
		       (long long)l->full.weight.dim[1], (long long)l->most);
}

double low_rank_error(const float *sigma, int64_t n, int64_t rank)
{
	double lost = 0, all = 0;
	for (int64_t i = 0; i < n; i++) {
		double s2 = (double)sigma[i] * (double)sigma[i];
		all += s2;
		lost += i >= rank ? s2 : 0;
	}
	return all > 0 ? sqrt(lost / all) : (double)NAN;
}

static void add_facts(const struct low_rank *l, int64_t rank, struct low_rank_facts *f)
{
	double out = (double)l->full.weight.dim[0], in = (double)l->full.weight.dim[1];
	int64_t even = (int64_t)(out * in / (out + in));
	f->matrices++;
	f->rel_error = low_rank_error(l->sigma, l->most, rank);
	f->full += out * in;
	f->stored += (double)rank * (out + in);
	if (even <= f->break_even)
		return;
	f->break_even = even;
	f->spectrum = l->sigma;
	f->n_spectrum = l->most;
}

struct tensor op_low_rank(struct pass *p, const char *name, struct tensor x,
			  const struct low_rank *l, int64_t rank,
			  struct low_rank_facts *f)
{
	if (!rank)
		return op_linear(p, name, x, &l->full, ACT_NONE);
	bool dry = p->backend->dry;
	assert(dry || l->sigma);
	struct linear down = { .weight = dry ? right_shape(l) : l->right };
	struct linear up = { .weight = dry ? left_shape(l) : l->left,
			     .bias = l->full.bias };
	down.weight.dim[0] = rank;
	up.weight.dim[1] = rank; /* the first columns: rows stay `most` apart */
	if (!dry)
		add_facts(l, rank, f);
	span_open(p, name, -1);
	x = op_linear(p, "down", x, &down, ACT_NONE);
	x = op_linear(p, "up", x, &up, ACT_NONE);
	span_close(p);
	return x;
}
