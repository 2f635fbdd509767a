"""Tables for people: names are never cut, for they are copied into the next command; sentences wrap."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_GAP_CELLS = 2
_NARROWEST_SENTENCE_CELLS = 30


def print_table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A line a row; on a terminal, a sentence in the last column wraps below itself."""
    cells = [list(columns), *([_text(value) for value in row] for row in rows)]
    widths = [max(cell_len(row[number]) for row in cells) for number in range(len(columns))]
    indent = sum(widths[:-1]) + _GAP_CELLS * (len(widths) - 1)
    room = max(console.width - indent, _NARROWEST_SENTENCE_CELLS) if console.is_terminal else None
    for number, row in enumerate(cells):
        head = "".join(_padded(text, width) for text, width in zip(row[:-1], widths[:-1], strict=True))
        for line in _lines(console, row[-1], room):
            shown = Text((head + line).rstrip(), style="" if number else "bold")
            console.print(shown, highlight=False, soft_wrap=True)
            head = " " * indent


def print_facts(console: Console, facts: Mapping[str, object]) -> None:
    """A fact a line: its name in bold, then its value whole."""
    width = max(map(cell_len, facts))
    for name, value in facts.items():
        line = Text.assemble((_padded(name, width), "bold"), _text(value))
        console.print(line, highlight=False, soft_wrap=True)


def _lines(console: Console, text: str, room: int | None) -> Iterator[str]:
    if room is None or cell_len(text) <= room or " " not in text:
        yield text
    else:
        for line in Text(text).wrap(console, room):
            yield line.plain


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text) + _GAP_CELLS)


def _text(value: object) -> str:
    """On one line: a message may have several."""
    return "" if value is None else " ".join(str(value).split("\n"))
