import type { Problem } from "../api";

/** What the person at work is told. */
export type Notice =
  | { kind: "offline" }
  | { kind: "leaseLost"; holder: string }
  | { kind: "draftKept"; reason: string; holder: string }
  | { kind: "restored" | "coarse" | "draftOutdated" }
  | { kind: "submitted" | "updated" | "skipped" }
  | { kind: "problem"; problem: Problem };
