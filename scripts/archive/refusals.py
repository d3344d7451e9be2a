"""Write for each exposure of an item why its judgement refuses it; nothing when it does not.

Steps that are done for each exposure depend on its own text, so that a change of one judgement
concerns that exposure alone. --output lists these texts, each with its SHA-256.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--folder", required=True, type=Path, help="where EXPOSURE.txt are written")
    parser.add_argument("--output", required=True, type=Path, help="list of the texts to write")
    parser.add_argument("frames", type=Path, metavar="FRAMES.tsv", help="frame table of the item")
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.batches.exposures import listed
    from darkroom.campaign.frames import read_frames, refusal_text

    texts = []
    for row in read_frames(arguments.frames):
        texts.append(arguments.folder / f"{row['exposure']}.txt")
        write_text(texts[-1], refusal_text(row))
    write_text(arguments.output, listed(texts))


if __name__ == "__main__":
    run(main)
