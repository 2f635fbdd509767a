// Photos dropped by a real browser, over the fake gateway: folders, parts, rejections, and another screen meanwhile.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { serve } from "./serve.mjs";

const MORE_THAN_TWO_PARTS = 600 * 1024;
let server;
let browser;
let page;
let folder;

before(async () => {
  server = await serve();
  browser = await openBrowser();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 720 }, locale: "ko-KR" })).newPage();
  folder = mkdtempSync(join(tmpdir(), "annostream-drop-"));
  mkdirSync(join(folder, "사진", "안"), { recursive: true });
  const put = (path, text) => writeFileSync(join(folder, "사진", path), text);
  for (let n = 0; n < 30; n++) put(`${n}.jpg`, `photo ${n}`);
  put("안/큰사진.tif", "x".repeat(MORE_THAN_TWO_PARTS));
  put("안/또.jpg", "photo 0");
  put("broken.jpg", "damaged");
  put("empty.png", "");
  put("notes.txt", "no photo");
  put(".DS_Store", "litter");
  await page.goto(server.address);
  await page.fill("[name=login]", "yumi");
  await page.fill("[name=password]", "correct horse battery");
  await page.click("form .primary");
  await page.waitForSelector("a.card");
});

after(async () => {
  await browser?.close();
  server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As the system does it: a script's own drop has no folders. */
async function drop(path) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, x: 640, y: 400, data });
}

const sum = () => page.locator(".sum p").first().textContent();

async function settled() {
  await page.locator("button", { hasText: "목록 비우기" }).first().waitFor();
}

test("a folder dropped in the wizard becomes tasks by their paths; what is no photo says why", async () => {
  await page.goto(`${server.address}/projects/new`);
  await page.fill("form input", "우리집 고양이");
  await page.click("form .button");
  await page.waitForSelector(".zone");
  await drop(join(folder, "사진"));
  await settled();
  assert.match(await sum(), /사진 31장 올림.*이미 있음 1.*거절됨 3/);
  const why = async (path) => (await page.locator(".file", { hasText: path }).locator(".why").textContent())?.trim();
  assert.equal(await why("notes.txt"), "지원하는 사진 형식이 아닙니다.");
  assert.equal(await page.locator(".tray").count(), 0, "the list is on the screen already");
});

test("the tray stays on other screens, and the saved project has the labels and the tasks", async () => {
  await page.click(".steps li:nth-child(3) button");
  await page.waitForSelector(".tray");
  await page.fill("textarea", "순이");
  await page.click(".setup .button:not(.icon)");
  await page.click("header .primary");
  await page.waitForSelector(".row-line");
  assert.ok(await page.locator(".tray").isVisible());
  const project = new URL(page.url()).pathname.split("/").at(-1);
  const { tasks } = await (await page.request.get(`${server.address}/api/v1/projects/${project}/tasks?pageSize=100`)).json();
  const paths = tasks.map((task) => task.assets[0].path);
  assert.equal(paths.length, 31);
  assert.ok(paths.includes("사진/안/큰사진.tif"));
  const found = await (await page.request.get(`${server.address}/api/v1/projects/${project}`)).json();
  assert.equal(found.project.displayName, "우리집 고양이");
  assert.deepEqual(found.project.labelSchema.controls[0].boxes.labels.map((label) => label.name), ["Airplane", "Car", "순이"]);
});

test("more are uploaded from the task table; a storage that is away is tried again, and no part is sent twice", async () => {
  await page.click(".tray .head");
  await page.click(".tray .sum .button.quiet");
  let away = true;
  const sent = [];
  await page.route("**/fake/uploads/**", async (route) => {
    const link = route.request().url().split("/uploads/")[1];
    if (away && link.endsWith("/1")) return route.abort();
    sent.push(link.split("/")[1]);
    return route.continue();
  });
  writeFileSync(join(folder, "second.tif"), "y".repeat(MORE_THAN_TWO_PARTS));
  await page.locator("header input[type=file]").first().setInputFiles(join(folder, "second.tif"));
  await page.locator(".tray", { hasText: "실패 1" }).waitFor();
  away = false;
  if (!(await page.locator(".tray .file").count())) await page.click(".tray .head");
  await page.locator(".tray button", { hasText: "실패한 파일 다시 시도" }).click();
  await page.locator(".tray .file.done").waitFor();
  assert.deepEqual(sent.toSorted(), ["0", "1", "2"]);
});
