/** A choice that the browser remembers; one that it may not keep is forgotten with the page. */

export function remembered<T extends string>(name: string, allowed: readonly T[]) {
  return {
    get: (): T | undefined => allowed.find((value) => value === read(name)),
    set: (value: T): void => write(name, value),
  };
}

/** Some of what is allowed, in its order. */
export function rememberedSome<T extends string>(name: string, allowed: readonly T[]) {
  return {
    get(): T[] {
      const values = read(name)?.split(" ");
      return allowed.filter((value) => values?.includes(value));
    },
    set: (values: readonly T[]): void => write(name, values.join(" ")),
  };
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(`annostream.${name}`);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`annostream.${name}`, value);
  } catch {
    // A private window may refuse; the choice holds until the page is closed.
  }
}
