/**
 * The tasks of a project, page by page of the server's cursor, in the order and with the filter that were asked for.
 *
 * What was there stays until what replaces it has come, an answer to an earlier question never shows, and what changes on
 * the server is asked for again only where somebody looks.
 */

import { asProblem, type Api, type Problem, type TaskQuery } from "../api";
import { rowOf, type Row } from "./rows";

interface Page {
  /** The cursor that it was asked for by. */
  readonly token: string;
  readonly next: string;
  readonly rows: readonly Row[];
  /** The state of the server that it shows. */
  readonly seen: number;
}

export interface TaskPagesPort {
  readonly api: Pick<Api, "tasks">;
  /** Returns what stops it. */
  readonly after?: (milliseconds: number, act: () => void) => () => void;
}

const REFRESH_MILLISECONDS = 1_500;

export class TaskPages {
  /** Null until the first answer. */
  rows: readonly Row[] | null = $state.raw(null);
  loading = $state(false);
  problem: Problem | null = $state.raw(null);
  truncated = $state(false);
  /** Another one: other rows, not the same ones anew. */
  turn = $state(0);

  readonly #project: string;
  readonly #port: Required<TaskPagesPort>;
  #pages: Page[] = [];
  #query: TaskQuery = {};
  #asking = new AbortController();
  #fetching = false;
  #version = 0;
  #sight = { first: 0, end: 0 };
  #waiting: (() => void) | null = null;

  constructor(project: string, port: TaskPagesPort) {
    this.#project = project;
    this.#port = { after: later, ...port };
  }

  /** Other tasks, or another order: from the beginning. */
  async show(query: TaskQuery): Promise<void> {
    this.#query = query;
    this.#abort();
    this.loading = true;
    await this.#ask(async (ask) => {
      const page = await ask("");
      this.turn += 1;
      this.#become([page]);
    });
  }

  async more(): Promise<void> {
    const next = this.#pages.at(-1)?.next;
    if (!next || this.#fetching || this.loading) return;
    await this.#ask(async (ask) => this.#become([...this.#pages, await ask(next)]));
  }

  /** Which rows are looked at. */
  see(first: number, end: number): void {
    this.#sight = { first, end };
    this.#refreshSoon();
  }

  /** Something has changed on the server. */
  changed(): void {
    this.#version += 1;
    this.#refreshSoon();
  }

  /** Tasks that are gone, before the server's next answer. */
  drop(ids: ReadonlySet<string>): void {
    this.#become(this.#pages.map((page) => ({ ...page, rows: page.rows.filter(({ id }) => !ids.has(id)) })));
    this.changed();
  }

  stop(): void {
    this.#abort();
    this.#waiting?.();
    this.#waiting = null;
  }

  #refreshSoon(): void {
    if (this.#waiting || this.#stale() < 0) return;
    this.#waiting = this.#port.after(REFRESH_MILLISECONDS, () => {
      this.#waiting = null;
      void this.#refresh();
    });
  }

  /** The first page in sight that shows an earlier state; -1: none. */
  #stale(): number {
    let start = 0;
    return this.#pages.findIndex(({ rows, seen }) => {
      const [from, to] = [start, (start += rows.length)];
      const looked = from < this.#sight.end && to > this.#sight.first;
      return seen < this.#version && (looked || !rows.length);
    });
  }

  async #refresh(): Promise<void> {
    const place = this.#stale();
    if (place < 0 || this.loading) return;
    if (!this.#fetching) await this.#ask(async (ask) => this.#replace(place, await ask(this.#pages[place]?.token ?? "")));
    this.#refreshSoon();
  }

  /** Where more has come in than the page holds, what follows is asked for anew when somebody scrolls there. */
  #replace(place: number, page: Page): void {
    const last = page.rows.at(-1)?.id;
    const following = this.#pages.slice(place + 1);
    const joins = last !== undefined && [this.#pages[place]?.rows.slice(-1) ?? [], ...following.map(({ rows }) => rows)].some((rows) => rows.some(({ id }) => id === last));
    this.#become([...this.#pages.slice(0, place), page, ...(joins ? following : [])]);
  }

  #become(pages: Page[]): void {
    this.#pages = pages;
    const once = new Set<string>();
    // A task that changes its place meanwhile may come twice.
    this.rows = pages.flatMap((page) => page.rows.filter(({ id }) => !once.has(id) && once.add(id)));
  }

  /** One question at a time; `show` ends the one before. */
  async #ask(act: (ask: (token: string) => Promise<Page>) => Promise<void>): Promise<void> {
    const { signal } = this.#asking;
    this.#fetching = true;
    try {
      await act((token) => this.#page(token, signal));
      if (!signal.aborted) this.problem = null;
    } catch (error) {
      if (!signal.aborted) this.problem = asProblem(error);
    } finally {
      if (!signal.aborted) this.loading = this.#fetching = false;
    }
  }

  async #page(token: string, signal: AbortSignal): Promise<Page> {
    const seen = this.#version;
    const { items, next, truncated } = await this.#port.api.tasks(this.#project, this.#query, token, signal);
    signal.throwIfAborted();
    this.truncated = truncated;
    return { token, next, rows: items.map(rowOf), seen };
  }

  #abort(): void {
    this.#asking.abort();
    this.#asking = new AbortController();
    this.loading = this.#fetching = false;
  }
}

function later(milliseconds: number, act: () => void): () => void {
  const id = setTimeout(act, milliseconds);
  return () => clearTimeout(id);
}
