// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from "vitest";
import { Hotkeys, matches, shown } from "./hotkeys";

const key = (key: string, more: KeyboardEventInit = {}): KeyboardEvent =>
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });

const hotkey = (keys: string, run: () => void) => ({ keys, run, name: () => keys, group: () => "" });

let hotkeys: Hotkeys;

beforeEach(() => {
  hotkeys = new Hotkeys();
  document.body.replaceChildren();
});

/** Dispatches at an element, as the browser does. */
function press(event: KeyboardEvent, at: EventTarget = document.body): boolean {
  let taken = false;
  const listener = (seen: Event): void => void (taken = hotkeys.handle(seen as KeyboardEvent));
  window.addEventListener("keydown", listener, { once: true });
  at.dispatchEvent(event);
  return taken;
}

test("letters work while Hangul is typed", () => {
  expect(matches("b", key("ㅠ", { code: "KeyB" }))).toBe(true);
  expect(matches("mod+z", key("ㅋ", { code: "KeyZ", ctrlKey: true }))).toBe(true);
});

test("modifiers must be as said, but a sign may need Shift", () => {
  expect(matches("z", key("z", { ctrlKey: true }))).toBe(false);
  expect(matches("mod+z", key("Z", { metaKey: true, shiftKey: true }))).toBe(false);
  expect(matches("mod+shift+z", key("Z", { metaKey: true, shiftKey: true }))).toBe(true);
  expect(matches("?", key("?", { shiftKey: true }))).toBe(true);
  expect(matches("+", key("+", { shiftKey: true }))).toBe(true);
  expect(matches("b", key("b", { altKey: true }))).toBe(false);
});

test("the one added last wins, and is gone when it is taken away", () => {
  const [first, second] = [vi.fn(), vi.fn()];
  hotkeys.add(hotkey("a", first));
  const remove = hotkeys.add(hotkey("a", second));
  press(key("a"));
  remove();
  press(key("a"));
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 1]);
});

test("in a text field keys are text, but Ctrl+Enter is ours; a button keeps Enter", () => {
  const run = vi.fn();
  hotkeys.add(hotkey("a", run), hotkey("mod+enter", run), hotkey("mod+z", run), hotkey("enter", run));
  const input = document.createElement("input");
  const button = document.createElement("button");
  document.body.append(input, button);
  expect(press(key("a"), input)).toBe(false);
  expect(press(key("z", { ctrlKey: true }), input)).toBe(false);
  expect(press(key("Enter", { ctrlKey: true }), input)).toBe(true);
  expect(press(key("Enter"), button)).toBe(false);
  expect(run).toHaveBeenCalledTimes(1);
});

test("a key held down repeats only what may repeat", () => {
  const run = vi.fn();
  hotkeys.add(hotkey("a", run), { ...hotkey("arrowleft", run), repeats: true });
  expect(press(key("a", { repeat: true }))).toBe(false);
  expect(press(key("ArrowLeft", { repeat: true }))).toBe(true);
});

test("keys are shown as they are printed on the keyboard", () => {
  expect(shown("mod+enter", false)).toEqual(["Ctrl", "Enter"]);
  expect(shown("mod+shift+z", true)).toEqual(["⌘", "⇧", "Z"]);
});
