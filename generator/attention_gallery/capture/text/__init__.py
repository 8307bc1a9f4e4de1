"""A text: how it is cut into tokens, how these are written, and where they stand in it."""
