"""Markdown as GitHub and GitLab show it: texts that are taken for nothing else, tables, and a greatest length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from labelmetrics.frame import shown

LONGEST = 900_000
"""Bytes that the summary of a job may have; GitHub takes a little more."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&$])")
_LINK = re.compile(r"(www(?=\.)|(?:https?|ftp|mailto|xmpp)(?=:))", re.IGNORECASE)
"""What GitHub and GitLab make a link of, up to where it is broken."""
_MENTION = re.compile(r"([@#])(?=\w)")
"""What they take for a person or an issue; a backslash does not keep them from it, an empty comment does."""


def escaped(text: str) -> str:
    r"""Text as it stands in a cell of a table: nothing of it is taken for Markdown or HTML, a link or a mention.

    >>> print(escaped("a|b <img>"), escaped("two\nlines"))
    a\|b \<img\> two lines
    >>> print(escaped("@all https://a.b"))
    @<!-- -->all https\://a.b
    """
    plain = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _MENTION.sub(r"\1<!-- -->", _LINK.sub(r"\1\\", plain))


def code(text: str) -> str:
    """Text as a name of a file.

    >>> code("x.lmeval")
    '`x.lmeval`'
    """
    return f"`{' '.join(text.replace('`', ' ').split())}`"


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a table; columns that are empty throughout are left out.

    >>> markdown_table(["feature", "TP"], [["cat", 1200]])
    ['| feature | TP |', '|---|--:|', '| cat | 1,200 |']
    """
    listed = [list(row) for row in rows]
    used = [index for index in range(len(names)) if any(row[index] not in (None, "") for row in listed)]
    right = [any(isinstance(row[index], int | float) for row in listed) for index in used]
    return [
        f"| {' | '.join(names[index] for index in used)} |",
        f"|{'|'.join('--:' if is_right else '---' for is_right in right)}|",
        *(f"| {' | '.join(escaped(shown(row[index])) for index in used)} |" for row in listed),
    ]


def cut(lines: Sequence[str], longest: int = LONGEST) -> str:
    r"""Lines as one text of at most ``longest`` bytes; where some are left out, a note says so.

    >>> cut(["a", "b"])
    'a\nb'
    """
    note = "\n*Cut here: the whole is longer than a summary may be. The JSON output has everything.*\n"
    text = "\n".join(lines)
    if len(text.encode()) <= longest:
        return text
    kept, left = [], longest - len(note.encode()) - len("\n</details>\n")
    opened = 0
    for line in lines:
        left -= len(line.encode()) + 1
        if left < 0:
            break
        opened += line.startswith("<details>") - line.startswith("</details>")
        kept.append(line)
    return "\n".join([*kept, *["</details>"] * opened, note])
