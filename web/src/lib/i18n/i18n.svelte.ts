/** The language of the page. Only the chosen one is loaded. */

import { Problem } from "../api/problem";
import { remembered } from "../remembered";
import type { Messages } from "./en";

export const LOCALES = { ko: "한국어", en: "English" } as const;
export type Locale = keyof typeof LOCALES;

const MESSAGES: Record<Locale, () => Promise<Messages>> = {
  ko: () => import("./ko").then((module) => module.ko),
  en: () => import("./en").then((module) => module.en),
};

const stored = remembered<Locale>("locale", Object.keys(LOCALES) as Locale[]);

class Translations {
  #messages: Messages | null = $state.raw(null);
  locale: Locale = $state("en");
  /** Loaded beside the messages; they change their language with it. */
  readonly parts = new Set<{ t: { problems: object }; load: (locale: Locale) => Promise<void> }>();
  /** A person of a message; the app sets one that knows display names. */
  nameOf: (user: string) => string = (user) => user.replace(/^users\//, "");

  /** The messages; `load` comes first. */
  get t(): Messages {
    if (!this.#messages) throw new Error("No language is loaded.");
    return this.#messages;
  }

  async load(locale: Locale = stored.get() ?? preferred(navigator.languages)): Promise<void> {
    const [messages] = await Promise.all([MESSAGES[locale](), ...[...this.parts].map((part) => part.load(locale))]);
    this.#messages = messages;
    this.locale = locale;
    document.documentElement.lang = locale;
  }

  async choose(locale: Locale): Promise<void> {
    stored.set(locale);
    await this.load(locale);
  }

  number(value: number): string {
    return new Intl.NumberFormat(this.locale).format(value);
  }

  bytes(value: number): string {
    const [size, unit] = value < 1e6 ? [value / 1e3, "kilobyte"] : [value / 1e6, "megabyte"];
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, maximumFractionDigits: 1 }).format(size);
  }

  date(value: string | undefined): string {
    if (!value) return "";
    return new Intl.DateTimeFormat(this.locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(value));
  }

  /** In words where the reason is known, else as the server says it. */
  problem(problem: Problem): string {
    const holder = problem.metadata["holder"];
    if (problem.reason === "TASK_HELD" && holder) return this.t.heldBy(this.nameOf(holder));
    for (const { problems } of [this.t, ...[...this.parts].map((part) => part.t)]) {
      const text = Object.hasOwn(problems, problem.reason) && (problems as Record<string, string>)[problem.reason];
      if (text) return text;
    }
    return problem.message || problem.reason;
  }
}

export function preferred(languages: readonly string[]): Locale {
  const known = languages.map((language) => language.split("-")[0]).find((language) => language && Object.hasOwn(LOCALES, language));
  return (known as Locale | undefined) ?? "en";
}

export const i18n = new Translations();
