// Fails when the first load with the labelling screen has more script than the budget allows, gzipped.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 60_000;
const FIRST_LOAD = ["index.html", "src/routes/label/Label.svelte", "src/lib/i18n/ko.ts"];
const folder = process.env.ANNOSTREAM_WEB_OUT ?? join(import.meta.dirname, "../../services/gateway/src/annostream_gateway/static");
const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));

/** The chunk and what it imports at once. */
function chunksOf(key, seen = new Set()) {
  const chunk = manifest[key];
  if (!chunk) throw new Error(`The build has no ${key}: is the budget's list of entries current?`);
  if (seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const other of chunk.imports ?? []) chunksOf(other, seen);
  return seen;
}

const files = new Set();
for (const key of FIRST_LOAD) for (const file of chunksOf(key)) files.add(file);
const sizes = [...files].map((file) => [file, gzipSync(readFileSync(join(folder, file)), { level: 9 }).length]);
const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
console.log(`First load with the labelling screen: ${total} bytes of gzipped script; the budget is ${BUDGET_BYTES}.`);
if (total > BUDGET_BYTES) {
  for (const [file, bytes] of sizes.toSorted((a, b) => b[1] - a[1])) console.error(`${String(bytes).padStart(7)}  ${file}`);
  process.exit(1);
}
