import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { fakeApi } from "./e2e/fake/plugin.ts";

const GATEWAY_STATIC = "../services/gateway/src/annostream_gateway/static";

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), ...(mode === "fake" ? [fakeApi()] : [])],
  resolve: mode === "test" ? { conditions: ["browser"] } : {},
  build: {
    outDir: process.env["ANNOSTREAM_WEB_OUT"] ?? GATEWAY_STATIC,
    // The folder is the gateway's; its .gitignore stays, so `prebuild` empties it instead of Vite.
    emptyOutDir: false,
    target: "es2022",
    manifest: "manifest.json",
    // CSP has no data: for scripts or styles, and small files compress no better inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { host: "127.0.0.1" },
  test: { environment: "node", include: ["src/**/*.test.ts", "e2e/fake/**/*.test.ts"] },
}));
