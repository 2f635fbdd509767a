/** The labels of a project as the labelling screen uses them. */

import type { Brush, Look } from "../../engine";
import type { LabelSchema } from "../api";

export interface LabelClass extends Brush, Look {
  /** One character, or empty. */
  readonly hotkey: string;
  readonly retired: boolean;
}

const UNKNOWN: Look = { colour: "#808080", name: "?" };

/** Labels of box controls; those without a key of their own get the next free digit. */
export function classesOf(schema: LabelSchema | undefined): LabelClass[] {
  const all = (schema?.controls ?? []).flatMap((control) =>
    (control.boxes?.labels ?? []).map((label) => ({
      controlId: control.id ?? "",
      labelId: label.id ?? "",
      name: label.name ?? "",
      colour: label.colour || UNKNOWN.colour,
      hotkey: (label.hotkey ?? "").toLowerCase(),
      retired: label.retired ?? false,
    })),
  );
  return withDigits(all);
}

export function lookIn(classes: readonly LabelClass[]): (region: { labelIds: readonly string[] }) => Look {
  const byId = new Map(classes.map((one) => [one.labelId, one]));
  return (region) => byId.get(region.labelIds[0] ?? "") ?? UNKNOWN;
}

function withDigits(classes: readonly LabelClass[]): LabelClass[] {
  const taken = new Set(classes.map((one) => one.hotkey));
  const free = [..."123456789"].filter((digit) => !taken.has(digit));
  return classes.map((one) => (one.hotkey || one.retired ? one : { ...one, hotkey: free.shift() ?? "" }));
}
