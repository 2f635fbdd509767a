/** Texts about accounts: signing up and in, one's own account, people, links. */

import type { AccountTexts } from "./accounts.en";
import { Part } from "./part.svelte";

export const accounts = new Part<AccountTexts>({
  ko: () => import("./accounts.ko").then((module) => module.ko),
  en: () => import("./accounts.en").then((module) => module.en),
});
