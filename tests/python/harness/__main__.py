# SPDX-License-Identifier: MIT
"""Runs combinations and says how many are equal; see scripts/harness --help."""
import argparse
import collections
import gc
import re
import sys
import time
import traceback
import warnings

from harness import again, combinations, tiny


def main():
    parser = argparse.ArgumentParser(prog="scripts/harness", description=(
        "The same small program on PyTorch's DataLoader and on fmnist's loaders, over the product "
        "of how the order is said, who iterates, and what happens. Exit status 1 where they "
        "differ."))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--whole", action="store_true", help="every combination (minutes)")
    which.add_argument("--brief", action="store_true", help="some of each kind (default)")
    parser.add_argument("-k", metavar="REGEX", default="", help="combinations whose name matches")
    parser.add_argument("--list", action="store_true", help="print their names alone")
    parser.add_argument("-v", action="store_true", help="a traceback for what was not expected")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [c for c in combinations.all(options.whole) if re.search(options.k, c.name)]
    if options.list:
        print("\n".join(c.name for c in chosen))
        return 0
    count, seconds = collections.Counter(), collections.Counter()
    with tiny.Daemon() as daemon, again.Elsewhere() as daemon.elsewhere:
        for combination in chosen:
            began = time.monotonic()
            try:
                result, text = combination.run(daemon)
            except Exception as error:  # neither an answer nor a refusal that was expected
                result, text = "different", f"{type(error).__name__}: {error}"
                if options.v:
                    traceback.print_exc()
            if "workers" in combination.name or "around-" in combination.name:
                gc.collect()  # iterators with worker processes, before the next fork
            seconds[combination.name.split("/")[0]] += time.monotonic() - began
            count[result] += 1
            if result == "different":
                print(f"DIFFERENT {combination.name}\n    {text}", flush=True)
    for name, spent in seconds.most_common():
        print(f"    {name}: {spent:.1f} s")
    print(f"{count['equal']} combinations equal to the stock loader, {count['refused']} refused, "
          f"{count['different']} different")
    return 1 if count["different"] or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
