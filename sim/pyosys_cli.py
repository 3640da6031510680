"""The command line of Yosys, as far as sby and the makefiles use it, over the native library of the package pyosys.

    yosys [-V] [-q] [-l LOG] [-e REGEX] [-p COMMANDS]... [SCRIPT.ys | VERILOG]...
"""

import argparse
import contextlib
import importlib.metadata
import os
import sys

from pyosys import libyosys


@contextlib.contextmanager
def output_to(path):
    """Sends what the library prints on stdout, at the level of file descriptors, to a file."""
    sys.stdout.flush()
    keep = os.dup(1)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    try:
        yield
    finally:
        os.dup2(keep, 1)
        os.close(file)
        os.close(keep)


def main():
    parser = argparse.ArgumentParser(prog="yosys", allow_abbrev=False)
    parser.add_argument("-V", action="store_true", dest="version")
    parser.add_argument("-q", action="store_true", dest="quiet")
    parser.add_argument("-l", dest="log")
    parser.add_argument("-e", dest="errors", action="append", default=[])
    parser.add_argument("-p", dest="commands", action="append", default=[])
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if options.version:
        print(f"Yosys {importlib.metadata.version('pyosys')} (pyosys)")
        return
    log = options.log or (os.devnull if options.quiet else None)
    commands = [f'logger -werror "{pattern}"' for pattern in options.errors]
    commands += [f"script {name}" if name.endswith(".ys") else f"read_verilog {name}" for name in options.files]
    design = libyosys.Design()
    with output_to(log) if log else contextlib.nullcontext():
        for command in commands + options.commands:
            # An error ends the process with code 1, its message on stderr.
            libyosys.run_pass(command, design)


if __name__ == "__main__":
    main()
