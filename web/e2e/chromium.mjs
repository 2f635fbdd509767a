// A real Chromium for tests: one on PATH, else npm's, unpacked once with its libraries. No apt. Hangul comes from npm too.
// `node chromium.mjs` prints how it is launched as JSON: executablePath, args, env.
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const UNPACKED = join(HERE, "node_modules", ".chromium");
const BIN = join(HERE, "node_modules/@sparticuz/chromium/bin");
const FONTS = join(HERE, "node_modules/@expo-google-fonts/noto-sans-kr");
const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** What Playwright's launch() takes; env is what is to be added to the environment. */
export async function launchOptions() {
  const found = onPath();
  const executablePath = found ?? (await unpacked());
  const libraries = found ? {} : { LD_LIBRARY_PATH: join(UNPACKED, "lib") };
  return { executablePath, args: ARGS, env: { ...libraries, FONTCONFIG_FILE: fontsConfig() } };
}

function onPath() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync);
}

async function unpacked() {
  const program = join(UNPACKED, "chromium");
  if (existsSync(program)) return program;
  mkdirSync(dirname(UNPACKED), { recursive: true });
  const folder = mkdtempSync(`${UNPACKED}-`);
  const archive = join(folder, "libraries.tar");
  await unbrotli(join(BIN, "al2023.tar.br"), archive);
  execFileSync("tar", ["-xf", archive, "-C", folder]);
  rmSync(archive);
  await unbrotli(join(BIN, "chromium.br"), join(folder, "chromium"), 0o755);
  // Named last: whoever sees it sees it whole.
  try {
    renameSync(folder, UNPACKED);
  } catch (error) {
    // Somebody was quicker, and has the same.
    if (!existsSync(program)) throw error;
    rmSync(folder, { recursive: true });
  }
  return program;
}

const unbrotli = (from, to, mode = 0o644) => pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode }));

function fontsConfig() {
  const file = join(HERE, "node_modules", ".fonts.conf");
  const dirs = ["400Regular", "500Medium", "600SemiBold", "700Bold"].map((name) => `<dir>${join(FONTS, name)}</dir>`).join("");
  writeFileSync(file, `<?xml version="1.0"?><fontconfig>${dirs}<cachedir>${join(HERE, "node_modules", ".fonts")}</cachedir></fontconfig>`);
  return file;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(await launchOptions()));
