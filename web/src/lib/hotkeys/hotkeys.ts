/**
 * Hotkeys: one registry, so that `?` can show them all. Letters and digits are matched by the key's place on the
 * keyboard too, so that they work while Hangul is the input method.
 */

export interface Hotkey {
  /** "mod+enter", "shift+z", "1", "?". `mod` is Ctrl, or Command on a Mac. */
  readonly keys: string;
  readonly name: () => string;
  readonly group: () => string;
  readonly run: () => void;
  /** Holding the key down repeats it. */
  readonly repeats?: boolean;
}

type KeyEvent = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

export class Hotkeys {
  readonly #stack: Hotkey[] = [];

  get all(): readonly Hotkey[] {
    return this.#stack;
  }

  /** Those added later win. Returns what takes them away again. */
  add(...hotkeys: readonly Hotkey[]): () => void {
    this.#stack.push(...hotkeys);
    return () => {
      for (const hotkey of hotkeys) this.#stack.splice(this.#stack.indexOf(hotkey), 1);
    };
  }

  /** Whether the event was one of ours, and has been dealt with. */
  handle(event: KeyboardEvent): boolean {
    if (event.isComposing || event.defaultPrevented || isTyping(event)) return false;
    const hotkey = this.#stack.findLast((one) => alternatives(one.keys).some((keys) => matches(keys, event)));
    if (!hotkey || (event.repeat && !hotkey.repeats)) return false;
    event.preventDefault();
    hotkey.run();
    return true;
  }
}

const alternatives = (keys: string): string[] => keys.split(" ");

/** In a text field letters are text; keys with Ctrl or Command are still ours. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.target;
  if (typeof HTMLElement === "undefined" || !(target instanceof HTMLElement)) return false;
  if (target.closest("dialog")) return true;
  const control = target.closest("input, textarea, select, [contenteditable]");
  if (control) return !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "enter";
  // A focused button or link takes Enter and Space for itself.
  return target.closest("button, a") !== null && [" ", "Enter"].includes(event.key) && !event.ctrlKey && !event.metaKey;
}

export function matches(keys: string, event: KeyEvent): boolean {
  const parts = keys.split("+").filter(Boolean);
  const main = keys.endsWith("++") || keys === "+" ? "+" : (parts.at(-1) ?? "");
  const mod = parts.includes("mod");
  const shift = parts.includes("shift");
  if (mod !== (event.ctrlKey || event.metaKey) || event.altKey) return false;
  // A sign such as "?" needs Shift on some keyboards and not on others.
  if (isPlain(main) && shift !== event.shiftKey) return false;
  return event.key.toLowerCase() === main || placeOf(event.code) === main;
}

const isPlain = (key: string): boolean => key.length > 1 || /[a-z0-9]/.test(key);

function placeOf(code: string): string {
  const match = /^(?:Key([A-Z])|Digit(\d)|Numpad(\d))$/.exec(code);
  return (match?.[1] ?? match?.[2] ?? match?.[3] ?? "").toLowerCase();
}

/** As people read them: "Ctrl + Enter", "⌘ Enter". */
export function shown(keys: string, mac: boolean): string[] {
  const names: Record<string, string> = {
    mod: mac ? "⌘" : "Ctrl",
    shift: mac ? "⇧" : "Shift",
    enter: "Enter",
    delete: "Del",
    escape: "Esc",
    arrowleft: "←",
    arrowright: "→",
    arrowup: "↑",
    arrowdown: "↓",
    space: "Space",
  };
  if (keys === "+") return ["+"];
  return keys.split("+").map((part) => names[part] ?? part.toUpperCase());
}
