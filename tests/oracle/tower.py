"""Vision towers that drop and merge tokens, one item at a time, as the design says it.

Weights, norms, activations and projections are transformers' modules (CLIP and SigLIP name
them alike); attention is written out, because scores, keys and sizes have to be seen. With
nothing dropped the result is transformers' own, which the fixtures assert.

Sites: "embed" is before CLS and position are added, a number l is block l (from 0). Where
in the block, and what the score is, is the business of the method; reduce_rules.py has the
rules that choose.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

import reduce_rules as rules

CLS = -1  # the name of a row that is no patch


@dataclass
class Plan:
    """The knobs, by the names of the command line."""

    method: str = "none"
    sites: tuple = ()  # "embed" or layers; empty: the method's own
    keep: float = 1.0
    summary: str = "off"
    merge_r: int = 0
    threshold: float | None = None
    quantile: bool = False
    rank: int = 0  # of the final projection


@dataclass
class Trace:
    """What one item went through."""

    counts: list = field(default_factory=list)  # rows that block l's MLP sees
    sites: list = field(default_factory=list)  # (alive, scores, stayed), names ascending
    groups: list = field(default_factory=list)  # per layer of tome: of every patch
    sizes: list = field(default_factory=list)  # per layer of tome: of every row
    kept: list = None  # patches that stay to the end
    hidden: list = field(default_factory=list)  # after the embedding and each layer
    products: list = field(default_factory=list)  # made only to decide by
    embed: torch.Tensor = None


class Rows:
    """The tokens alive: rows [T, D], each with a name and, for tome, a size.

    A patch's name is its index, CLS's is -1; a fused token of evit is N, N + 1, ... and a
    candidate like any patch; a summary is none (`fixed`).
    """

    def __init__(self, x, names, patches):
        self.x, self.names, self.patches = x, names, patches
        self.fixed = set()
        self.made = 0
        self.size = None
        self.members = {n: [n] for n in names if n >= 0}

    def candidates(self):
        """Rows that may be dropped."""
        return [i for i, n in enumerate(self.names) if n >= 0 and n not in self.fixed]

    def append(self, row, fixed):
        name = self.patches + self.made
        self.made += 1
        self.x = torch.cat([self.x, row[None]])
        self.names = self.names + [name]
        if fixed:
            self.fixed.add(name)

    def keep(self, rows):
        self.x = self.x[rows]
        self.names = [self.names[i] for i in rows]

    def kept(self):
        return sorted(n for n in self.names if 0 <= n < self.patches)


def heads_of(x, heads):
    """[T, D] -> [H, T, D / H]"""
    return x.view(x.shape[0], heads, -1).transpose(0, 1)


class Tower:
    """The vision tower of a CLIPModel or SiglipModel. `fused` hides attention's products."""

    def __init__(self, model, fused=False):
        self.model, self.fused = model, fused
        self.vision = model.vision_model
        self.config = getattr(model.config, "vision_config", model.config)
        self.layers = self.vision.encoder.layers
        self.heads = self.config.num_attention_heads
        self.has_cls = hasattr(self.vision.embeddings, "class_embedding")

    # ---- what the modules compute ----

    def patches(self, pixels):
        """[3, S, S] -> [N, D], row-major."""
        return self.vision.embeddings.patch_embedding(pixels[None])[0].flatten(1).T

    def positions(self, n):
        """Rows for n patches, CLS's first: bicubic where the model was trained at others."""
        rows = self.vision.embeddings.position_embedding.weight
        first = int(self.has_cls)
        if n == rows.shape[0] - first:
            return rows
        old, new = math.isqrt(rows.shape[0] - first), math.isqrt(n)
        grid = rows[first:].T.reshape(1, -1, old, old)
        grid = F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
        return torch.cat([rows[:first], grid.reshape(grid.shape[1], n).T])

    def project(self, layer, which, h):
        """q, k or v: [T, D] -> [H, T, D / H]"""
        return heads_of(getattr(layer.self_attn, f"{which}_proj")(h), self.heads)

    def mix(self, q, k, v, size):
        """softmax(q k^T + log size) v: [H, T, D / H] -> [T, D]"""
        bias = None if size is None else size.log().expand(q.shape[1], -1)
        if self.fused:
            mixed = F.scaled_dot_product_attention(q[None], k[None], v[None], bias)[0]
        else:
            mixed = softmax_of(q, k, bias) @ v
        return mixed.transpose(0, 1).reshape(q.shape[1], -1)

    def pool(self, rows, rank):
        if self.has_cls:
            w = low_rank(self.model.visual_projection.weight, rank)
            return F.linear(self.vision.post_layernorm(rows.x[:1]), w)[0]
        return self.attention_pool(self.vision.post_layernorm(rows.x), rows.size)

    def attention_pool(self, x, size):
        head = self.vision.head
        w, b = head.attention.in_proj_weight.chunk(3), head.attention.in_proj_bias.chunk(3)
        q, k, v = (
            heads_of(F.linear(rows, w[i], b[i]), self.heads)
            for i, rows in enumerate((head.probe[0], x, x))
        )
        x = head.attention.out_proj(self.mix(q, k, v, size))
        return (x + head.mlp(head.layernorm(x)))[0]

    # ---- the pass ----

    def sites(self, plan):
        if plan.sites:
            return set(plan.sites)
        depth = len(self.layers)
        if plan.method in ("cls", "evit"):
            return {depth // 4, depth // 2, 3 * depth // 4}
        if plan.method == "threshold":
            return set(range(depth))
        return {"embed"}

    def forward(self, pixels, plan):
        """One item [3, S, S]."""
        trace = Trace()
        sites = self.sites(plan)
        if plan.method in rules.PROJECTED and "embed" in sites:
            sites = sites - {"embed"} | {0}
        rows = self.embed(pixels, plan, "embed" in sites, trace)
        trace.hidden.append(rows.x)
        for i, layer in enumerate(self.layers):
            self.block(layer, rows, plan, i in sites, trace)
            trace.counts.append(len(rows.names))
            if plan.method == "cls" and i in sites:
                self.drop(rows, rows.scores, plan, trace)
            trace.hidden.append(rows.x)
        # Merging keeps a patch as long as it is the first of its group.
        trace.kept = sorted(set(trace.groups[-1])) if trace.groups else rows.kept()
        trace.embed = self.pool(rows, plan.rank)
        return trace

    def embed(self, pixels, plan, site, trace):
        x = self.patches(pixels)
        n = x.shape[0]
        rows = Rows(x, list(range(n)), n)
        if site and plan.method != "none":
            self.drop(rows, x.norm(dim=1), plan, trace)
        position = self.positions(n)
        here = [i for i, name in enumerate(rows.names) if name < n]
        added = torch.zeros_like(rows.x)
        added[here] = position[[int(self.has_cls) + rows.names[i] for i in here]]
        rows.x = rows.x + added
        if self.has_cls:
            cls = self.vision.embeddings.class_embedding + position[0]
            rows.x = self.vision.pre_layrnorm(torch.cat([cls[None], rows.x]))
            rows.names = [CLS] + rows.names
        return rows

    def block(self, layer, rows, plan, site, trace):
        method = plan.method
        if site and method in rules.NORMS:
            self.drop(rows, rows.x.norm(dim=1)[rows.candidates()], plan, trace)
        h = layer.layer_norm1(rows.x)
        if site and method in rules.PROJECTED:
            qkv = self.drop_projected(layer, rows, h, plan, trace)
        else:
            qkv = [self.project(layer, which, h) for which in "qkv"]
        if site and method in ("cls", "evit"):
            # A row of its own, as beside a fused attention; the values are the same.
            a = softmax_of(qkv[0][:, :1], qkv[1])
            rows.scores = a.mean(dim=0)[0][rows.candidates()]
            trace.products.append(a)
        rows.x = rows.x + layer.self_attn.out_proj(self.mix(*qkv, rows.size))
        if site and method == "evit":
            self.fuse(rows, rows.scores, plan, trace)
        if method == "tome":
            self.merge(rows, qkv[1].mean(dim=0), plan, trace)
        rows.x = rows.x + layer.mlp(layer.layer_norm2(rows.x))

    # ---- dropping ----

    def choose(self, rows, scores, plan, trace):
        """(rows that stay, rows that go) of the candidates; scores belong to them."""
        at = rows.candidates()
        stays = rules.choose(scores, len(rows.names) - len(at), self.has_cls, plan, at_embed(rows))
        names = [rows.names[i] for i in at]
        trace.sites.append((names, scores, [n for n, s in zip(names, stays) if s]))
        stay = [i for i, s in zip(at, stays) if s]
        return at, stay, [i for i, s in zip(at, stays) if not s]

    def drop(self, rows, scores, plan, trace):
        at, stay, go = self.choose(rows, scores, plan, trace)
        of = {"off": [], "dropped": go, "all": at}[plan.summary]
        summary = rows.x[of].mean(dim=0) if of and go else None
        rows.keep(sorted(set(range(len(rows.names))) - set(go)))
        if summary is not None:
            rows.append(summary, fixed=True)

    def drop_projected(self, layer, rows, h, plan, trace):
        """
        Only what the scores need is projected of all rows, the rest of those that stay.
        What a summary has of each, its row of LN1 included, is the mean like its row.
        """
        first = {w: self.project(layer, w, h) for w in rules.PROJECTED[plan.method]}
        at, before = rows.candidates(), rows.names
        norms = [p.norm(dim=2).mean(dim=0)[at] for p in first.values()]
        self.drop(rows, sum(norms) / len(norms), plan, trace)
        stay = [before.index(n) for n in rows.names if n in before]
        made = len(rows.names) > len(stay)
        of = at if plan.summary == "all" else [i for i in at if i not in stay]

        def carry(t):
            """[.., T, D] -> [.., those that stay, D]"""
            mean = [t[..., of, :].mean(dim=-2, keepdim=True)] if made else []
            return torch.cat([t[..., stay, :], *mean], dim=-2)

        h = carry(h)
        return [carry(first[w]) if w in first else self.project(layer, w, h) for w in "qkv"]

    def fuse(self, rows, scores, plan, trace):
        at, stay, go = self.choose(rows, scores, plan, trace)
        if not go:
            return
        weights = scores[[at.index(i) for i in go]]
        fused = (weights[:, None] * rows.x[go]).sum(dim=0)
        rows.keep(sorted(set(range(len(rows.names))) - set(go)))
        rows.append(fused, fixed=False)

    def merge(self, rows, metric, plan, trace):
        scores, edges, order = rules.match(metric, plan.merge_r, self.has_cls)
        trace.products.append(scores)
        size = torch.ones_like(rows.x[:, 0]) if rows.size is None else rows.size
        total, weight = rows.x * size[:, None], size.clone()
        names = list(rows.names)
        for a, b in edges:
            total[b] += total[a]
            weight[b] += weight[a]
            rows.members[names[b]] += rows.members.pop(names[a])
        if edges:
            rows.x, rows.size = (total / weight[:, None])[order], weight[order]
        rows.names = [names[i] for i in order]
        trace.sizes.append(rows.size if rows.size is not None else size)
        trace.groups.append(groups_of(rows))


def low_rank(w, rank):
    """The best matrix of this rank, by truncated SVD; 0: w itself."""
    if not rank:
        return w
    u, s, vt = torch.linalg.svd(w, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ vt[:rank]


def softmax_of(q, k, bias=None):
    logits = q @ k.transpose(1, 2) * q.shape[2] ** -0.5
    return (logits if bias is None else logits + bias).softmax(dim=-1)


def at_embed(rows):
    return CLS not in rows.names


def groups_of(rows):
    """Of every patch, the lowest patch of the token it went into."""
    of = [None] * rows.patches
    for members in rows.members.values():
        for patch in members:
            of[patch] = min(members)
    return of
