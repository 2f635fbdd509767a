/** The keys of the labelling screen. */

import type { Editor } from "../../engine";
import type { Hotkey } from "../hotkeys/hotkeys";
import { i18n } from "../i18n/i18n.svelte";
import type { LabelClass } from "./classes";

const ZOOM_STEP = 1.25;

export interface BenchActions {
  readonly submit: () => void;
  readonly skip: () => void;
  readonly choose: (chosen: LabelClass) => void;
}

type Entry = [keys: string, name: () => string, run: () => void, repeats?: boolean];

const group = (name: () => string, entries: readonly Entry[]): Hotkey[] =>
  entries.map(([keys, title, run, repeats = false]) => ({ keys, name: title, group: name, run, repeats }));

/** Labels come last: a label's key wins over a tool's. */
export function benchKeys(editor: Editor, classes: readonly LabelClass[], actions: BenchActions): Hotkey[] {
  const text = () => i18n.t.label;
  return [
    ...group(() => text().groups.task, taskKeys(editor, actions)),
    ...group(() => text().groups.regions, regionKeys(editor)),
    ...group(() => text().groups.tools, toolKeys(editor)),
    ...group(() => text().groups.labels, labelKeys(classes, actions)),
  ];
}

function taskKeys(editor: Editor, actions: BenchActions): Entry[] {
  return [
    ["mod+enter", () => i18n.t.label.submit, actions.submit],
    ["mod+.", () => i18n.t.label.skip, actions.skip],
    ["mod+z", () => i18n.t.label.undo, () => editor.undo(), true],
    ["mod+shift+z mod+y", () => i18n.t.label.redo, () => editor.redo(), true],
  ];
}

function regionKeys(editor: Editor): Entry[] {
  return [
    ["delete backspace", () => i18n.t.label.deleteRegion, () => editor.removeSelected()],
    ["mod+d", () => i18n.t.label.duplicate, () => editor.duplicateSelected()],
    [".", () => i18n.t.label.nextRegion, () => editor.step(1), true],
    [",", () => i18n.t.label.previousRegion, () => editor.step(-1), true],
    ["escape", () => i18n.t.label.unselect, () => (editor.busy ? editor.pointerCancel() : editor.select())],
    ...nudges(editor, "", 1, () => i18n.t.label.nudge),
    ...nudges(editor, "shift+", 10, () => i18n.t.label.nudgeFar),
  ];
}

function nudges(editor: Editor, prefix: string, by: number, name: () => string): Entry[] {
  const ways: [string, number, number][] = [["arrowleft", -by, 0], ["arrowright", by, 0], ["arrowup", 0, -by], ["arrowdown", 0, by]];
  return ways.map(([key, dx, dy]) => [prefix + key, name, () => editor.nudge(dx, dy), true]);
}

function toolKeys(editor: Editor): Entry[] {
  return [
    ["b", () => i18n.t.label.draw, () => editor.setTool("draw")],
    ["v", () => i18n.t.label.select, () => editor.setTool("select")],
    // The stage itself listens for it: it counts for as long as it is held.
    ["space", () => i18n.t.label.panHold, () => undefined],
    ["h", () => i18n.t.label.pan, () => editor.setTool("pan")],
    ["+ =", () => i18n.t.label.zoomIn, () => editor.zoom(ZOOM_STEP), true],
    ["-", () => i18n.t.label.zoomOut, () => editor.zoom(1 / ZOOM_STEP), true],
    ["f", () => i18n.t.label.fit, () => editor.fit()],
    ["o", () => i18n.t.label.actual, () => editor.actualSize(devicePixelRatio)],
  ];
}

const labelKeys = (classes: readonly LabelClass[], actions: BenchActions): Entry[] =>
  classes.filter((one) => one.hotkey && !one.retired).map((one) => [one.hotkey, () => one.name, () => actions.choose(one)]);
