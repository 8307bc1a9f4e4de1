"""Write the reference into the documentation of this repository."""

from attention_gallery import resources
from attention_gallery.reference import write

write(resources.galleries() / "guide" / "reference")
