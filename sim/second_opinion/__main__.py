"""`python3 -m second_opinion CASE.json ...`: repeats cases and compares; exit code 0, 1 (differences), 2 (no case)."""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor

from . import selftest
from .case import CaseError, check


def check_file(path, bounded_rows):
    try:
        with open(path, encoding="utf-8") as file:
            return check(json.load(file), bounded_rows)
    except (OSError, ValueError, CaseError) as error:
        return f"{path}: {error}"


def main():
    parser = argparse.ArgumentParser(prog="second_opinion", description=__doc__)
    parser.add_argument("case", nargs="*", help="a file written by `spatten-gen model ... --dump`")
    parser.add_argument("--self-test", action="store_true", help="show that every comparison can fail")
    parser.add_argument(
        "--bounds",
        type=int,
        default=16,
        metavar="ROWS",
        help="rows of each command held against the exact softmax (default %(default)s)",
    )
    parser.add_argument("--lines", type=int, default=20, help="differences printed for each case (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="cases checked at a time (default %(default)s)")
    arguments = parser.parse_args()
    if not arguments.case and not arguments.self_test:
        parser.error("name a case or --self-test")
    code = selftest.main() if arguments.self_test else 0

    with ProcessPoolExecutor(arguments.jobs) as pool:
        reports = pool.map(check_file, arguments.case, [arguments.bounds] * len(arguments.case))
        for path, report in zip(arguments.case, reports):
            if isinstance(report, str):
                print(f"error: {report}", file=sys.stderr)
                code = 2
                continue
            for line in report.differences[: arguments.lines]:
                print(f"{path}: {line}")
            print(
                f"{path}: {len(report.differences)} differences; {report.commands} commands ({report.refused} refused), "
                f"{report.rows} rows, {report.numbers} answers compared, {report.bounded_rows} rows held against the "
                "exact softmax"
            )
            if report.differences:
                code = max(code, 1)
    return code


if __name__ == "__main__":
    sys.exit(main())
