/** Texts of the screens around labelling: who opens a task has no need of them. */

import type { PageTexts } from "./pages.en";
import { Part } from "./part.svelte";

export const pages = new Part<PageTexts>({
  ko: () => import("./pages.ko").then((module) => module.ko),
  en: () => import("./pages.en").then((module) => module.en),
});
