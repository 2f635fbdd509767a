/** Light, dark, or as the system has it. */

import { remembered } from "./remembered";

export type Theme = "system" | "light" | "dark";
export const THEMES: readonly Theme[] = ["system", "light", "dark"];
const stored = remembered<Theme>("theme", THEMES);

class Appearance {
  theme: Theme = $state(stored.get() ?? "system");

  apply(): void {
    if (this.theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = this.theme;
  }

  choose(theme: Theme): void {
    this.theme = theme;
    stored.set(theme);
    this.apply();
  }
}

export const appearance = new Appearance();
