"""Options of K++: the core of the model reads without them.

`groups.py` draws latents group by group, `aim.py` tells the posterior over maps where
recall would be, `exploring.py` and `nearest.py` choose other windows in training, and
`rounding.py` trains for a memory of fewer bits.
"""
