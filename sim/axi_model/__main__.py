"""Runs masters_test.py under Icarus Verilog on the Verilog files given. Says `agrees` when it passes.

    python sim/axi_model --work DIR --iverilog PROGRAM --vvp PROGRAM --data-width W [--seed N] rtl/*.v
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import cocotb.config

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(prog="axi_model")
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--iverilog", required=True)
    parser.add_argument("--vvp", required=True)
    parser.add_argument("--data-width", required=True, type=int)
    parser.add_argument("--max-burst", type=int, default=4)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("sources", nargs="+")
    given = parser.parse_args()

    image, results = given.work / "masters.vvp", given.work / "results.xml"
    results.unlink(missing_ok=True)
    subprocess.run(
        [given.iverilog, "-g2012", "-o", image, "-s", "masters", f"-Pmasters.DATA_W={given.data_width}",
         f"-Pmasters.MAX_BURST={given.max_burst}", *given.sources, HERE / "masters.v"],
        check=True,
    )
    environment = {
        **os.environ,
        "MODULE": "masters_test",
        "TOPLEVEL": "masters",
        "TOPLEVEL_LANG": "verilog",
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYGPI_PYTHON_BIN": sys.executable,
        "LIBPYTHON_LOC": cocotb_libpython(),
        "COCOTB_RESULTS_FILE": str(results),
        "COCOTB_LOG_LEVEL": "ERROR",
        "COUNT": str(given.count),
        "SEED": str(given.seed),
        "RANDOM_SEED": str(given.seed),
    }
    libraries = cocotb.config.libs_dir
    subprocess.run([given.vvp, "-M", libraries, "-m", "libcocotbvpi_icarus", image], env=environment, check=True)
    # The simulator ends well even when a test fails.
    cases = ElementTree.parse(results).getroot().iter("testcase") if results.exists() else []
    failed = [case.find("failure") is not None or case.find("error") is not None for case in cases]
    if not failed or any(failed):
        sys.exit("axi_model: the model and the masters disagree")
    print("agrees")


def cocotb_libpython():
    import find_libpython

    return find_libpython.find_libpython()


main()
