/** Every screen, loaded when it is opened. */

import type { Component } from "svelte";
import { match, type Params } from "../lib/router.svelte";

// Any: each screen has its own parameters, checked where the screen names them.
// oxlint-disable-next-line no-explicit-any
type Screen = Component<any>;

export interface Route {
  readonly pattern: string;
  readonly load: () => Promise<{ default: Screen }>;
  /** "in": leads on whoever is logged in. "anybody": also for them. Else for nobody but them. */
  readonly open?: "in" | "anybody";
  /** Without the bar on top. */
  readonly bare?: boolean;
  /** Its right side is full: what floats above it, floats on the left. */
  readonly full?: boolean;
}

/** A screen, with the texts that its kind alone has. */
const withTexts = <T>(load: () => Promise<T>, texts: () => Promise<{ load: () => Promise<void> }>) => async (): Promise<T> => {
  const [screen, part] = await Promise.all([load(), texts()]);
  await part.load();
  return screen;
};
const withAccounts = <T>(load: () => Promise<T>) => withTexts(load, () => import("../lib/i18n/accounts").then((module) => module.accounts));
const withPages = <T>(load: () => Promise<T>) => withTexts(load, () => import("../lib/i18n/pages").then((module) => module.pages));

const SIGN_IN = withAccounts(() => import("./SignIn.svelte"));
const LABEL = () => import("./label/Label.svelte");

export const ROUTES: readonly Route[] = [
  { pattern: "/login", load: SIGN_IN, open: "in", bare: true },
  { pattern: "/signup", load: SIGN_IN, open: "in", bare: true },
  { pattern: "/reset", load: withAccounts(() => import("./Reset.svelte")), open: "anybody", bare: true },
  { pattern: "/account", load: withAccounts(() => import("./account/Account.svelte")) },
  { pattern: "/people", load: withAccounts(() => import("./people/People.svelte")) },
  { pattern: "/projects", load: withPages(() => import("./Projects.svelte")) },
  { pattern: "/projects/new", load: withPages(() => import("./setup/NewProject.svelte")), full: true },
  { pattern: "/projects/:project", load: withPages(() => import("./Tasks.svelte")) },
  { pattern: "/projects/:project/setup", load: withPages(() => import("./setup/EditSetup.svelte")), full: true },
  { pattern: "/projects/:project/exports", load: withPages(() => import("./Exports.svelte")) },
  { pattern: "/projects/:project/label", load: LABEL, bare: true, full: true },
  { pattern: "/projects/:project/label/:task", load: LABEL, bare: true, full: true },
];

export function routeOf(path: string): { route: Route; params: Params } | null {
  for (const route of ROUTES) {
    const params = match(route.pattern, path);
    if (params) return { route, params };
  }
  return null;
}
