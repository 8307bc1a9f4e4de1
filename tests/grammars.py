"""The grammars of the specimens, which lie beside the models and in no package."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from types import ModuleType

from attention_gallery import resources


@cache
def grammar(specimen: str) -> ModuleType:
    """The module `grammar.py` of a specimen, under a name of its own: all of them are called so."""
    path = resources.galleries() / "specimens" / specimen / "grammar.py"
    spec = importlib.util.spec_from_file_location(f"{specimen.replace('-', '_')}_grammar", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
