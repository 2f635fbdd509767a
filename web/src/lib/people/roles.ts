/** Roles in their order: a greater one may all that a smaller one may. */

import type { Role } from "../api";

export const ROLES: readonly Role[] = ["ROLE_VIEWER", "ROLE_ANNOTATOR", "ROLE_REVIEWER", "ROLE_MANAGER", "ROLE_OWNER"];

/** What somebody of this role may give. */
export const upTo = (role: Role): readonly Role[] => ROLES.slice(0, ROLES.indexOf(role) + 1);

export const smaller = (one: Role, other: Role): Role => (ROLES.indexOf(one) < ROLES.indexOf(other) ? one : other);
