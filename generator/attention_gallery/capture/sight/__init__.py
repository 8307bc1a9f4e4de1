"""An image: what a model sees of it, and which of its tokens stand for which patch."""
