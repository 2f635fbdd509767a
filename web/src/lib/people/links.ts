/** Links that carry a secret: behind the #, which no server and no log sees, and gone from the address once it is read. */

import type { Role } from "../api";
import { ROLES } from "./roles";

export type Fragment = Readonly<Record<string, string>>;

/** The role is for the person to read: what counts is what the server wrote down. */
export const invitationLink = (secret: string, role: Role): string => linkOf("/signup", { invitation: secret, role: role.replace("ROLE_", "").toLowerCase() });

export const resetLink = (secret: string): string => linkOf("/reset", { secret });

export function roleIn({ role = "" }: Fragment): Role | undefined {
  return ROLES.find((one) => one === `ROLE_${role.toUpperCase()}`);
}

let read: { path: string; fragment: Fragment } | null = null;

/** What stands behind the #. It stays known while the page is not loaded anew, so that one may look at another and come back. */
export function takeFragment(): Fragment {
  const { pathname, search, hash } = location;
  if (hash.length > 1) {
    read = { path: pathname, fragment: Object.fromEntries(new URLSearchParams(hash.slice(1))) };
    history.replaceState(null, "", pathname + search);
  }
  return read?.path === pathname ? read.fragment : {};
}

/** It was used. */
export function forgetFragment(): void {
  read = null;
}

function linkOf(path: string, fragment: Fragment): string {
  return `${location.origin}${path}#${new URLSearchParams(fragment)}`;
}
