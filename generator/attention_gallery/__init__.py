"""Attention Gallery: publish what attention does, as static interactive pages.

The pipeline runs one way, each arrow one function between two frozen types::

    manifest -> Gallery -> Plan -> Capture -> store -> Figure -> Page -> site

Axes of attention weights are always ``[layer, head, query, key]``, 0-based, shown ``L5 H1``.
"""

__version__ = "0.1.0"
