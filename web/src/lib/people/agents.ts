/** A browser in a few words, out of what it says of itself. */

// The order counts: Edge and Opera call themselves Chrome too, and Chrome calls itself Safari.
const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bWhale\//, "Whale"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

export interface Agent {
  /** Empty: not known. */
  readonly browser: string;
  readonly system: string;
}

/** A program that is no browser goes by its first word: curl/8.5. */
export function agentOf(userAgent: string): Agent {
  const browser = nameIn(BROWSERS, userAgent) || (/^(?!Mozilla)[\w./-]+/.exec(userAgent)?.[0] ?? "");
  return { browser, system: nameIn(SYSTEMS, userAgent) };
}

const nameIn = (known: readonly [RegExp, string][], text: string): string => known.find(([pattern]) => pattern.test(text))?.[1] ?? "";
