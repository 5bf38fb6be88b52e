"""The command `python -m oriel.compat`."""

import os
import runpy
import sys

from . import install, shim_path

_USAGE = """usage: python -m oriel.compat script.py [argument ...]
       python -m oriel.compat -m module [argument ...]
       python -m oriel.compat --path"""


def main():
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if arguments[0] == "--path":
        print(shim_path())
        return 0
    install()
    if arguments[0] == "-m":
        if len(arguments) < 2:
            print(_USAGE, file=sys.stderr)
            return 2
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    script = arguments[0]
    if not os.path.exists(script):
        print(f"{script}: no such file", file=sys.stderr)
        return 2
    sys.argv = arguments
    # As `python script.py` does: the script's own folder comes before all others.
    sys.path[0:0] = [os.path.dirname(os.path.abspath(script))]
    runpy.run_path(script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
