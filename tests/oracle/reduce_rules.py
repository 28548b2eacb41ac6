"""Which tokens stay and which are merged: the rules, on plain numbers.

Every rule refuses a decision that rounding could turn round: a seed with two scores closer
than MIN_GAP at a cut is no fixture (NearTie).
"""

import math

import numpy as np
import torch

MIN_GAP = 1e-5
NORMS = ("l2", "adaptive", "aligned", "threshold")  # of the row itself
PROJECTED = {"knorm": "k", "qnorm": "q", "kqnorm": "qk"}  # of what the block projects from it
TILE = 16  # rows of a product that `aligned` fills up


class NearTie(Exception):
    pass


def apart(a, b, what):
    if abs(float(a) - float(b)) <= MIN_GAP:
        raise NearTie(f"{what}: {float(a):.7f} and {float(b):.7f}: change the seed")


def choose(scores, others, has_cls, plan, at_embed):
    """Of every candidate whether it stays. `others`: rows alive that are none."""
    if plan.method == "threshold":
        return above(scores, plan)
    if plan.method == "adaptive":
        return share(scores, plan.keep)
    n = len(scores)
    k = math.ceil(plan.keep * n) if plan.method == "evit" else max(1, int(n * plan.keep))
    if plan.method == "aligned":
        # CLS joins later when the site is before it.
        others += int(has_cls and at_embed) + (plan.summary != "off")
        rows = -(-(k + others) // TILE) * TILE
        k = min(n, rows - others)
    return top(scores, k)


def top(scores, k):
    ranked, order = scores.sort(descending=True, stable=True)
    if 0 < k < len(scores):
        apart(ranked[k - 1], ranked[k], f"top {k}")
    chosen = set(order[:k].tolist())
    return [i in chosen for i in range(len(scores))]


def above(scores, plan):
    cut = plan.threshold
    if plan.quantile:
        if cut == 0:
            return [True] * len(scores)
        cut = np.quantile(scores.numpy(), cut)
    for s in scores:
        # A quantile may be a score itself; that one does not exceed it.
        if not (plan.quantile and float(s) == float(cut)):
            apart(s, cut, "threshold")
    stays = [float(s) > float(cut) for s in scores]
    if not any(stays):
        return top(scores, 1)
    return stays


def share(scores, keep):
    """The fewest of the highest that hold `keep` of the sum."""
    ranked = scores.sort(descending=True, stable=True).values
    sums, want = ranked.cumsum(0), keep * float(scores.sum())
    k = 1 + int((sums[:-1] < want).sum())
    for s in sums[:-1]:
        apart(s, want, "share")
    return top(scores, k)


def match(metric, r, has_cls):
    """ToMe, arXiv 2210.09461: (scores, [(a, b) rows merged], rows left in their new order)."""
    t = metric.shape[0]
    r = min(r, (t - int(has_cls)) // 2)
    a, b = list(range(0, t, 2)), list(range(1, t, 2))
    unit = metric / metric.norm(dim=1, keepdim=True)
    scores = unit[a] @ unit[b].T
    if has_cls:
        scores[0] = -math.inf
    ranked = scores.sort(dim=1, descending=True).values
    if r and ranked.shape[1] > 1:
        for row in ranked[int(has_cls) :]:
            apart(row[0], row[1], "edge")
    best, to = scores.max(dim=1)
    merged = [i for i, yes in enumerate(top(best, r)) if yes]
    edges = [(a[i], b[int(to[i])]) for i in merged]
    gone = {i for i, _ in edges}
    return scores, edges, [i for i in a if i not in gone] + b
