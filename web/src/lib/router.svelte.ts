/** Addresses to screens. Links are plain <a href>; the router takes the clicks that stay on this page. */

export type Params = Readonly<Record<string, string>>;

/** "/projects/:project/label" against a path: what stands for each name, or null. */
export function match(pattern: string, path: string): Params | null {
  const [wanted, given] = [pattern.split("/"), path.replace(/\/$/, "").split("/")];
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [place, part] of wanted.entries()) {
    const value = given[place]!;
    if (part.startsWith(":") && value) params[part.slice(1)] = decodeURIComponent(value);
    else if (part !== value) return null;
  }
  return params;
}

class Router {
  path = $state(location.pathname);
  /** The query, from its "?". */
  search = $state(location.search);

  start(): void {
    window.addEventListener("popstate", () => this.#arrive());
    document.addEventListener("click", (event) => this.#click(event));
  }

  go(path: string, options: { replace?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, "", path);
    else history.pushState(null, "", path);
    this.#arrive();
    window.scrollTo(0, 0);
  }

  /** The same screen with another query. */
  ask(search: string, options: { replace?: boolean } = {}): void {
    if (search !== this.search) this.go(this.path + search, options);
  }

  #arrive(): void {
    this.path = location.pathname;
    this.search = location.search;
  }

  #click(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || !isPlain(event) || leadsAway(link)) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

/** Others open a tab, a window or a menu. */
function isPlain(event: MouseEvent): boolean {
  const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  return event.button === 0 && !modified && !event.defaultPrevented;
}

function leadsAway(link: HTMLAnchorElement): boolean {
  if (link.origin !== location.origin || link.pathname.startsWith("/api/")) return true;
  return Boolean(link.target) || link.hasAttribute("download") || (link.getAttribute("href") ?? "").startsWith("#");
}

export const router = new Router();
