"""Intervals, tests and sample sizes: how sure we are of a number, and what would make us surer."""

from __future__ import annotations

from rag_robust.stats.bootstrap import Interval, cluster_bootstrap, estimate, interval
from rag_robust.stats.decide import holm, holm_levels, p_value, paired_permutation, side
from rag_robust.stats.rates import clopper_pearson, hoeffding, needed, wilson

__all__ = [
    "Interval",
    "clopper_pearson",
    "cluster_bootstrap",
    "estimate",
    "hoeffding",
    "holm",
    "holm_levels",
    "interval",
    "needed",
    "p_value",
    "paired_permutation",
    "side",
    "wilson",
]
