"""Which names of a module its imitations show."""

import types


def public_names(module):
    """A dict of the module's public names, its sub-modules left out."""
    return {
        name: value
        for name, value in vars(module).items()
        if name[0] != "_" and not isinstance(value, types.ModuleType)
    }
