"""Puts something in another's place wherever a module has taken it by its name."""

import sys
from typing import Any


def replace(old: Any, new: Any, package: str) -> None:
    """In every module of the package; ``ValueError`` where none has it."""
    found = 0
    for name, module in list(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            for attribute, held in list(vars(module).items()):
                if held is old:
                    setattr(module, attribute, new)
                    found += 1
    if not found:
        raise ValueError(f"no module of {package} has {old!r}")


def replace_method(of: type, name: str, new: Any) -> None:
    """In a class that has it; ``ValueError`` where it has none of that name."""
    if name not in vars(of):
        raise ValueError(f"{of.__name__} has no {name}")
    setattr(of, name, new)
