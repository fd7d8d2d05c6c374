"""The command `engine report`: one page about runs, to keep or to send."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from engine.cli.output import Command, add_json_option, print_json, remark
from engine.cli.saving import save
from engine.cli.select import add_root_option, add_run_argument, select
from engine.errors import ConfigError

DEFAULT_FILE = "report.html"
_FORMS = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown"}
_DETAILS = """\
The page has everything in it: what became of each run, in which settings they differ, the best of
every number, mean and spread over seeds, curves, the exact commands to have it again, and where it
ran; of a single run also the figures that it drew. It has no script and loads nothing.

  engine report last
  engine report latent_space=vq -o vq.html --title "How many codes?"
  engine report last last~1 -o comparison.md
  engine report last -o - > page.html
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", default=DEFAULT_FILE,
        help=f"a file ending in .html or .md; - is standard output, in HTML "
        f"(default: {DEFAULT_FILE})",
    )  # fmt: skip
    parser.add_argument("--title", metavar="TEXT", help="what stands above")
    add_json_option(parser)
    add_root_option(parser)


def _report(args: argparse.Namespace) -> None:
    to_stdout = args.output == "-"
    if to_stdout and args.json:
        raise ConfigError("the page and --json cannot both go to standard output", "Name a file.")
    form = "html" if to_stdout else _form(args.output)
    runs = select(args.runs, args.root)
    from engine.report.content import make_report

    page = _render(form, make_report(runs, args.title))
    data = page.encode("utf-8", "replace")
    if to_stdout:
        _write_bytes(data)
        return
    path = Path(os.path.abspath(args.output))
    replaced = path.is_file()
    save(path, [data])
    if args.json:
        names = [run.name for run in runs]
        told = {"path": str(path), "format": form, "bytes": len(data), "replaced": replaced}
        print_json(told | {"runs": names})
    else:
        before = ", in place of the file that was there" if replaced else ""
        remark(f"wrote {path} about {len(runs)} run{'s' if len(runs) > 1 else ''}{before}")


def _form(output: str) -> str:
    """The format by the name of the file; HTML for what is no ordinary file."""
    if os.path.exists(output) and not os.path.isfile(output) and not os.path.isdir(output):
        return "html"
    form = _FORMS.get(Path(output).suffix.lower())
    if form is None:
        raise ConfigError(f"{output}: the name does not tell the format", "End it in .html or .md.")
    return form


def _render(form: str, report: object) -> str:
    import importlib

    text: str = importlib.import_module(f"engine.report.{form}").render(report)
    return text


def _write_bytes(data: bytes) -> None:
    """To standard output, in UTF-8 whatever the terminal uses: the page says that it is."""
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write(data.decode())


main = Command(
    name="report",
    summary="Write one self-contained page about runs.",
    add_arguments=_add_arguments,
    work=_report,
    details=_DETAILS,
)
