// Empties the gateway's static folder before a build; its .gitignore stays.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.ANNOSTREAM_WEB_OUT ?? join(import.meta.dirname, "../../services/gateway/src/annostream_gateway/static");
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (name !== ".gitignore") rmSync(join(folder, name), { recursive: true });
