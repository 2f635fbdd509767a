"""People and programs get in over HTTP, and nobody else does."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from http.cookies import SimpleCookie

import httpx
import pytest

from annostream_kit import mongo
from annostream_kit.auth import Role, TokenVerifier
from annostream_kit.readiness import Readiness
from tests.component.gateway_identity.conftest import MakeGateway
from tests.component.gateway_identity.gateway import PASSWORD, Browser, Gateway
from tests.servers import Servers


def _reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["reason"])


def _cookies(answer: httpx.Response) -> SimpleCookie:
    return SimpleCookie("\r\n".join(answer.headers.get_list("set-cookie")))


async def _signed_up(gateway: Gateway, login: str, **fields: str) -> Browser:
    browser = gateway.browser()
    answer = await browser.sign_up(login, **fields)
    assert answer.status_code == 200, answer.text
    return browser


async def _api_token(browser: Browser, **fields: object) -> str:
    answer = await browser.post("apiTokens", {"displayName": "CI", **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["secret"])


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_whoever_signs_up_is_in_at_once_and_the_first_is_owner(gateway: Gateway) -> None:
    browser = gateway.browser()
    policy = (await browser.get("auth/signUpPolicy")).json()
    assert (policy["access"], policy["firstAccount"]) == ("ACCESS_OPEN", True)
    answer = await browser.sign_up("renga", displayName="렝가")
    assert answer.json()["account"]["name"] == "users/owner"
    found = (await browser.get("auth/session")).json()
    assert (found["account"]["displayName"], found["role"]) == ("렝가", "ROLE_OWNER")
    assert found["session"]["current"] is True
    second = await _signed_up(gateway, "yumi")
    assert (await second.get("auth/session")).json()["account"]["role"] == "ROLE_ANNOTATOR"


async def test_a_session_lives_in_cookies_that_scripts_and_other_sites_cannot_use(gateway: Gateway) -> None:
    cookies = _cookies(await gateway.browser().sign_up("renga"))
    session, csrf = cookies["annostream_session"], cookies["annostream_csrf"]
    assert (session["httponly"], session["samesite"], session["secure"]) == (True, "lax", "")
    assert (csrf["httponly"], csrf["samesite"], csrf["path"]) == ("", "strict", "/")
    stored = [row async for row in gateway.database["sessions"].find()]
    assert len(stored) == 1
    assert session.value not in str(stored)


async def test_away_from_this_machine_cookies_need_https(make_gateway: MakeGateway) -> None:
    async with make_gateway(sign_up="open") as gateway:
        cookies = _cookies(await gateway.browser("https://label.example", address="192.0.2.1").sign_up("renga"))
        assert set(cookies) == {"__Host-annostream_session", "__Host-annostream_csrf"}
        assert all(one["secure"] and one["path"] == "/" and not one["domain"] for one in cookies.values())
    async with make_gateway(sign_up="open", insecure_cookies=True) as gateway:
        plain = gateway.browser("http://label.lan", address="192.0.2.1")
        await plain.sign_up("renga")
        assert (await plain.get("auth/session")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-csrf-token": "made up"}, (403, "CSRF_TOKEN_WRONG")),
        ({"origin": "https://evil.example"}, (403, "ORIGIN_NOT_ALLOWED")),
        ({"origin": "null"}, (403, "ORIGIN_NOT_ALLOWED")),
        ({"origin": "http://localhost:9999"}, (403, "ORIGIN_NOT_ALLOWED")),
    ],
)
async def test_a_change_that_another_site_made_is_refused(
    gateway: Gateway, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    browser = await _signed_up(gateway, "renga")
    body = {"displayName": "evil"}
    assert _reason(await browser.send("POST", "auth:changeDisplayName", body, headers)) == expected
    assert (await browser.get("auth/session")).json()["account"]["displayName"] == "renga"


async def test_a_csrf_token_of_another_session_does_not_serve(gateway: Gateway) -> None:
    first, second = await _signed_up(gateway, "renga"), await _signed_up(gateway, "yumi")
    headers = {"x-csrf-token": first.csrf_token}
    answer = await second.send("POST", "auth:logOut", {}, headers)
    assert _reason(answer) == (403, "CSRF_TOKEN_WRONG")


async def test_another_site_logs_nobody_in(gateway: Gateway) -> None:
    await _signed_up(gateway, "renga")
    body = {"login": "renga", "password": PASSWORD}
    for headers in ({"origin": "https://evil.example"}, {"origin": "", "sec-fetch-site": "cross-site"}):
        answer = await gateway.browser().send("POST", "auth:logIn", body, headers)
        assert _reason(answer) == (403, "ORIGIN_NOT_ALLOWED")
        assert "set-cookie" not in answer.headers


async def test_a_page_elsewhere_may_call_where_the_operator_says_so(make_gateway: MakeGateway) -> None:
    async with make_gateway(allowed_origins="https://other.example, https://label.example") as gateway:
        browser = gateway.browser()
        browser.origin = "https://label.example"
        assert (await browser.sign_up("renga")).status_code == 200


async def test_nobody_learns_which_accounts_there_are(gateway: Gateway) -> None:
    await _signed_up(gateway, "renga")
    answers = []
    for login in ("renga", "nobody", "no such login!"):
        answer = await gateway.browser().post("auth:logIn", {"login": login, "password": "wrong password"})
        answers.append((answer.status_code, {**answer.json(), "traceId": ""}))
    assert answers[0][0] == 401
    assert answers[0][1]["reason"] == "WRONG_CREDENTIALS"
    assert answers == answers[:1] * 3


async def test_guessing_is_slowed_down_and_says_for_how_long(make_gateway: MakeGateway) -> None:
    async with make_gateway(attempts_per_account=3, attempts_window_seconds=86_400) as gateway:
        await _signed_up(gateway, "renga")
        body = {"login": "renga", "password": "wrong password"}
        answers = await asyncio.gather(*(gateway.browser().post("auth:logIn", body) for _ in range(6)))
        assert sorted(one.status_code for one in answers) == [401] * 3 + [429] * 3
        refused = next(one for one in answers if one.status_code == 429)
        assert refused.json()["reason"] == "TOO_MANY_ATTEMPTS"
        assert 1 <= int(refused.headers["retry-after"]) <= 86_400


async def test_logging_out_ends_the_session_and_takes_the_cookies_back(gateway: Gateway) -> None:
    browser = await _signed_up(gateway, "renga")
    secret = browser.session_secret
    answer = await browser.post("auth:logOut", {})
    assert {one["max-age"] for one in _cookies(answer).values()} == {"0"}
    assert _reason(await browser.get("auth/session")) == (401, "NOT_LOGGED_IN")
    stolen = gateway.browser()
    assert _reason(await stolen.get("auth/session", cookie=f"annostream_session={secret}")) == (401, "SESSION_ENDED")


async def test_one_sees_and_ends_ones_own_sessions_alone(gateway: Gateway) -> None:
    renga, yumi = await _signed_up(gateway, "renga"), await _signed_up(gateway, "yumi")
    phone = gateway.browser()
    await phone.post("auth:logIn", {"login": "yumi", "password": PASSWORD}, **{"user-agent": "phone"})
    listed = (await yumi.get("sessions")).json()["sessions"]
    assert [(one["userAgent"] == "phone", one.get("current", False)) for one in listed] == [
        (True, False),
        (False, True),
    ]
    assert _reason(await renga.delete(listed[0]["name"])) == (404, "SESSION_NOT_FOUND")
    assert (await yumi.delete(listed[0]["name"])).status_code == 200
    assert _reason(await phone.get("auth/session")) == (401, "SESSION_ENDED")
    assert (await yumi.get("auth/session")).status_code == 200


async def test_a_new_password_ends_the_other_sessions(gateway: Gateway) -> None:
    browser, other = await _signed_up(gateway, "renga"), gateway.browser()
    await other.post("auth:logIn", {"login": "renga", "password": PASSWORD})
    change = {"currentPassword": PASSWORD, "newPassword": "another password"}
    assert (await browser.post("auth:changePassword", change)).status_code == 200
    assert (await browser.get("auth/session")).status_code == 200
    assert _reason(await other.get("auth/session")) == (401, "SESSION_ENDED")
    assert (await other.post("auth:logIn", {"login": "renga", "password": "another password"})).status_code == 200


async def test_a_disabled_account_is_out_at_once_and_a_changed_role_holds_at_once(gateway: Gateway) -> None:
    owner, yumi = await _signed_up(gateway, "renga"), await _signed_up(gateway, "yumi")
    token = await _api_token(yumi)
    assert _reason(await yumi.get("users")) == (403, "ROLE_TOO_LOW")
    await owner.post("users/yumi:changeRole", {"role": "ROLE_MANAGER"})
    assert [one["login"] for one in (await yumi.get("users")).json()["accounts"]] == ["renga", "yumi"]
    assert (await owner.post("users/yumi:disable", {})).json()["account"]["disabled"] is True
    assert _reason(await yumi.get("auth/session")) == (401, "SESSION_ENDED")
    assert _reason(await gateway.browser().get("auth/session", **_bearer(token))) == (401, "API_TOKEN_INVALID")
    assert _reason(await owner.post("users/owner:disable", {})) == (409, "LAST_OWNER")
    await owner.post("users/yumi:enable", {})
    assert (await gateway.browser().get("auth/session", **_bearer(token))).status_code == 200


async def test_a_reset_link_gives_a_new_password_once(gateway: Gateway) -> None:
    owner, yumi = await _signed_up(gateway, "renga"), await _signed_up(gateway, "yumi")
    secret = (await owner.post("users/yumi:createPasswordReset", {})).json()["secret"]
    body = {"secret": secret, "newPassword": "another password"}
    assert (await gateway.browser().post("auth:resetPassword", body)).status_code == 200
    assert _reason(await yumi.get("auth/session")) == (401, "SESSION_ENDED")
    assert _reason(await gateway.browser().post("auth:resetPassword", body)) == (409, "RESET_INVALID")
    assert (await yumi.post("auth:logIn", {"login": "yumi", "password": "another password"})).status_code == 200


async def test_an_invitation_brings_somebody_in_from_elsewhere(gateway: Gateway) -> None:
    owner = await _signed_up(gateway, "renga")
    elsewhere = gateway.browser("https://label.example", address="192.0.2.1")
    assert _reason(await elsewhere.sign_up("yumi")) == (403, "INVITATION_NEEDED")
    made = (await owner.post("invitations", {"role": "ROLE_REVIEWER"})).json()
    revoked = (await owner.post("invitations", {})).json()
    assert (await owner.delete(revoked["invitation"]["name"])).status_code == 200
    assert [one["name"] for one in (await owner.get("invitations")).json()["invitations"]] == [
        made["invitation"]["name"]
    ]
    assert _reason(await elsewhere.sign_up("yumi", invitation=revoked["secret"])) == (409, "INVITATION_INVALID")
    answer = await elsewhere.sign_up("yumi", invitation=made["secret"])
    assert answer.json()["account"]["role"] == "ROLE_REVIEWER"


async def test_an_api_token_stands_for_its_account_and_cannot_take_it_over(gateway: Gateway) -> None:
    browser = await _signed_up(gateway, "renga")
    token = await _api_token(browser, role="ROLE_ANNOTATOR", lifetimeDays=1)
    program = gateway.browser()
    found = (await program.get("auth/session", **_bearer(token))).json()
    assert (found["account"]["name"], found["role"], "session" in found) == ("users/owner", "ROLE_ANNOTATOR", False)
    for path, body in [("auth:changePassword", {}), ("apiTokens", {"displayName": "more"}), ("auth:logOut", {})]:
        assert _reason(await program.post(path, body, **_bearer(token))) == (403, "SESSION_NEEDED")
    assert _reason(await program.get("users", **_bearer(token))) == (403, "ROLE_TOO_LOW")
    owners = await _api_token(browser)
    refused = await program.post("users/owner:createPasswordReset", {}, **_bearer(owners))
    assert _reason(refused) == (403, "SESSION_NEEDED")
    listed = (await browser.get("apiTokens")).json()["apiTokens"]
    assert token not in json.dumps(listed)
    assert "lastUsedTime" in listed[1]
    assert (await program.delete("apiTokens/self", **_bearer(token))).status_code == 200
    assert _reason(await program.get("auth/session", **_bearer(token))) == (401, "API_TOKEN_INVALID")


async def test_an_api_token_becomes_a_jwt_that_every_service_takes(make_gateway: MakeGateway) -> None:
    async with make_gateway(ingest_address="ipv4:127.0.0.1:7401,127.0.0.1:7404") as gateway:
        token = await _api_token(await _signed_up(gateway, "renga"))
        exchanged = (await gateway.browser().post("auth:exchangeApiToken", {"apiToken": token})).json()
        caller = TokenVerifier(gateway.settings.jwks_file).verify(f"Bearer {exchanged['accessToken']}")
        assert (caller.subject, caller.role) == ("users/owner", Role.OWNER)
        assert exchanged["grpcAddresses"] == {"ingest": "127.0.0.1:7401,127.0.0.1:7404"}
        wrong = await gateway.browser().post("auth:exchangeApiToken", {"apiToken": token[:-1]})
        assert _reason(wrong) == (401, "API_TOKEN_INVALID")


async def test_what_annostream_token_prints_opens_the_gateway_too(gateway: Gateway, servers: Servers) -> None:
    await _signed_up(gateway, "renga")
    program = gateway.browser()
    owner, service = servers.mint(), servers.mint("service-accounts/importer", ["service"])
    assert (await program.get("auth/session", **_bearer(owner))).json()["account"]["login"] == "renga"
    assert _reason(await program.get("auth/session", **_bearer(service))) == (404, "ACCOUNT_NOT_FOUND")
    secret = (await program.post("users/owner:createPasswordReset", {}, **_bearer(owner))).json()["secret"]
    body = {"secret": secret, "newPassword": "found again, the password"}
    assert (await program.post("auth:resetPassword", body)).status_code == 200
    assert _reason(await program.get("auth/session", authorization="Bearer no.jwt")) == (401, "TOKEN_INVALID")


async def test_the_public_keys_are_published_as_the_services_read_them(gateway: Gateway) -> None:
    answer = await gateway.browser().send("GET", "/.well-known/jwks.json", None, {})
    assert answer.json() == json.loads(gateway.settings.jwks_file.read_bytes())
    assert all("d" not in key for key in answer.json()["keys"])
    assert "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize("is_away", [True, False])
async def test_readiness_says_when_mongodb_is_away_and_when_it_is_back(gateway: Gateway, is_away: bool) -> None:
    nowhere = gateway.settings.model_copy(update={"mongodb_uri": "mongodb://127.0.0.1:9/?replicaSet=rs0"})
    database = mongo.connect(nowhere) if is_away else gateway.database
    readiness, changed = Readiness(), asyncio.Event()
    if not is_away:
        readiness.waiting("mongodb", "it does not answer")
    before = readiness.ready
    readiness.listen(lambda ready: changed.set() if ready is not before else None)
    following = asyncio.create_task(replace(gateway.opened, database=database).follow_mongodb(readiness))
    async with asyncio.timeout(60):
        await changed.wait()
    assert readiness.ready is not is_away
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_pages_of_accounts_and_invitations_follow_their_cursor(gateway: Gateway) -> None:
    owner = await _signed_up(gateway, "renga")
    for login in ("a", "b", "c"):
        await _signed_up(gateway, login)
        await owner.post("invitations", {})
    for path, field in (("users", "accounts"), ("invitations", "invitations")):
        names, token = list[str](), ""
        while True:
            page = (await owner.get(f"{path}?pageSize=2&pageToken={token}")).json()
            names += [one["name"] for one in page[field]]
            token = page.get("nextPageToken", "")
            if not token:
                break
        assert len(names) == len(set(names)) == {"users": 4, "invitations": 3}[path]


async def test_everybody_who_is_logged_in_learns_display_names_and_nothing_more(gateway: Gateway) -> None:
    await _signed_up(gateway, "renga", displayName="렝가")
    yumi = await _signed_up(gateway, "yumi")
    asked = "&".join(f"names=users/{one}" for one in ("owner", "yumi", "nobody"))
    answer = await yumi.get(f"users:displayNames?{asked}")
    assert answer.json() == {"displayNames": {"users/owner": "렝가", "users/yumi": "yumi"}}
    assert _reason(await yumi.get("users")) == (403, "ROLE_TOO_LOW")
    too_many = "&".join(f"names=users/{one}" for one in range(501))
    assert _reason(await yumi.get(f"users:displayNames?{too_many}")) == (400, "TOO_MANY_NAMES")
