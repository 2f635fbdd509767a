// @vitest-environment happy-dom
import { beforeEach, describe, expect, test, vi } from "vitest";
import { Problem, type Page } from "../api";
import { Acting } from "./acting.svelte";
import { agentOf } from "./agents";
import { forgetFragment, invitationLink, resetLink, roleIn, takeFragment } from "./links";
import { Listed } from "./listed.svelte";
import { smaller, upTo } from "./roles";

describe("a link with a secret", () => {
  beforeEach(() => {
    forgetFragment();
    history.replaceState(null, "", "/");
  });

  function open(link: string): void {
    const { pathname, search, hash } = new URL(link);
    history.replaceState(null, "", pathname + search + hash);
  }

  test("has it behind the #, which no server sees", () => {
    for (const link of [invitationLink("s3cret", "ROLE_MANAGER"), resetLink("s3cret")]) {
      expect(new URL(link).hash).toContain("s3cret");
      expect(link.split("#")[0]).not.toContain("s3cret");
    }
  });

  test("is read once, and then gone from the address", () => {
    open(resetLink("a-b_c"));
    expect(takeFragment()["secret"]).toBe("a-b_c");
    expect([location.pathname, location.hash]).toEqual(["/reset", ""]);
  });

  test("says the role that it gives, if that is one", () => {
    open(invitationLink("s", "ROLE_REVIEWER"));
    expect(takeFragment()).toEqual({ invitation: "s", role: "reviewer" });
    expect(roleIn({ role: "reviewer" })).toBe("ROLE_REVIEWER");
    expect([roleIn({ role: "emperor" }), roleIn({})]).toEqual([undefined, undefined]);
  });

  test("serves again after a look at another page, but nowhere else, and not after its use", () => {
    open(invitationLink("s", "ROLE_VIEWER"));
    takeFragment();
    open("http://localhost/login");
    expect(takeFragment()).toEqual({});
    open("http://localhost/signup");
    expect(takeFragment()["invitation"]).toBe("s");
    forgetFragment();
    expect(takeFragment()).toEqual({});
  });
});

test.each([
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36 Edg/147.0.0.0", "Edge", "Windows"],
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36", "Chrome", "Linux"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Safari", "macOS"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/147.0 Mobile/15E148 Safari/604.1", "Chrome", "iPhone"],
  ["Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox", "Android"],
  ["curl/8.5.0", "curl/8.5.0", ""],
  ["Mozilla/5.0 something new", "", ""],
  ["", "", ""],
])("the browser of %j", (userAgent, browser, system) => {
  expect(agentOf(userAgent)).toEqual({ browser, system });
});

test("one gives roles up to one's own, and the smaller of two counts", () => {
  expect(upTo("ROLE_REVIEWER")).toEqual(["ROLE_VIEWER", "ROLE_ANNOTATOR", "ROLE_REVIEWER"]);
  expect([smaller("ROLE_OWNER", "ROLE_VIEWER"), smaller("ROLE_MANAGER", "ROLE_OWNER")]).toEqual(["ROLE_VIEWER", "ROLE_MANAGER"]);
});

test("further pages are added, and what fails leaves what was there", async () => {
  const ask = vi.fn(async (token: string): Promise<Page<number>> => (token ? { items: [3], next: "" } : { items: [1, 2], next: "t" }));
  const list = new Listed(ask);
  expect(list.items).toBeNull();
  await list.load();
  await list.more();
  expect([list.items, list.next]).toEqual([[1, 2, 3], ""]);
  list.replace((one) => one === 2, 20);
  ask.mockRejectedValueOnce(new Problem(503, "DEPENDENCY_AWAY", ""));
  await list.load();
  expect([list.items, list.problem?.reason, list.loading]).toEqual([[1, 20, 3], "DEPENDENCY_AWAY", false]);
});

test("what is refused is kept until it is tried again", async () => {
  const acting = new Acting();
  const refused = () => Promise.reject(new Problem(400, "LAST_OWNER", ""));
  expect(await acting.run(refused)).toBe(false);
  expect([acting.problem?.reason, acting.busy]).toEqual(["LAST_OWNER", false]);
  expect(await acting.run(async () => expect(acting.busy).toBe(true))).toBe(true);
  expect(acting.problem).toBeNull();
});
