"""Options that the CGI programs share. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import add_options, option_names
from darkroom.cgi.settings import PROGRAMS, CgiSettings, JudgeSettings

if TYPE_CHECKING:
    from darkroom.cgi.raw.prepare import Settings


def add_settings(parser: argparse.ArgumentParser, program: str) -> None:
    """Add the settings of a program."""
    add_options(parser, CgiSettings, PROGRAMS[program])


def add_checksums(parser: argparse.ArgumentParser) -> None:
    """Add ``--checksums``."""
    parser.add_argument(
        "--checksums",
        action="store_true",
        help="compute the SHA-256 of every frame for the product's table of inputs (it is known "
        "already for frames that the workflow fetched)",
    )


def add_judging(parser: argparse.ArgumentParser, *, table: bool = False) -> None:
    """Add the settings of the checks of frames, and on request ``--frames``, the frame table."""
    add_options(parser, JudgeSettings)
    if table:
        parser.add_argument(
            "--frames",
            metavar="FRAMES.tsv",
            help="frame table of the item: only frames that it accepts are used",
        )


def judge_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of the checks, from the command line."""
    return {name: getattr(arguments, name) for name in option_names(JudgeSettings)}


def raw_settings(arguments: argparse.Namespace, *, divide: bool = False, **more: Any) -> Settings:
    """Return the settings for preparing raw frames, from the command line.

    Parameters
    ----------
    arguments : argparse.Namespace
        Command line of a program that prepares raw frames.
    divide : bool
        Divide by the EM gain.
    **more
        Further fields of `darkroom.cgi.raw.prepare.Settings`.
    """
    from darkroom.cgi.raw.calibration import read_calibration
    from darkroom.cgi.raw.prepare import Settings

    calibration = read_calibration(
        nonlinearity=arguments.nonlinearity,
        kgain=arguments.kgain,
        bias_offset=arguments.bias_offset,
    )
    return Settings(arguments.preprocess, calibration, divide, **more)
