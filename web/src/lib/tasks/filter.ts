/** Which tasks are shown and in which order, as the address says it and as the server is asked. Pure. */

import type { TaskQuery } from "../api";

export const SHOWN = ["all", "open", "done", "mine", "skipped"] as const;
export type Shown = (typeof SHOWN)[number];
export const SORTED = ["path", "regions", "added", "updated"] as const;
export type SortColumn = (typeof SORTED)[number];

export interface Order {
  readonly column: SortColumn;
  readonly descending: boolean;
}

export interface Filter {
  readonly shown: Shown;
  readonly search: string;
  /** Null: as the server has them, newest first. */
  readonly order: Order | null;
}

const KEYS: Record<SortColumn, string> = { path: "path", regions: "region_count", added: "create_time", updated: "update_time" };

/** The server sorts some lists by their last change alone. */
export const sorts = (shown: Shown, column: SortColumn): boolean => column === "updated" || !["mine", "skipped"].includes(shown);

/** The order of a list that nobody has sorted. */
export const orderOf = ({ shown, order }: Filter): Order => order ?? { column: sorts(shown, "added") ? "added" : "updated", descending: true };

export function filterOf(query: URLSearchParams): Filter {
  const shown = SHOWN.find((one) => one === query.get("show")) ?? "all";
  const sort = query.get("sort") ?? "";
  const column = SORTED.find((one) => one === sort.replace(/^-/, ""));
  const order = column && sorts(shown, column) ? { column, descending: sort.startsWith("-") } : null;
  return { shown, search: query.get("q") ?? "", order };
}

/** Begins with "?", or is empty where everything is shown. */
export function addressOf({ shown, search, order }: Filter): string {
  const query = new URLSearchParams();
  if (shown !== "all") query.set("show", shown);
  if (search) query.set("q", search);
  if (order && sorts(shown, order.column)) query.set("sort", (order.descending ? "-" : "") + order.column);
  return query.size ? `?${query}` : "";
}

export function queryOf(filter: Filter, me: string): TaskQuery {
  const { column, descending } = orderOf(filter);
  const search = filter.search.normalize("NFC").trim();
  return { ...OF[filter.shown](me), ...(search && { search }), orderBy: KEYS[column] + (descending ? " desc" : "") };
}

const OF: Record<Shown, (me: string) => TaskQuery> = {
  all: () => ({}),
  open: () => ({ state: "STATE_OPEN" }),
  done: () => ({ state: "STATE_COMPLETED" }),
  mine: (annotator) => ({ annotator }),
  skipped: () => ({ skipped: true }),
};

/** A click on a column's head: its own way first, then the other, then the server's order again. */
export function turned(order: Order | null, column: SortColumn): Order | null {
  // What is most or newest is looked for first; names are read from A.
  const first = column !== "path";
  if (order?.column !== column) return { column, descending: first };
  return order.descending === first ? { column, descending: !first } : null;
}
