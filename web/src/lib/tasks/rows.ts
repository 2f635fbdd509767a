/** Tasks as rows of the table: what is shown, found and sorted. Pure. */

import { idOf, said, type Task, type TaskState } from "../api";

export const COLUMNS = ["photo", "path", "state", "annotator", "regions", "updated"] as const;
export type Column = (typeof COLUMNS)[number];
export type SortColumn = Exclude<Column, "photo">;

export interface Row {
  readonly id: string;
  readonly task: Task;
  readonly asset: string;
  readonly path: string;
  readonly state: TaskState;
  /** Who has it now, or who labelled it. */
  readonly annotator: string;
  readonly held: boolean;
  readonly regions: number;
  /** ISO 8601 */
  readonly updated: string;
}

export interface Order {
  readonly column: SortColumn;
  readonly descending: boolean;
}

export function rowOf(task: Task, nameOf: (user: string) => string = idOf): Row {
  const { name, path = "" } = task.assets?.[0] ?? {};
  const holder = task.leases?.[0]?.annotator;
  const annotations = task.annotations ?? [];
  return {
    id: idOf(task.name),
    task,
    asset: name ?? "",
    path,
    state: said(task.state, "STATE_OPEN"),
    annotator: holder ? nameOf(holder) : annotations.map((one) => nameOf(one.annotator ?? "")).join(", "),
    held: holder !== undefined,
    regions: annotations.reduce((sum, one) => sum + (one.result?.regions?.length ?? one.reference?.regionCount ?? 0), 0),
    updated: task.updateTime ?? "",
  };
}

/** Whatever the normal form and the case that was typed. */
export function found(rows: readonly Row[], search: string): readonly Row[] {
  const wanted = folded(search.trim());
  return wanted ? rows.filter((row) => folded(row.path).includes(wanted)) : rows;
}

export function sorted(rows: readonly Row[], order: Order | null, locale: string): readonly Row[] {
  if (!order) return rows;
  const { column, descending } = order;
  const collator = new Intl.Collator(locale, { numeric: true });
  const compare = (a: Row, b: Row): number => (column === "regions" ? a.regions - b.regions : collator.compare(a[column], b[column]));
  return rows.toSorted((a, b) => (descending ? compare(b, a) : compare(a, b)));
}

const folded = (text: string): string => text.normalize("NFC").toLocaleLowerCase();
