"""What measures have in common: a sentence as it is run, a question and its answer, probes."""
