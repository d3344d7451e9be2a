"""Draw the figures of a CGI item, and write its entry for the report.

The figures show the three noise maps with their errors and histograms; residuals, offsets and noise
of the stacks; the chi-square; the darks; and for simulated frames the pulls and the comparison with
the truth. The folder --figures is replaced as a whole, with figures.json in it; --output is the
item's JSON file for the report.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Draw the figures and write the item file."""
    from darkroom.cgi.options import add_settings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "figures")
    parser.add_argument("--maps", required=True, type=Path, help="noise maps, full frame")
    parser.add_argument("--darks", nargs="*", default=[], type=Path, help="master darks")
    parser.add_argument("--counted", nargs="*", default=[], type=Path, help="photon-counted darks")
    parser.add_argument("--pixel-maps", nargs="*", default=[], type=Path, help="bad-pixel maps")
    parser.add_argument("--frames", required=True, type=Path, help="frame table of the item")
    parser.add_argument("--truth", type=Path, help="truth of simulated frames, FITS")
    parser.add_argument("--comparison", type=Path, help="comparison with the truth, JSON")
    parser.add_argument(
        "--trends", type=Path, metavar="JSON", help="trends of the series, from report/trends.py"
    )
    parser.add_argument(
        "--figures", required=True, type=Path, metavar="DIR", help="folder of the figures"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="JSON", help="item file for the report"
    )
    arguments = parser.parse_args()

    from darkroom.atomic import remove_durably
    from darkroom.cgi.figures.counted import describe_counted, draw_counted
    from darkroom.cgi.figures.item import describe, read_story
    from darkroom.cgi.figures.maps import draw_figures
    from darkroom.cgi.geometry import read_geometry
    from darkroom.memory import kept_large
    from darkroom.plot.book import FigureBook
    from darkroom.report import trends as told
    from darkroom.report.item import write_item
    from darkroom.report.truth import truth_table

    geometry = read_geometry(arguments.geometry)
    story = read_story(arguments.maps, arguments.darks, geometry, arguments.truth)
    others = [
        (arguments.frames, "every exposure: accepted or refused, why, and values of its header")
    ]
    if arguments.truth:
        others.append((arguments.truth, "truth of the simulated frames"))
    # The item file goes first: it must never describe figures other than those beside it.
    remove_durably(arguments.output)
    trends = told.read(arguments.trends) if arguments.trends else None
    with FigureBook(arguments.figures) as book, kept_large():
        draw_figures(book, story)
        draw_counted(book, arguments.counted, arguments.pixel_maps)
        if trends:
            told.draw_figures(book, trends)
    described = describe(
        story, arguments.maps, arguments.darks, arguments.figures, others, arguments.output.parent
    )
    more = describe_counted(arguments.counted, arguments.pixel_maps, arguments.output.parent)
    for key, entries in more.items():
        described[key] += entries
    if arguments.comparison:
        described["tables"].insert(0, truth_table(arguments.comparison))
    if trends:
        told.add(described, trends)
    write_item(arguments.output, "cgi", **described)
    print(f"{arguments.figures}: {len(book.records)} figures")


if __name__ == "__main__":
    run(main)
