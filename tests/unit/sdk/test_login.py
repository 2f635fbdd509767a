"""`annostream login`: an API token kept for the commands that follow, and exchanged in time."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from annostream_sdk.cli.main import build
from annostream_sdk.endpoints import find_endpoints
from annostream_sdk.errors import AnnostreamError
from annostream_sdk.gateway import Gateway, checked_address
from annostream_sdk.stored_login import StoredLogin, login_path, read_login, write_login
from annostream_sdk.tokens import Token


def _jwt(begin: float, end: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"iat": begin, "exp": end}).encode()).decode().rstrip("=")
    return f"e30.{claims}.s"


@dataclass
class World:
    """A gateway of one account. calls: what it was asked, in order. away: it answers 503 in words of no gateway."""

    address: str = ""
    password: str = "고양이 세 마리"
    live: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    jwts: list[str] = field(default_factory=list)
    away: bool = False

    def answer(self, call: str, body: dict[str, Any], headers: Any) -> tuple[int, dict[str, Any]]:
        """Any: JSON, and the headers of http.server."""
        has_session = "annostream_session=s" in headers.get("cookie", "") and headers.get("x-csrf-token") == "c"
        if call == "POST auth:logIn":
            right = body == {"login": "yumi", "password": self.password}
            return (200, {"account": {"name": "users/yumi"}}) if right else _problem(401, "WRONG_CREDENTIALS")
        if call == "POST apiTokens" and has_session:
            self.live.add("annostream_1")
            return 200, {"secret": "annostream_1", "apiToken": {"expireTime": "2026-02-01T00:00:00Z"}}
        if call == "POST auth:logOut" and has_session:
            return 200, {}
        if call == "POST auth:exchangeApiToken" and body["apiToken"] in self.live:
            return 200, {"accessToken": self.jwts.pop(0), "grpcAddresses": {"ingest": "a:1, b:2"}}
        if call == "DELETE apiTokens/self" and headers.get("authorization", "")[7:] in self.live:
            self.live.clear()
            return 200, {}
        return _problem(401, "API_TOKEN_INVALID")


def _problem(status: int, reason: str) -> tuple[int, dict[str, Any]]:
    return status, {"reason": reason, "detail": "In words.", "metadata": {"a": "b"}}


@pytest.fixture
def gateway() -> Iterator[World]:
    world = World()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            call = f"{self.command} {self.path.removeprefix('/api/v1/')}"
            world.calls.append(call)
            body = json.loads(content or b"{}")
            status, answer = (503, {}) if world.away else world.answer(call, body, self.headers)
            self.send_response(status)
            if call == "POST auth:logIn":
                self.send_header("set-cookie", "annostream_session=s; Path=/; HttpOnly")
                self.send_header("set-cookie", "annostream_csrf=c; Path=/")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_DELETE = _handle  # noqa: N815  # as http.server calls them

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        world.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield world
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "ANNOSTREAM_ENDPOINTS", "ANNOSTREAM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


Run = Callable[..., Any]


@pytest.fixture
def run(home: Path) -> Run:
    del home
    return lambda *arguments, typed="": CliRunner().invoke(build(), list(arguments), input=typed)


def _stored(gateway: World) -> StoredLogin:
    gateway.live.add("annostream_1")
    return StoredLogin(gateway.address, "users/yumi", "annostream_1")


def test_a_log_in_leaves_an_api_token_that_its_owner_alone_can_read_and_no_session(
    gateway: World, home: Path, run: Run
) -> None:
    done = run("login", gateway.address, "--account", "yumi", typed=f"{gateway.password}\n")
    assert done.exit_code == 0, done.stderr
    path = home / ".config" / "annostream" / "login.json"
    assert read_login(path) == StoredLogin(gateway.address, "users/yumi", "annostream_1", "2026-02-01T00:00:00Z")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert gateway.calls == ["POST auth:logIn", "POST apiTokens", "POST auth:logOut"]
    assert "annostream_1" not in done.output
    assert gateway.password not in done.output + path.read_text()


def test_address_and_account_are_asked_for(gateway: World, run: Run) -> None:
    done = run("login", typed=f"{gateway.address}\nyumi\n{gateway.password}\n")
    assert done.exit_code == 0, done.stderr
    assert "users/yumi" in done.stdout


def test_a_refused_log_in_leaves_nothing(gateway: World, home: Path, run: Run) -> None:
    done = run("login", gateway.address, "-a", "yumi", typed="wrong\n")
    assert (done.exit_code, "In words. [WRONG_CREDENTIALS]" in done.stderr) == (1, True)
    assert not home.exists()


def test_logging_out_revokes_the_token_and_forgets_it(gateway: World, home: Path, run: Run) -> None:
    path = home / ".config" / "annostream" / "login.json"
    write_login(path, _stored(gateway))
    assert run("logout").exit_code == 0
    assert (gateway.live, path.exists()) == (set(), False)
    assert "Nobody is logged in" in run("logout").stderr


def test_a_log_out_that_could_not_revoke_says_so(gateway: World, home: Path, run: Run) -> None:
    path = home / ".config" / "annostream" / "login.json"
    write_login(path, _stored(gateway))
    gateway.away = True
    done = run("logout")
    assert (done.exit_code, "not revoked" in done.stderr, path.exists()) == (1, True, False)


def test_what_is_kept_comes_last_of_all_ways_to_find_a_server(gateway: World, home: Path) -> None:
    environment = {"HOME": str(home)}
    write_login(login_path(environment), _stored(gateway))
    gateway.jwts = ["first", "second"]
    found = find_endpoints(environment=environment)
    assert (found.grpc, found.token) == ({"ingest": ("a:1", "b:2")}, "first")
    assert find_endpoints(environment={**environment, "ANNOSTREAM_INGEST_ADDRESS": "c:3"}).grpc == {"ingest": ("c:3",)}
    assert find_endpoints(environment={**environment, "ANNOSTREAM_TOKEN": "mine"}).login is None
    Path(".annostream").mkdir()
    Path(".annostream/endpoints.json").write_text(json.dumps({"grpc": {"ingest": "d:4"}, "token": "t"}))
    assert find_endpoints(environment=environment).token == "t"
    with pytest.raises(AnnostreamError, match=r"no other\.json"):
        find_endpoints("other.json", environment)


def test_a_revoked_token_is_said_to_be_one(gateway: World, home: Path) -> None:
    environment = {"HOME": str(home)}
    write_login(login_path(environment), StoredLogin(gateway.address, "users/yumi", "annostream_2"))
    with pytest.raises(AnnostreamError) as refused:
        find_endpoints(environment=environment)
    assert (refused.value.reason, refused.value.metadata) == ("API_TOKEN_INVALID", {"a": "b"})


def test_the_token_of_a_log_in_is_exchanged_anew_before_it_ends(gateway: World) -> None:
    now = 0.0
    old, new = _jwt(0, 1000), _jwt(700, 1700)
    token = Token(old, clock=lambda: now, login=_stored(gateway))
    gateway.jwts = [new]
    now = 749.0
    assert token.current() == old
    now = 750.0
    assert token.current() == new


def test_while_the_gateway_is_away_the_old_token_serves_and_is_not_asked_about_each_time(gateway: World) -> None:
    now = 800.0
    token = Token(_jwt(0, 1000), clock=lambda: now, login=_stored(gateway))
    gateway.away = True
    for _ in range(5):
        assert token.current() == _jwt(0, 1000)
    assert len(gateway.calls) == 1
    gateway.away, gateway.jwts, now = False, [_jwt(805, 1805)], 805.0
    assert token.current() == _jwt(805, 1805)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("label.example", "https://label.example"),
        ("https://label.example:444", "https://label.example:444"),
    ],
)
def test_an_address_is_completed(text: str, address: str) -> None:
    assert checked_address(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://label.example", "PLAIN_HTTP"),
        ("http://127.0.0.1.evil.example", "PLAIN_HTTP"),
        ("ftp://localhost", "INVALID_ADDRESS"),
        ("https://u:p@label.example", "INVALID_ADDRESS"),
        ("https://label.example/path", "INVALID_ADDRESS"),
        ("", "INVALID_ADDRESS"),
    ],
)
def test_an_address_that_is_none_or_would_tell_the_password_is_refused(text: str, reason: str) -> None:
    with pytest.raises(AnnostreamError) as refused:
        checked_address(text)
    assert refused.value.reason == reason


def test_plain_http_is_possible_where_it_is_asked_for() -> None:
    assert checked_address("http://label.lan", plain_http=True) == "http://label.lan"


def test_what_is_no_gateway_and_what_is_nothing_are_told_apart(gateway: World) -> None:
    gateway.away = True
    with pytest.raises(AnnostreamError) as refused:
        Gateway(gateway.address).exchange("annostream_1")
    assert refused.value.reason == "HTTP_503"
    with pytest.raises(AnnostreamError) as refused:
        Gateway("http://127.0.0.1:9").exchange("annostream_1")
    assert refused.value.reason == "SERVER_NOT_THERE"


def test_a_file_that_cannot_be_read_is_named_and_no_home_is_no_log_in(tmp_path: Path) -> None:
    path = tmp_path / "login.json"
    path.write_text("[]")
    with pytest.raises(AnnostreamError, match="annostream login"):
        read_login(path)
    with pytest.raises(AnnostreamError, match="HOME"):
        login_path({})
    assert "annostream_1" not in repr(StoredLogin("a", "b", "annostream_1"))
