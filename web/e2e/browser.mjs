// Chromium for what measures the page with Node.
import { chromium } from "playwright-core";
import { launchOptions } from "./chromium.mjs";

/** The caller closes it. */
export async function openBrowser() {
  const { env, ...options } = await launchOptions();
  return chromium.launch({ ...options, env: { ...process.env, ...env } });
}
