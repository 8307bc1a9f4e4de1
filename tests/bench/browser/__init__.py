"""Our pages in Chromium, beside BertViz's of the same weights and a page of one picture.

Run by `make bench-browser`; nothing here passes or fails.
"""
