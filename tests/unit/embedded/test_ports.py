"""Ports follow from the first one, and never meet."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from annostream_embedded import endpoints, stack
from annostream_embedded.commands import register
from annostream_embedded.data_directory import DataDirectory
from annostream_embedded.errors import EmbeddedError
from annostream_embedded.ports import DEFAULT_FIRST_PORT, DEFAULT_HTTP_PORT, SERVER_PORTS, Ports, choose, is_free


@given(first=st.integers(1024, 60_000), replicas=st.integers(1, 40))
def test_no_two_processes_share_a_port(first: int, replicas: int) -> None:
    ports = Ports(first, replicas).all()
    assert len(ports) == len(set(ports)) == len(SERVER_PORTS) + 3 * replicas + 1
    assert min(ports) == first


@given(replicas=st.integers(1, 39))
def test_one_replica_more_moves_none_of_the_others(replicas: int) -> None:
    assert set(Ports(7401, replicas).all()) < set(Ports(7401, replicas + 1).all())


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_first_start_that_is_refused_for_a_port_leaves_no_directory_behind(tmp_path: Path, detach: list[str]) -> None:
    app = commands()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        first = taken.getsockname()[1] - SERVER_PORTS.index("kafka") - 9
        taken.listen()
        refused = CliRunner().invoke(
            app, ["up", "--data-dir", str(tmp_path / "new"), "--ports-from", str(first), *detach]
        )
    assert refused.exit_code == 1
    assert "is in use" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_one_that_runs_in_the_background_is_not_said_to_stop_by_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def come_up(_data: DataDirectory, _supervisor: object, *, show: Callable[[str], None]) -> None:
        for line in ("Annostream is up after 1.0 s:", endpoints.HOW_TO_STOP, "Open http://x"):
            show(line)

    monkeypatch.setattr(stack, "launch", lambda *_: None)
    monkeypatch.setattr(stack, "wait_until_up", come_up)
    app = commands()
    told = CliRunner().invoke(app, ["up", "--detach", "--data-dir", str(tmp_path)]).stdout
    assert "Ctrl-C" not in told
    assert told.splitlines()[:2] == ["Annostream is up after 1.0 s:", "Open http://x"]
    assert "It runs in the background" in told


def test_the_default_ports_are_those_of_the_documentation() -> None:
    ports = Ports(DEFAULT_FIRST_PORT, replicas=2)
    assert [ports.service(name, 0) for name in ("ingest", "annotate", "export")] == [7401, 7402, 7403]
    assert [ports.service(name, 1) for name in ("ingest", "annotate", "export")] == [7404, 7405, 7406]
    assert ports.server("mongodb") == 7410


def test_the_web_page_is_at_8080_or_the_next_free_port_unless_ports_are_chosen(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    taken = None
    with socket.socket() as other:
        if is_free(DEFAULT_HTTP_PORT):
            other.bind(("127.0.0.1", DEFAULT_HTTP_PORT))
            other.listen()
        taken = _chosen_http_port(data)
        assert taken > DEFAULT_HTTP_PORT
    first = choose(data, 0, 1).first
    assert choose(data, first, 2).http_address() == f"http://127.0.0.1:{first + 20}"


def _chosen_http_port(data: DataDirectory) -> int:
    """Of a stack without a chosen first port; the other ports of the default range may be in use here."""
    try:
        return choose(data, None, 1).http_port()
    except EmbeddedError as error:
        pytest.skip(f"the default ports are in use: {error}")


def test_a_taken_port_of_a_chosen_range_is_refused_by_number(tmp_path: Path) -> None:
    free = choose(DataDirectory.at(tmp_path), 0, 1).first
    with socket.socket() as other:
        other.bind(("127.0.0.1", free + 1))
        other.listen()
        with pytest.raises(EmbeddedError, match=rf"Port {free + 1} is in use .*--ports-from"):
            choose(DataDirectory.at(tmp_path), free, 1)


def test_picked_ports_are_found_again_while_they_are_free(tmp_path: Path) -> None:
    data = DataDirectory.at(tmp_path)
    first = choose(data, 0, 1).first
    assert choose(data, 0, 1).first == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        assert choose(data, 0, 1).first != first


def test_a_range_beyond_the_last_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="--ports-from 65500"):
        choose(DataDirectory.at(tmp_path), 65_500, 1)


def commands() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app
