"""Build the documentation site into .cache/docs/site; `make docs` calls it.

Pages keep their places in the repository, so links between them need no change. A link that leads
to a file that is no page becomes plain text.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / ".cache" / "docs" / "pages"
_PAGE = re.compile(r": ([\w./-]+\.md)$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)#]+)(#[^)]*)?\)")


def copy_pages(pages: list[str]) -> None:
    """Copy pages of the repository into the folder that the site is built from."""
    shutil.rmtree(PAGES, ignore_errors=True)
    known = {ROOT / name for name in pages}
    for name in pages:
        source, target = ROOT / name, PAGES / name

        def linked(match: re.Match, source: Path = source) -> str:
            file = (source.parent / match[2]).resolve()
            return match[0] if file in known or not file.exists() else match[1]

        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_LINK.sub(linked, source.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> int:
    """Build the site; any warning is an error."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    pages = _PAGE.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    copy_pages(pages)
    config = load_config(str(ROOT / "mkdocs.yml"))
    try:
        build(config)
    except Abort as error:
        print(f"the site is not built: {error.message}", file=sys.stderr)
        return 1
    print(f"{Path(config.site_dir).relative_to(ROOT)}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
