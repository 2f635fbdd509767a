/** The table as it was left: who comes back from a task finds the same rows at the same place. */

import type { TaskPages } from "./task-pages.svelte";

export interface Seen {
  /** Who saw it: another person of the same browser sees their own. */
  readonly user: string;
  readonly project: string;
  /** The query of the address. */
  readonly search: string;
  readonly pages: TaskPages;
  readonly top: number;
}

let last: Seen | null = null;

export const lastSeen = {
  of: (user: string, project: string): Seen | null => (last?.user === user && last.project === project ? last : null),
  set: (seen: Seen): void => void (last = seen),
};
