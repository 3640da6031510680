"""`python3 -m second_opinion CASE.json ...`: repeats cases and compares; exit code 0, 1 (differences), 2 (no case)."""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from . import selftest
from .case import CaseError, check, record
from .generate import generate
from .source import check_source


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def check_file(path, bounded_rows, source):
    """The report of one case, or what keeps it from being read."""
    try:
        document = read(path)
        report = check(document, bounded_rows)
        if source is not None:
            check_source(document, source, report)
        return report
    except (OSError, ValueError, CaseError) as error:
        return f"{path}: {error}"


def main():
    parser = argparse.ArgumentParser(prog="second_opinion", description=__doc__)
    parser.add_argument("case", nargs="*", help="a file written by `spatten-gen model ... --dump`")
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="spoil the answers of the cases named, or of random ones, one kind at a time: each must be noticed",
    )
    parser.add_argument(
        "--bounds",
        type=int,
        default=16,
        metavar="ROWS",
        help="rows of each command held against the exact softmax (default %(default)s)",
    )
    parser.add_argument(
        "--source", metavar="SAFETENSORS", help="the real model behind the cases: its quantisation is repeated too"
    )
    parser.add_argument("--lines", type=int, default=20, help="differences printed for each case (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="cases checked at a time (default %(default)s)")
    parser.add_argument("--random", type=int, metavar="SEED", help="write a random case of our own to the file CASE")
    arguments = parser.parse_args()
    if arguments.random is not None:
        if len(arguments.case) != 1:
            parser.error("--random writes one case")
        with open(arguments.case[0], "w", encoding="utf-8") as file:
            json.dump(record(generate(arguments.random)), file, separators=(",", ":"))
        return 0
    if not arguments.case and not arguments.self_test:
        parser.error("name a case or --self-test")
    if arguments.self_test:
        return selftest.main([read(path) for path in arguments.case])
    code = 0

    with ProcessPoolExecutor(arguments.jobs) as pool:
        reports = pool.map(check_file, arguments.case, repeat(arguments.bounds), repeat(arguments.source))
        for path, report in zip(arguments.case, reports):
            if isinstance(report, str):
                print(f"error: {report}", file=sys.stderr)
                code = 2
                continue
            for line in report.differences[: arguments.lines]:
                print(f"{path}: {line}")
            print(
                f"{path}: {len(report.differences)} differences; {report.commands} commands "
                f"({report.refused} refused), {report.rows} rows, {report.numbers} answers compared, {report.bounded_rows} rows held against the "
                f"exact softmax{report.source}"
            )
            if report.differences:
                code = max(code, 1)
    return code


if __name__ == "__main__":
    sys.exit(main())
