"""What is said of simulated series of epochs, by what they truly did: the power of the shapes.

Of each kind, size (in errors of an epoch) and number of epochs: the share that is found at 1 %, and
of these the share in which the true shape is said, another one is said, and two are left of which
one is true.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

TRUE = {
    "step": "step",
    "two up": "several steps",
    "up and down": "several steps",
    "drift": "drift",
    "parabola": "drift",
    "settling": "drift",
    "bend": "drift",
    "drift and step": "drift with a step",
    "drift and step back": "drift with a step",
    "apart": "one epoch apart",
}


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="series of each (default: 1000)")
    parser.add_argument("--epochs", type=int, nargs="+", default=[12, 20, 40])
    parser.add_argument("--sizes", type=int, nargs="+", default=[3, 4, 6, 8])
    parser.add_argument(
        "--kinds", nargs="+", default=list(TRUE), help="what happened (default: all)"
    )
    arguments = parser.parse_args()
    from unit.epochs.test_shapes import shares

    print("| what happened | size | epochs | found | said | wrong | two left, one true |")
    print("|---|---|---|---|---|---|---|")
    for kind in arguments.kinds:
        true = TRUE[kind]
        for size in arguments.sizes:
            for n in arguments.epochs:
                seen, said = shares(kind, n, size, arguments.count)
                two = sum(said[one] for one in said if " or " in one and true in one.split(" or "))
                right = said.get(true, 0)
                numbers = (seen, right, abs(sum(said.values()) - right - two), two)
                row = " | ".join(f"{100 * one:.1f} %" for one in numbers)
                print(f"| {kind} | {size} | {n} | {row} |", flush=True)


if __name__ == "__main__":
    main()
