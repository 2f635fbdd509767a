/** A choice that the browser remembers; one that it may not keep is forgotten with the page. */

export function remembered<T extends string>(name: string, allowed: readonly T[]) {
  const key = `annostream.${name}`;
  return {
    get(): T | undefined {
      try {
        return allowed.find((value) => value === localStorage.getItem(key));
      } catch {
        return undefined;
      }
    },
    set(value: T): void {
      try {
        localStorage.setItem(key, value);
      } catch {
        // A private window may refuse; the choice holds until the page is closed.
      }
    },
  };
}
