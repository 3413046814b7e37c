"""Intervals, tests and sample sizes: how sure we are of a number, and what would make us surer."""

from __future__ import annotations

from rag_robust.stats.bootstrap import Interval, cluster_bootstrap, estimate, interval
from rag_robust.stats.decide import holm, holm_levels, p_value, paired_permutation, side
from rag_robust.stats.mcnemar import Pairs, mcnemar
from rag_robust.stats.means import (
    bernstein_ends,
    betting_ends,
    hoeffding_ends,
    least_samples,
    quantile_ranks,
)
from rag_robust.stats.ranks import spearman
from rag_robust.stats.rates import anderson, clopper_pearson, needed, wilson

__all__ = [
    "Interval",
    "Pairs",
    "anderson",
    "bernstein_ends",
    "betting_ends",
    "clopper_pearson",
    "cluster_bootstrap",
    "estimate",
    "hoeffding_ends",
    "holm",
    "holm_levels",
    "interval",
    "least_samples",
    "mcnemar",
    "needed",
    "p_value",
    "paired_permutation",
    "quantile_ranks",
    "side",
    "spearman",
    "wilson",
]
