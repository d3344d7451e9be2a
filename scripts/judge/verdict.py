"""Give the verdict on every product of a campaign that has gates.

All gates of the campaign share one budget of false alarms, so that they are decided together.
Beside each file of gates, verdict_<product>.json is written, and verdict.json of its item; the
files counterfactual_<product>.json and insertion_<product>.json beside it are merged in where they
exist, and so is what trends.json of a series of epochs says of the validity. A bad verdict is a
result: the program ends well (exit code 0). With --strict it ends with 3 when a product is neither
to be delivered nor without a fault that was found.

    verdict.py --table results/demo/verdict.tsv results/demo/*/judge/gates_*.json
"""

from __future__ import annotations

import sys
from pathlib import Path

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.gates.settings import JudgeSettings


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("gates", nargs="+", type=Path, metavar="FILE", help="gates of products")
    parser.add_argument("--table", required=True, type=Path, help="verdicts of the campaign, TSV")
    parser.add_argument(
        "--strict", action="store_true", help="end with 3 when the gates of a product do not pass"
    )
    add_options(parser.add_argument_group("settings"), JudgeSettings)
    arguments = parser.parse_args()

    from darkroom.gates.decide import ORDER
    from darkroom.gates.verdict import judge, write_verdicts

    # The others are inputs of the rule, found beside the gates.
    paths = [path for path in arguments.gates if path.name.startswith("gates_")]
    trends = [path for path in arguments.gates if path.name == "trends.json"]
    verdicts = judge(paths, read_options(arguments, JudgeSettings), trends)
    write_verdicts(verdicts, paths, arguments.table)
    for one in verdicts:
        print(f"{one['item']} {one['product']}: {one['verdict']} ({one['decisive']})")
    low = ORDER.index("insufficient")
    if arguments.strict and any(ORDER.index(one["gates_verdict"]) >= low for one in verdicts):
        sys.exit(3)


if __name__ == "__main__":
    run(main)
