"""The case of (seed, index)."""

import importlib

import numpy as np
from draw import Draw
from sketch import NotDefined, Sketch

# Families with their share of all cases.
SHARES = {
    "elementwise": 13, "movement": 16, "reductions": 8, "products": 8, "neural": 12, "recurrent": 3, "selection": 3, "quantised": 10, "control": 4, "classical": 6,
    "microsoft": 6, "graphs": 25,
}  # fmt: skip


def families(names=None):
    """[(generator, weight)] of all families, or of those named."""
    chosen = []
    for name, share in SHARES.items():
        if names and name not in names:
            continue
        family = importlib.import_module(f"families.{name}").FAMILY
        total = sum(family.values())
        chosen += [(generator, share * weight / total) for generator, weight in family.items()]
    return chosen


def make_case(seed, index, names=None, generator=None):
    """The case of (seed, index). `names` restricts to families, `generator` to one generator by its name."""
    draw = Draw(seed, index)
    chosen = [(g, w) for g, w in families(names) if generator is None or g.__name__.strip("_") == generator]
    weights = np.array([w for _, w in chosen])
    while True:
        generate = chosen[int(draw.rng.choice(len(chosen), p=weights / weights.sum()))][0]
        sketch = Sketch(draw)
        try:
            generate(sketch)
            return sketch.case()
        except NotDefined:
            continue
