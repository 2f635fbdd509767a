"""Tables for people, on a terminal and in a pipe."""

from io import StringIO

from rich.cells import cell_len
from rich.console import Console

from annostream_sdk.cli.tables import print_facts, print_table

NAME = f"projects/{'p' * 26}/tasks/{'t' * 26}"
SENTENCE = "The file ends before the image does. Copy it again from its source."


def console(*, terminal: bool) -> tuple[Console, StringIO]:
    written = StringIO()
    return Console(file=written, width=60, force_terminal=terminal, color_system=None), written


def test_a_name_is_never_cut_however_narrow_the_terminal() -> None:
    for terminal in (True, False):
        out, written = console(terminal=terminal)
        print_table(out, ("task", "state"), [(NAME, "open")])
        print_facts(out, {"task": NAME})
        assert written.getvalue().count(NAME) == 2


def test_a_sentence_wraps_below_itself_on_a_terminal() -> None:
    out, written = console(terminal=True)

    print_table(out, ("path", "message"), [("a.jpg", SENTENCE)])

    lines = written.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= 60
    assert " ".join(line[7:] for line in lines[1:]) == SENTENCE


def test_a_row_is_one_line_where_the_output_is_no_terminal() -> None:
    out, written = console(terminal=False)

    print_table(out, ("path", "message"), [("a.jpg", SENTENCE), ("b.jpg", "two\nlines")])

    assert written.getvalue().splitlines() == ["path   message", f"a.jpg  {SENTENCE}", "b.jpg  two lines"]


def test_brackets_of_a_name_are_no_markup() -> None:
    out, written = console(terminal=False)

    print_table(out, ("label",), [("[bold]고양이[/bold]",)])
    print_facts(out, {"[label]": "[red]"})

    assert written.getvalue().splitlines() == ["label", "[bold]고양이[/bold]", "[label]  [red]"]
