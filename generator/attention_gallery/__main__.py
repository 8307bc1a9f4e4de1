"""`python -m attention_gallery`."""

from attention_gallery.cli import main

main()
