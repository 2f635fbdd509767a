/** The label that was used last in a project: the next task begins with it. */

const last = new Map<string, string>();

export const lastBrush = {
  get: (project: string): string | undefined => last.get(project),
  set: (project: string, labelId: string): void => void last.set(project, labelId),
};
