"""The seam: how attention is seen while a model runs is known in here only."""
