// @vitest-environment happy-dom
import { beforeEach, expect, test } from "vitest";
import { Problem } from "../api";
import { accounts } from "./accounts";
import { en as accountsInEnglish } from "./accounts.en";
import { ko as accountsInKorean } from "./accounts.ko";
import { en } from "./en";
import { i18n, preferred } from "./i18n.svelte";
import { ko } from "./ko";
import { en as pagesInEnglish } from "./pages.en";
import { ko as pagesInKorean } from "./pages.ko";

beforeEach(() => localStorage.clear());

/** Every text of a language by its path; functions are called with twos. */
function texts(messages: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(messages)) {
    const here = `${path}.${key}`;
    if (typeof value === "string") found.set(here, value);
    else if (typeof value === "function") found.set(here, String(value(2, 2)));
    else for (const [deeper, text] of texts(value as object, here)) found.set(deeper, text);
  }
  return found;
}

test("no text is empty or left in another language", () => {
  const [english, korean] = [texts({ ...en, ...pagesInEnglish, accounts: accountsInEnglish }), texts({ ...ko, ...pagesInKorean, accounts: accountsInKorean })];
  const same = [...english].filter(([path, text]) => korean.get(path) === text && /[a-z]{3}/i.test(text)).map(([path]) => path);
  expect([...english.values(), ...korean.values()].filter((text) => !text.trim())).toEqual([]);
  expect(same.filter((path) => !/defaults|formats.*name/.test(path))).toEqual([]);
});

test("the browser's first known language is taken, and English when there is none", () => {
  expect(preferred(["fr-FR", "ko-KR", "en"])).toBe("ko");
  expect(preferred(["fr"])).toBe("en");
});

test("the chosen language is remembered, and the page says which it is", async () => {
  await i18n.choose("ko");
  await i18n.load();
  expect(i18n.t.label.submit).toBe("제출");
  expect(document.documentElement.lang).toBe("ko");
});

test("counts follow the rules of the language", () => {
  expect([0, 1, 2000].map(pagesInEnglish.exports.items)).toEqual(["0 tasks", "1 task", "2,000 tasks"]);
  expect(pagesInKorean.exports.items(2000)).toBe("작업 2,000개");
});

test("a known reason is said in words, a holder by name, an unknown reason as the server says it", async () => {
  await i18n.load("en");
  const held = new Problem(409, "TASK_HELD", "…", { holder: "users/suni" });
  expect(i18n.problem(held)).toBe("suni is labelling this task.");
  const { nameOf } = i18n;
  i18n.nameOf = (user) => ({ "users/suni": "순이" })[user] ?? user;
  expect(i18n.problem(held)).toBe("순이 is labelling this task.");
  i18n.nameOf = nameOf;
  expect(i18n.problem(new Problem(404, "TASK_NOT_FOUND", "…"))).toBe("There is no such task.");
  expect(i18n.problem(new Problem(400, "SOMETHING_NEW", "What to do."))).toBe("What to do.");
});

test("texts of some screens come with them, follow the language, and say their problems in words", async () => {
  await i18n.load("en");
  const wrong = new Problem(401, "WRONG_CREDENTIALS", "As the server says.");
  expect(i18n.problem(wrong)).toBe("As the server says.");
  await accounts.load();
  expect(i18n.problem(wrong)).toBe("The user name or the password is wrong.");
  await i18n.load("ko");
  expect(accounts.t.auth.logIn).toBe("로그인");
  expect(i18n.problem(wrong)).toBe("아이디 또는 비밀번호가 맞지 않습니다.");
});
