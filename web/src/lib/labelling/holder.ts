/** Who keeps a task from a person: nobody, where there is room for one more. */

import type { Task } from "../api";

export function holderOf({ annotations = [], leases = [], annotationsRequired = 1 }: Task, user: string): string | undefined {
  if (leases.some((lease) => lease.annotator === user)) return undefined;
  return annotations.length + leases.length < annotationsRequired ? undefined : leases[0]?.annotator;
}
