/** Tasks as rows of the table. Pure. */

import { idOf, said, type Skip, type Task, type TaskState } from "../api";

export const COLUMNS = ["photo", "path", "state", "annotator", "regions", "added", "updated"] as const;
export type Column = (typeof COLUMNS)[number];

export interface Row {
  readonly id: string;
  readonly asset: string;
  readonly path: string;
  readonly state: TaskState;
  /** users/yumi: who has it now, or who labelled it. */
  readonly annotators: readonly string[];
  readonly held: boolean;
  readonly skips: readonly Skip[];
  readonly regions: number;
  /** ISO 8601 */
  readonly added: string;
  readonly updated: string;
}

export function rowOf(task: Task): Row {
  const { name, path = "" } = task.assets?.[0] ?? {};
  const holders = usersOf(task.leases);
  const annotations = task.annotations ?? [];
  return {
    id: idOf(task.name),
    asset: name ?? "",
    path,
    state: said(task.state, "STATE_OPEN"),
    annotators: holders.length ? holders : usersOf(annotations),
    held: holders.length > 0,
    skips: task.skips ?? [],
    regions: annotations.reduce((sum, one) => sum + (one.regionCount ?? 0), 0),
    added: task.createTime ?? "",
    updated: task.updateTime ?? "",
  };
}

const usersOf = (all: readonly { annotator?: string }[] = []): string[] => all.flatMap(({ annotator }) => annotator ?? []);
