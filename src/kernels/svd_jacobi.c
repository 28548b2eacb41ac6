/*
 * One-sided Jacobi (Hestenes 1958): pairs of rows of A are rotated until all are
 * orthogonal. With J the product of all rotations, J W = A, so W = J^T A: rows of A are
 * singular vectors times their values, rows of J the vectors of the other side. W is
 * taken with its shorter side as rows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/svd_work.h"

#define MOST_SWEEPS 60
#define ORTHOGONAL 1e-13 /* cosine of two rows, far below what F32 shows */
#define NOTHING 1e-14    /* length of a row beside the whole matrix that counts as zero */

struct jacobi {
	int64_t rows, cols; /* rows <= cols */
	double *a, *j;      /* [rows, cols], [rows, rows] */
	double *sigma;      /* [rows]: lengths of the rows of a */
	double nothing;     /* the square of a length */
};

static double dot(const double *x, const double *y, int64_t n)
{
	double sum[4] = { 0 };
	int64_t i = 0;
	for (; i + 4 <= n; i += 4)
		for (int l = 0; l < 4; l++)
			sum[l] += x[i + l] * y[i + l];
	for (; i < n; i++)
		sum[0] += x[i] * y[i];
	return sum[0] + sum[1] + sum[2] + sum[3];
}

static void rotate(double *x, double *y, int64_t n, double c, double s)
{
	for (int64_t i = 0; i < n; i++) {
		double u = x[i], v = y[i];
		x[i] = c * u - s * v;
		y[i] = s * u + c * v;
	}
}

/* Makes two rows orthogonal; false: they were. */
static bool rotate_pair(struct jacobi *z, int64_t p, int64_t q)
{
	double *x = z->a + p * z->cols, *y = z->a + q * z->cols;
	double xx = dot(x, x, z->cols), yy = dot(y, y, z->cols);
	if (xx <= z->nothing || yy <= z->nothing)
		return false;
	double xy = dot(x, y, z->cols);
	if (fabs(xy) <= ORTHOGONAL * sqrt(xx * yy))
		return false;
	double zeta = (yy - xx) / (2 * xy);
	double t = (zeta < 0 ? -1 : 1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
	double c = 1 / sqrt(1 + t * t);
	rotate(x, y, z->cols, c, c * t);
	rotate(z->j + p * z->rows, z->j + q * z->rows, z->rows, c, c * t);
	return true;
}

static bool rotate_all(struct jacobi *z)
{
	for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
		bool rotated = false;
		for (int64_t p = 0; p < z->rows; p++)
			for (int64_t q = p + 1; q < z->rows; q++)
				rotated |= rotate_pair(z, p, q);
		if (!rotated)
			return true;
	}
	return false;
}

static void swap(double *x, double *y, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		double u = x[i];
		x[i] = y[i];
		y[i] = u;
	}
}

/* The longest row first. */
static void sort(struct jacobi *z)
{
	for (int64_t i = 0; i < z->rows; i++) {
		const double *row = z->a + i * z->cols;
		double square = dot(row, row, z->cols);
		z->sigma[i] = square > z->nothing ? sqrt(square) : 0;
	}
	for (int64_t i = 0; i < z->rows; i++) {
		int64_t best = i;
		for (int64_t k = i + 1; k < z->rows; k++)
			best = z->sigma[k] > z->sigma[best] ? k : best;
		if (best == i)
			continue;
		swap(&z->sigma[i], &z->sigma[best], 1);
		swap(z->a + i * z->cols, z->a + best * z->cols, z->cols);
		swap(z->j + i * z->rows, z->j + best * z->rows, z->rows);
	}
}

/* Row i as what is left of a unit vector beside the rows before it, of which one at least
 * keeps the mean length of all, (cols - i) / cols. */
static void invent(struct jacobi *z, int64_t i)
{
	double *row = z->a + i * z->cols, left = 0;
	for (int64_t t = 0; t < z->cols; t++) {
		memset(row, 0, sizeof(*row) * (size_t)z->cols);
		row[(i + t) % z->cols] = 1;
		for (int64_t k = 0; k < i; k++) {
			const double *other = z->a + k * z->cols;
			double along = dot(row, other, z->cols);
			for (int64_t c = 0; c < z->cols; c++)
				row[c] -= along * other[c];
		}
		left = dot(row, row, z->cols);
		if (left * 2 * (double)z->cols > (double)(z->cols - i))
			break;
	}
	for (int64_t c = 0; c < z->cols; c++)
		row[c] /= sqrt(left);
}

static void normalise(struct jacobi *z)
{
	for (int64_t i = 0; i < z->rows; i++) {
		double *row = z->a + i * z->cols;
		if (!(z->sigma[i] > 0))
			invent(z, i);
		else
			for (int64_t c = 0; c < z->cols; c++)
				row[c] /= z->sigma[i];
	}
}

static void transpose(double *to, const double *from, int64_t rows, int64_t cols)
{
	for (int64_t i = 0; i < rows; i++)
		for (int64_t k = 0; k < cols; k++)
			to[k * rows + i] = from[i * cols + k];
}

static bool run(struct jacobi *z)
{
	double all = dot(z->a, z->a, z->rows * z->cols);
	z->nothing = NOTHING * NOTHING * all;
	memset(z->j, 0, sizeof(*z->j) * (size_t)(z->rows * z->rows));
	for (int64_t i = 0; i < z->rows; i++)
		z->j[i * z->rows + i] = 1;
	if (!rotate_all(z))
		return false;
	sort(z);
	normalise(z);
	return true;
}

bool svd_by_rotations(struct svd_work *w)
{
	bool tall = w->m > w->n;
	struct jacobi z = { .rows = w->k, .cols = tall ? w->m : w->n, .sigma = w->sigma };
	/* W is free once it is copied, and as large as what stands in it then. */
	z.a = tall ? w->left : w->right;
	if (tall)
		transpose(z.a, w->w, w->m, w->n);
	else
		memcpy(z.a, w->w, sizeof(*z.a) * (size_t)(w->m * w->n));
	z.j = tall ? w->right : w->left;
	if (!run(&z))
		return false;
	/* The rows of J or of A are columns of `left`. */
	memcpy(w->w, w->left, sizeof(*w->w) * (size_t)(w->m * w->k));
	transpose(w->left, w->w, w->k, w->m);
	return true;
}
