/** The labelling setup as it is edited: names, colours and keys, with what is wrong said by name. Pure. */

import type { Label, LabelSchema } from "../../lib/api";

/** Colours that can be told apart on most photos; given in turn. */
export const PALETTE: readonly string[] = [
  "#f2994a", "#2f80ed", "#27ae60", "#eb5757", "#9b51e0", "#f2c94c", "#56ccf2", "#6fcf97", "#bb6bd9", "#e07a9b", "#219653", "#b08d57",
];

export const CONTROL_ID = "boxes";

export interface EditedLabel {
  /** Empty until the server has given one. */
  readonly id: string;
  readonly name: string;
  readonly colour: string;
  readonly hotkey: string;
}

export interface Added {
  readonly labels: readonly EditedLabel[];
  /** Names that were there already. */
  readonly duplicates: readonly string[];
}

const normal = (name: string): string => name.normalize("NFC").trim();

/** One label a line; empty lines count nothing. */
export function addLines(labels: readonly EditedLabel[], text: string): Added {
  const all = [...labels];
  const duplicates: string[] = [];
  for (const name of text.split("\n").map(normal).filter(Boolean)) {
    if (all.some((label) => label.name === name)) duplicates.push(name);
    else all.push({ id: "", name, colour: nextColour(all), hotkey: nextHotkey(all) });
  }
  return { labels: all, duplicates };
}

export function toSchema(labels: readonly EditedLabel[], before?: LabelSchema): LabelSchema {
  const wire = labels.map((label): Label => ({ ...label, name: normal(label.name) }));
  const boxes = { boxes: { labels: wire.map(({ id, ...rest }) => (id ? { id, ...rest } : rest)) } };
  const known = before?.controls ?? [];
  const own = known.find((control) => control.boxes);
  if (!own) return { controls: [...known, { id: CONTROL_ID, ...boxes }] };
  return { controls: known.map((control) => (control === own ? { id: control.id ?? CONTROL_ID, ...boxes } : control)) };
}

export function fromSchema(schema: LabelSchema | undefined): EditedLabel[] {
  const labels = schema?.controls?.find((control) => control.boxes)?.boxes?.labels ?? [];
  return labels
    .filter((label) => !label.retired)
    .map(({ id = "", name = "", colour = "", hotkey = "" }) => ({ id, name, colour: colour || PALETTE[0]!, hotkey }));
}

/** The first name that occurs twice, or "" where one is empty; undefined: all is well. */
export function faultIn(labels: readonly EditedLabel[]): string | undefined {
  const names = labels.map((label) => normal(label.name));
  return names.find((name, place) => !name || names.indexOf(name) !== place);
}

/** A key belongs to one label: whoever has it already loses it. */
export function withHotkey(labels: readonly EditedLabel[], place: number, hotkey: string): EditedLabel[] {
  const key = hotkey.trim().slice(-1).toLowerCase();
  return labels.map((label, other) => (other === place ? { ...label, hotkey: key } : label.hotkey === key ? { ...label, hotkey: "" } : label));
}

function nextColour(labels: readonly EditedLabel[]): string {
  const used = new Set(labels.map((label) => label.colour));
  return PALETTE.find((colour) => !used.has(colour)) ?? PALETTE[labels.length % PALETTE.length]!;
}

function nextHotkey(labels: readonly EditedLabel[]): string {
  const used = new Set(labels.map((label) => label.hotkey));
  return [..."1234567890"].find((digit) => !used.has(digit)) ?? "";
}
