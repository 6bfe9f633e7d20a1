"""Pages that stand alone: templates filled with tables and pictures, no script, nothing from elsewhere.

Knows HTML; knows neither figures nor what they mean.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from importlib import resources
from string import Template

from training.evaluation.tables import Table
from training.pictures import Picture


def filled(template: str, title: str, **parts: str) -> str:
    """A page: the template of that file name in `training/` with its parts put in, the title among them, below the
    head that all pages share. All are HTML already.
    """
    content = Template(_file(template)).substitute(title=title, **parts)
    return Template(_file("page.html")).substitute(title=title, style=_file("page.css"), content=content)


def _file(name: str) -> str:
    return (resources.files("training") / name).read_text(encoding="utf-8")


def table(shown: Table) -> str:
    """A table in HTML; one without rows is told in words."""
    if not shown.rows:
        return f"<p>{html.escape(shown.title or 'There is nothing to show')}: none.</p>"
    caption = f"<caption>{html.escape(shown.title)}</caption>" if shown.title else ""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in shown.header)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>\n"
        for row in shown.rows
    )
    body = f"{caption}<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody>"
    return f'<div class="table" tabindex="0"><table>{body}</table></div>'


def tables(shown: Iterable[Table]) -> str:
    """Several tables, one after the other."""
    return "\n".join(map(table, shown))


def figures(pictures: Iterable[Picture | None]) -> str:
    """The pictures that there are, each under its title."""
    return "\n".join(
        f"<h3>{html.escape(picture.title)}</h3>\n<figure>{picture.svg}</figure>"
        for picture in pictures
        if picture is not None
    )
