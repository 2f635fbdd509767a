"""Static files: what a browser gets, keeps, and may not do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from annostream_gateway.rest import docs
from annostream_gateway.rest.app import Rest
from annostream_gateway.rest.callers import BearerAuthenticator
from annostream_gateway.rest.pages import WebApp, read_folder, security_headers
from annostream_ingest.inbound.grpc_api import ROLES as INGEST_ROLES
from annostream_kit.auth import TokenVerifier
from tests.unit.gateway.serving import settings_with

SCRIPT = "assets/index-B4x9_kQz.js"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Annostream</title>")
    (tmp_path / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / SCRIPT).write_text("console.log('순이');" * 200)
    return tmp_path


def client_of(folder: Path, s3_origin: str = "https://s3.example:9000") -> httpx.AsyncClient:
    app = WebApp(read_folder(folder), security_headers(s3_origin))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


def test_hidden_files_are_not_served(tmp_path: Path) -> None:
    for name in (".gitignore", "index.html"):
        (tmp_path / name).write_text("x")
    assert set(read_folder(tmp_path)) == {"index.html"}


async def test_the_page_and_each_route_of_the_browsers_own_are_index_html(built: Path) -> None:
    async with client_of(built) as client:
        for path in ("/", "/projects/p1/tasks", "/index.html"):
            answer = await client.get(path)
            assert (answer.status_code, "Annostream" in answer.text) == (200, True)
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"


async def test_hashed_files_are_kept_for_ever_and_packed(built: Path) -> None:
    async with client_of(built) as client:
        answer = await client.get(f"/{SCRIPT}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert "순이" in answer.text
        plain = await client.get(f"/{SCRIPT}", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.text == answer.text
        assert (await client.get("/favicon.svg")).headers["cache-control"] == "no-cache"


async def test_what_the_browser_has_is_not_sent_again(built: Path) -> None:
    async with client_of(built) as client:
        tag = (await client.get("/")).headers["etag"]
        again = await client.get("/", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get("/", headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize("path", ["/assets/gone-12345678.js", "/..%2f..%2fetc/passwd.txt", "/assets/../secret.js"])
async def test_a_file_that_is_not_there_is_not_found(built: Path, path: str) -> None:
    async with client_of(built) as client:
        assert (await client.get(path)).status_code == 404


async def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    async with client_of(tmp_path / "none") as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert "make web" in answer.text
        assert (await client.post("/")).status_code == 405


async def test_every_page_is_kept_to_itself(built: Path) -> None:
    async with client_of(built) as client:
        policy = (await client.get("/")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "img-src 'self' blob: data: https://s3.example:9000" in policy
    assert "connect-src 'self' https://s3.example:9000" in policy
    assert "unsafe" not in policy


def test_the_buckets_origin_is_that_of_its_address_unless_said_otherwise() -> None:
    assert settings_with(s3_endpoint_url="http://127.0.0.1:8333/x").browser_s3_origin == "http://127.0.0.1:8333"
    both = settings_with(s3_endpoint_url="http://s3:8333", s3_public_endpoint_url="https://s3.example/x")
    assert both.browser_s3_origin == "https://s3.example"
    both = settings_with(s3_endpoint_url="http://s3:8333", s3_origin="https://images.example")
    assert both.browser_s3_origin == "https://images.example"
    assert settings_with().browser_s3_origin == ""
    assert "img-src 'self' blob: data:;" in security_headers("")["content-security-policy"]


async def test_the_whole_application_serves_its_document_docs_and_health() -> None:
    rest = Rest(settings_with(), BearerAuthenticator(TokenVerifier(Path("/nowhere"))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rest.app()), base_url="http://gateway") as client:
        assert (await client.get("/healthz")).text == "ok\n"
        assert (await client.get("/readyz")).json() == {"ready": True, "waits": {}}
        rest.readiness.waiting("mongodb", "it does not answer")
        away = await client.get("/readyz")
        assert (away.status_code, away.json()["waits"]) == (503, {"mongodb": "it does not answer"})
        document = (await client.get(docs.DOCUMENT)).json()
        assert document["openapi"] == "3.1.0"
        assert document["paths"] == {}
        page = await client.get(docs.PAGE)
        assert page.headers["content-type"].startswith("text/html")
        for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert path.startswith("/api/")
            assert (await client.get(path)).status_code == 200
        for path in ("/api", "/api/v1/nothing", "/api/v1/projects/a%0Ab"):
            assert (await client.get(path)).headers["content-type"] == "application/problem+json"
        assert (await client.get("/a%0Ab")).headers["content-security-policy"]
    await rest.close()


async def test_an_rpc_is_open_to_all_only_where_its_proto_says_so() -> None:
    careless = {"annostream.ingest.v1.IngestService": Careless()}
    rest = Rest(settings_with(), BearerAuthenticator(TokenVerifier(Path("/nowhere"))), local=careless)
    with pytest.raises(ValueError, match=r"IngestService/PurgeAssets"):
        rest.app()


class Careless:
    OPEN = frozenset({"PurgeAssets"})
    ROLES: ClassVar = {name: role for name, role in INGEST_ROLES.items() if name != "PurgeAssets"}


def test_the_docs_page_has_no_script_or_style_of_its_own_that_the_policy_would_refuse() -> None:
    folder = Path(docs.__file__).parent / "viewer"
    page = (folder / "index.html").read_text()
    assert not re.search(r"<style|style=|<script>|\son\w+=|https?://", page)
    assert not re.search(r"innerHTML|eval\(|https?://", (folder / "viewer.js").read_text())
