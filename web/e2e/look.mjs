// A look at every screen in real Chromium, against the fake gateway: `node look.mjs ADDRESS FOLDER`.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBrowser } from "./browser.mjs";

const [address = "http://127.0.0.1:5173", folder = join(tmpdir(), "annostream-look")] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await openBrowser();

async function walk(locale, colorScheme) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, locale, colorScheme });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.log("page error:", error.message));
  page.on("console", (message) => message.type() === "error" && console.log("console:", message.text()));
  const shoot = async (name) => {
    await page.waitForTimeout(400);
    await complain(page, name);
    await page.screenshot({ path: `${folder}/${name}-${locale}-${colorScheme}.png` });
  };
  // The fake gateway knows one browser at a time.
  await page.request.post(`${address}/api/v1/auth:logOut`, { data: {} });
  await page.goto(address);
  await page.waitForSelector("form");
  await shoot("1-sign-in");
  await page.goto(`${address}/reset#secret=unknown`);
  await page.waitForSelector("form");
  await page.fill("[name=newPassword]", "correct horse battery");
  await page.click("form .primary");
  await shoot("1-reset");
  await page.goto(`${address}/login`);
  await page.waitForSelector("form");
  await page.fill("[name=login]", "yumi");
  await page.fill("[name=password]", "correct horse battery");
  await page.click("form .primary");
  await page.waitForSelector("h1");
  await shoot("2-projects");
  await page.goto(`${address}/projects/new`);
  await page.fill("form input", "우리집 고양이");
  await shoot("3-wizard-name");
  await page.click(".steps li:nth-child(2) button");
  await page.waitForSelector(".zone");
  await shoot("3-wizard-data");
  await page.click(".steps li:nth-child(3) button");
  await page.waitForSelector(".stage img");
  await page.fill("textarea", "Cat\nDog");
  await page.click(".setup .button:not(.icon)");
  await shoot("4-wizard-labelling");
  await page.goto(`${address}/projects/p1`);
  await page.waitForSelector(".row-line");
  await shoot("5-tasks");
  await label(page, shoot);
  await page.goto(`${address}/projects/p1/exports`);
  await page.waitForSelector(".formats");
  await page.click("form .primary");
  await shoot("9-exports");
  await accounts(page, shoot);
  await context.close();
}

/** What axe-core finds wrong; it is put in as a debugger would, so that the page's policy does not stop it. */
async function complain(page, name) {
  const { violations } = await page.evaluate(`(() => { ${AXE}; return axe.run(); })()`);
  for (const { id, nodes } of violations) console.log(`axe ${name}: ${id}: ${nodes.map((node) => node.target.join(" ")).join(" | ").slice(0, 200)}`);
}

async function label(page, shoot) {
  await page.goto(`${address}/projects/p1/label/t0001`);
  await page.waitForSelector(".stage img");
  await page.waitForTimeout(200);
  const image = await page.evaluate(() => {
    const { left, top, width, height } = document.querySelector(".stage img").getBoundingClientRect();
    return { left, top, width, height };
  });
  const scale = image.width / 451;
  const at = (x, y) => [image.left + x * scale, image.top + y * scale];
  await page.mouse.move(...at(120, 60));
  await page.mouse.down();
  await page.mouse.move(...at(200, 200), { steps: 8 });
  await shoot("6-drawing");
  await page.mouse.move(...at(330, 260), { steps: 8 });
  await page.mouse.up();
  await page.keyboard.press("2");
  await shoot("7-labelling");
  await page.keyboard.press("Control+Enter");
  await page.waitForTimeout(300);
  const { task } = await (await page.request.get(`${address}/api/v1/projects/p1/tasks/t0001`)).json();
  console.log("drawn 120,60 → 330,260; kept:", JSON.stringify(task.annotations[0].result.regions.at(-1)));
  await page.keyboard.press("?");
  await shoot("8-keys");
}

async function accounts(page, shoot) {
  await page.goto(`${address}/account`);
  await page.fill("[name=tokenName]", "CI");
  await page.click("form:has([name=tokenName]) .button");
  await page.waitForSelector(".made");
  await shoot("10-account");
  await page.click(".who");
  await shoot("10-menu");
  await page.goto(`${address}/people`);
  await page.click("section form .button");
  await page.waitForSelector(".made");
  await shoot("11-people");
  await page.click("tbody tr:nth-child(2) .actions .button");
  await page.click("dialog .primary");
  await page.waitForSelector("dialog .copy");
  await shoot("12-reset-link");
}

await walk("ko-KR", "light");
await walk("en-GB", "dark");
await browser.close();
