// The built app with the fake gateway beside it, on a free port. Returns its address and what ends it.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = join(dirname(fileURLToPath(import.meta.url)), "..");

export async function serve() {
  const vite = spawn(process.execPath, [join(WEB, "node_modules/vite/bin/vite.js"), "preview", "--mode", "fake", "--port", "0"], { cwd: WEB, env: { ...process.env, NO_COLOR: "1" } });
  let said = "";
  const address = await new Promise((resolve, reject) => {
    vite.stdout.on("data", (text) => {
      said += text;
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(said);
      if (found) resolve(found[0]);
    });
    vite.on("exit", () => reject(new Error(`The preview ended: ${said}`)));
  });
  return { address, stop: () => vite.kill() };
}
