// The labelling screen under a real mouse in real Chromium, over the fake gateway: boxes are compared in image pixels.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { openBrowser } from "./browser.mjs";
import { serve } from "./serve.mjs";

const IMAGE = { width: 451, height: 300 };
let server;
let browser;
let page;

before(async () => {
  server = await serve();
  browser = await openBrowser();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 720 }, locale: "ko-KR" })).newPage();
  await page.goto(server.address);
  await page.fill("[name=login]", "yumi");
  await page.fill("[name=password]", "correct horse battery");
  await page.click("form .primary");
  await page.waitForSelector("a.card");
});

after(async () => {
  await browser?.close();
  server?.stop();
});

beforeEach(async () => {
  await page.goto(`${server.address}/projects/p1/label/t0001`);
  await page.waitForSelector(".stage img");
  await page.waitForFunction(() => document.querySelector(".stage img").style.transform !== "");
  await page.keyboard.press("b");
  while (await page.locator(".region").count()) {
    await page.locator(".region .name").first().click();
    await page.keyboard.press("Delete");
  }
});

/** Image pixels to the screen, as the browser shows the photo now. */
async function at(x, y) {
  const box = await page.locator(".stage img").boundingBox();
  return [box.x + (x * box.width) / IMAGE.width, box.y + (y * box.height) / IMAGE.height];
}

async function drag([x0, y0], [x1, y1]) {
  const [from, to] = [await at(x0, y0), await at(x1, y1)];
  await page.mouse.move(...from);
  await page.mouse.down();
  await page.mouse.move(...to, { steps: 6 });
  await page.mouse.up();
}

/** The boxes as SVG has them: image pixels. */
const boxes = () =>
  page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const number = (rect, name) => Math.round(Number(rect.getAttribute(name)) * 100) / 100;
    return [...document.querySelectorAll(".stage > svg:nth-of-type(1) rect")].map((rect) => ["x", "y", "width", "height"].map((name) => number(rect, name)));
  });

function close(found, wanted) {
  assert.equal(found.length, wanted.length, `${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  found.forEach((box, place) => box.forEach((value, side) => assert.ok(Math.abs(value - wanted[place][side]) < 0.6, `${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`)));
}

test("draw, undo, redo", async () => {
  await drag([40, 50], [140, 120]);
  close(await boxes(), [[40, 50, 100, 70]]);
  await page.keyboard.press("Control+z");
  close(await boxes(), []);
  await page.keyboard.press("Control+Shift+Z");
  close(await boxes(), [[40, 50, 100, 70]]);
});

test("a drag that leaves the photo, even the stage, makes a box that ends at the photo's edge", async () => {
  await drag([300, 200], [900, 900]);
  close(await boxes(), [[300, 200, 151, 100]]);
});

test("resize by a handle, move by the outline, nudge, duplicate, delete", async () => {
  await drag([40, 50], [140, 120]);
  await drag([140, 120], [200, 180]);
  close(await boxes(), [[40, 50, 160, 130]]);
  await drag([40, 80], [60, 90]);
  close(await boxes(), [[60, 60, 160, 130]]);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  close(await boxes(), [[61, 70, 160, 130]]);
  await page.keyboard.press("Control+d");
  assert.equal((await boxes()).length, 2);
  await page.keyboard.press("Delete");
  close(await boxes(), [[61, 70, 160, 130]]);
});

test("boxes are right at any zoom, and the point under the cursor stays", async () => {
  const [x, y] = await at(100, 100);
  await page.mouse.move(x, y);
  for (let turn = 0; turn < 6; turn++) await page.mouse.wheel(0, -120);
  await boxes();
  const [nowX, nowY] = await at(100, 100);
  assert.ok(Math.hypot(nowX - x, nowY - y) < 0.5, "the point under the cursor moved");
  await drag([90, 80], [120, 110]);
  close(await boxes(), [[90, 80, 30, 30]]);
});

test("space and the middle button move the photo and draw nothing", async () => {
  const [before] = await at(0, 0);
  await page.mouse.move(600, 300);
  await page.keyboard.down("Space");
  await page.mouse.down();
  await page.mouse.move(650, 300, { steps: 3 });
  await page.mouse.up();
  await page.keyboard.up("Space");
  await page.mouse.down({ button: "middle" });
  await page.mouse.move(680, 300, { steps: 3 });
  await page.mouse.up({ button: "middle" });
  close(await boxes(), []);
  const [after] = await at(0, 0);
  assert.ok(Math.abs(after - before - 80) < 1, `moved by ${after - before}`);
});

test("keys work while Hangul is typed, and a label's key relabels what is selected", async () => {
  await drag([40, 50], [140, 120]);
  await page.keyboard.press("2");
  assert.match(await page.locator(".region").textContent(), /유미/);
  await page.evaluate(() => window.dispatchEvent(new KeyboardEvent("keydown", { key: "ㅍ", code: "KeyV", bubbles: true })));
  assert.equal(await page.locator(".rail [aria-pressed=true]").getAttribute("aria-label"), "선택하고 옮기기");
});

test("leaving gives the tasks back", async () => {
  await page.goto(`${server.address}/projects/p1/label`);
  await page.waitForSelector(".stage img");
  await page.waitForTimeout(300);
  const held = async () => {
    const { tasks } = await (await page.request.get(`${server.address}/api/v1/projects/p1/tasks`)).json();
    return tasks.filter((task) => task.leases).length;
  };
  assert.equal(await held(), 2, "the task on the screen, and the next one");
  await page.goto(`${server.address}/projects`);
  await page.waitForSelector("a.card");
  assert.equal(await held(), 0);
});

test("a reload brings unsubmitted work back", async () => {
  await drag([40, 50], [140, 120]);
  await page.waitForTimeout(500);
  await page.reload();
  await page.waitForSelector(".stage svg rect");
  close(await boxes(), [[40, 50, 100, 70]]);
});

test("submit goes on to the next task, and a reload stays there, with its draft", async () => {
  await page.goto(`${server.address}/projects/p1/label`);
  await page.waitForSelector(".stage img");
  const first = await page.locator(".path").textContent();
  await drag([40, 50], [140, 120]);
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction((before) => ![null, undefined, before].includes(document.querySelector(".path")?.textContent), first);
  const path = await page.locator(".path").textContent();
  await drag([10, 10], [100, 100]);
  await page.waitForTimeout(500);
  await page.reload();
  await page.waitForSelector(".stage > svg rect");
  assert.equal(await page.locator(".path").textContent(), path);
  assert.equal((await boxes()).length, 1);
});
