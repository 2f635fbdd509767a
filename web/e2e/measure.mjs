// What a box costs: `node measure.mjs ADDRESS` against `npm run preview`. A 4000 × 3000 photo with 0, 500 and 4,999 boxes.
import { chromium } from "playwright-core";
import { launchOptions } from "./chromium.mjs";

const [address = "http://127.0.0.1:4173"] = process.argv.slice(2);
const ROUNDS = 15;
const { env, ...options } = await launchOptions();
const browser = await chromium.launch({ ...options, env: { ...process.env, ...env } });
const page = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const p95 = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)];

await page.goto(address);
const photo = await page.evaluate(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 4000, height: 3000 });
  const context = canvas.getContext("2d");
  for (let n = 0; n < 3000; n++) {
    context.fillStyle = `hsl(${(n * 47) % 360} 40% ${30 + (n % 50)}%)`;
    context.fillRect((n * 397) % 4000, (n * 211) % 3000, 220, 160);
  }
  return canvas.toDataURL("image/jpeg", 0.9).split(",")[1];
});
await page.route("**/fake/large.jpg", (route) => route.fulfill({ contentType: "image/jpeg", body: Buffer.from(photo, "base64") }));
await page.waitForSelector("form");
await page.fill("[name=login]", "yumi");
await page.fill("[name=password]", "correct horse battery");
await page.click("form .primary");
await page.waitForSelector("a.card");

// From the event to the end of the frame that shows it, and the part of it that was work.
await page.addInitScript(() => {
  window.measured = [];
  window.frames = [];
  window.addEventListener("pointerup", () => {
    const start = performance.now();
    let handled = 0;
    setTimeout(() => (handled ||= performance.now()));
    queueMicrotask(() => queueMicrotask(() => (handled ||= performance.now())));
    requestAnimationFrame(() => {
      const frame = performance.now();
      const channel = new MessageChannel();
      channel.port1.addEventListener("message", () => {
        const end = performance.now();
        window.measured.push({ toFrame: end - start, work: handled - start + (end - frame) });
      });
      channel.port1.start();
      channel.port2.postMessage(0);
    });
  }, { capture: true });
});

for (const [task, boxes] of [["t0011", 1], ["t0012", 501], ["t0013", 5000]]) {
  const opened = performance.now();
  await page.goto(`${address}/projects/p2/label/${task}`);
  await page.waitForSelector(".stage img");
  const interactive = performance.now() - opened;
  await page.waitForTimeout(600);
  const frames = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [x, y] = [150 + round * 40, 120 + round * 20];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.evaluate(() => {
      window.frames = [];
      const tick = (now) => window.frames.push(now) && window.dragging && requestAnimationFrame(tick);
      window.dragging = true;
      requestAnimationFrame(tick);
    });
    await page.mouse.move(x + 120, y + 90, { steps: 20 });
    frames.push(...(await page.evaluate(() => ((window.dragging = false), window.frames.slice(1).map((now, place) => now - window.frames[place])))));
    await page.mouse.up();
    await page.waitForTimeout(80);
    await page.keyboard.press("Control+z");
    await page.waitForTimeout(80);
  }
  const measured = await page.evaluate(() => window.measured);
  const renderer = await page.evaluate(() => (document.querySelector(".stage canvas") ? "canvas" : "svg"));
  const of = (key) => measured.map((one) => one[key]);
  console.log(JSON.stringify({
    boxes, renderer, commits: measured.length, openMilliseconds: Math.round(interactive),
    commitToFrame: +median(of("toFrame")).toFixed(1), commitToFrameP95: +p95(of("toFrame")).toFixed(1),
    work: +median(of("work")).toFixed(1), dragFrameP50: +median(frames).toFixed(1), dragFrameP95: +p95(frames).toFixed(1),
  }));
  await page.evaluate(() => (window.measured = []));
}
await browser.close();
