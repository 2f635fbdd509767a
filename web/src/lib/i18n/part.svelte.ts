/** Texts of a few screens, loaded with the first of them: what everybody loads has none of them. */

import { i18n, type Locale } from "./i18n.svelte";

type Texts = { readonly problems: Readonly<Record<string, string>> };

export class Part<T extends Texts> {
  #texts: T | null = $state.raw(null);

  constructor(private readonly sources: Record<Locale, () => Promise<T>>) {}

  /** The texts; `load` comes first. */
  get t(): T {
    if (!this.#texts) throw new Error("These texts are not loaded.");
    return this.#texts;
  }

  /** In the language of the page, and from then on in whichever it changes to. */
  async load(locale: Locale = i18n.locale): Promise<void> {
    this.#texts = await this.sources[locale]();
    i18n.parts.add(this);
  }
}
