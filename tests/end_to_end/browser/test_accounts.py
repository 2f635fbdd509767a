"""People come by a link, have tokens for their programs, and are given another role, and a way to a new password."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from annostream_embedded.stack import Stack
from tests.end_to_end.browser.chromium import context_of, origins_of
from tests.end_to_end.browser.pages import LogIn, SignUp
from tests.end_to_end.browser.people import PASSWORD, Invite, Person
from tests.end_to_end.browser.words import KO
from tests.end_to_end.world import World, photo

pytestmark = pytest.mark.thorough

NEW_PASSWORD = "고양이 네 마리"


@pytest.fixture
async def stranger(stack: Stack, chromium: Browser) -> AsyncIterator[Page]:
    """A browser in which nobody is logged in."""
    async with context_of(chromium, origins_of(stack)) as (context, watch):
        # A new password ends the session that this browser has.
        watch.tolerate(r"status of 401 .*/auth/session$")
        yield await context.new_page()


async def test_a_person_comes_by_a_link_uses_a_token_gets_a_role_and_a_new_password(
    invite: Invite, world: World, stranger: Page
) -> None:
    project = await world.project("초대")
    await world.upload(project.name, "하나.jpg", photo(7_800))
    await world.wait_for_tasks(project.name, 1)
    owner, login = await invite("owner"), f"yumi-{secrets.token_hex(3)}"

    await _sign_up(stranger, await _invitation(owner, "작업자"), login)
    await _use_a_token_and_revoke_it(stranger, f"{owner.address}/api/v1/{project.name}/tasks")
    await _give_role(owner, login, "검수자")
    await stranger.reload()
    await expect(stranger.get_by_text("라벨링하고 다른 사람의 결과를 검수합니다").first).to_be_visible()
    await _set_password(stranger, await _reset_link(owner, login))
    await _log_in(stranger, login)


async def _invitation(owner: Person, role: str) -> str:
    page = owner.page
    await page.goto(f"{owner.address}/projects")
    await page.get_by_role("button", name=f"계정: {owner.login}").click()
    await page.get_by_role("link", name="사람과 초대").click()
    form = page.get_by_role("region", name="초대")
    await form.get_by_label("역할").select_option(f"{role} – 라벨링합니다")
    await form.get_by_role("button", name="초대 만들기").click()
    return await form.get_by_label("링크", exact=True).input_value()


async def _sign_up(page: Page, link: str, login: str) -> None:
    await page.goto(link)
    await expect(page.get_by_text("작업자로 초대받았습니다.")).to_be_visible()
    assert "invitation" not in page.url, "a secret does not stay in the address"
    form = SignUp(page, KO)
    await form.fill(login, PASSWORD, login)
    await form.sign_up()
    await expect(page.get_by_role("heading", name="프로젝트", exact=True)).to_be_visible()


async def _use_a_token_and_revoke_it(page: Page, tasks: str) -> None:
    await page.goto(page.url.replace("/projects", "/account"))
    await page.get_by_label("용도").fill("밤마다")
    await page.get_by_role("button", name="토큰 만들기").click()
    secret = await page.get_by_label("토큰", exact=True).input_value()
    answer = _get(tasks, secret)
    assert answer.status_code == 200, answer.text
    assert [task["assets"][0]["path"] for task in answer.json()["tasks"]] == ["하나.jpg"]

    await page.get_by_role("button", name="밤마다 폐기").click()
    await page.get_by_role("dialog").get_by_role("button", name="폐기").click()
    await expect(page.get_by_role("button", name="밤마다 폐기")).to_be_hidden()
    assert _get(tasks, secret).status_code == 401


def _get(url: str, secret: str) -> httpx.Response:
    """As curl does it."""
    return httpx.get(url, headers={"authorization": f"Bearer {secret}"}, trust_env=False)


async def _give_role(owner: Person, login: str, role: str) -> None:
    await owner.page.reload()
    choice = owner.page.get_by_label(f"{login} 님의 역할")
    async with owner.page.expect_response("**/*:changeRole") as answering:
        await choice.select_option(role)
    assert (await answering.value).ok
    await expect(choice).to_be_enabled()


async def _reset_link(owner: Person, login: str) -> str:
    await owner.page.get_by_role("button", name=f"{login} 님의 재설정 링크").click()
    dialog = owner.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="링크 만들기").click()
    return await dialog.get_by_label("링크", exact=True).input_value()


async def _set_password(page: Page, link: str) -> None:
    await page.goto(link)
    await page.get_by_label("새 비밀번호").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="비밀번호 정하기").click()
    await expect(page.get_by_role("heading", name="비밀번호를 바꿨습니다")).to_be_visible()


async def _log_in(page: Page, login: str) -> None:
    """The old password is none any more; the new one is."""
    await page.get_by_role("link", name="로그인").click()
    form = LogIn(page, KO)
    await form.log_in(login, NEW_PASSWORD)
    await expect(page.get_by_role("button", name=f"계정: {login}")).to_be_visible()
