"""Word substitutions: where the sets come from, and what they make of one text.

Attacks and certificates both take a `space.Substitutions`, so that what is tried and what is proved
are over the same texts.
"""
