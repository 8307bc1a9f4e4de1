"""Every architecture of the installed transformers, built small, run, and held against itself.

``configurations`` makes small models, ``inputs`` and ``mending`` what they are fed, ``verdicts``
runs one and ``comparison`` says how what was captured differs from what it reports. ``sweep`` does
so for all, ``record`` keeps the verdicts, and ``page`` tells of them.
"""
