/** Accounts, sessions, API tokens and links of the fake gateway. */

import { said } from "../../src/lib/api/types.ts";
import type * as wire from "../../src/lib/api/types.ts";
import { Refusal } from "./refusal.ts";
import type { Call, Route } from "./server.ts";
import type { FakeState } from "./state.ts";

const DAY_MILLISECONDS = 86_400_000;
const FIREFOX = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0";
const OTHERS: readonly [login: string, displayName: string, role: wire.Role, disabled?: boolean][] = [
  ["suni", "순이", "ROLE_MANAGER"],
  ["renga", "렝가", "ROLE_ANNOTATOR"],
  ["haru", "Haru", "ROLE_VIEWER", true],
];

/** Beside the accounts, which the state has. Resets: login by secret. */
export class FakeIdentity {
  sessions: wire.BrowserSession[] = [];
  apiTokens: wire.ApiToken[] = [];
  invitations: { invitation: wire.Invitation; secret: string }[] = [];
  readonly resets = new Map<string, string>();
  #made = 0;

  next(): string {
    return String(++this.#made);
  }
}

export const IDENTITY_ROUTES: readonly Route[] = [
  ["GET", /^auth\/session$/, ({ state }) => session(state)],
  ["GET", /^auth\/signUpPolicy$/, ({ state }) => ({ access: "ACCESS_OPEN", firstAccount: !state.accounts.size, minPasswordCharacters: 8 })],
  ["POST", /^auth:signUp$/, signUp],
  ["POST", /^auth:logIn$/, logIn],
  ["POST", /^auth:logOut$/, ({ state }) => ((state.me = null), {})],
  ["POST", /^auth:changePassword$/, changePassword],
  ["POST", /^auth:changeDisplayName$/, ({ state, body }) => ({ account: change(state, state.user(), { displayName: body["displayName"] as string }) })],
  ["POST", /^auth:resetPassword$/, resetPassword],
  ["GET", /^sessions$/, ({ state }) => ({ sessions: state.identity.sessions })],
  ["DELETE", /^sessions\/.+$/, endSession],
  ["GET", /^apiTokens$/, ({ state }) => ({ apiTokens: state.identity.apiTokens })],
  ["POST", /^apiTokens$/, createApiToken],
  ["DELETE", /^apiTokens\/.+$/, ({ state, name }) => ((state.identity.apiTokens = state.identity.apiTokens.filter((one) => one.name !== name)), {})],
  ["GET", /^invitations$/, ({ state }) => ({ invitations: state.identity.invitations.map((one) => one.invitation) })],
  ["POST", /^invitations$/, createInvitation],
  ["DELETE", /^invitations\/.+$/, ({ state, name }) => ((state.identity.invitations = state.identity.invitations.filter((one) => one.invitation.name !== name)), {})],
  ["GET", /^users:displayNames$/, displayNames],
  ["GET", /^users$/, ({ state }) => ({ accounts: accountsOf(state) })],
  ["POST", /^users\/.+:changeRole$/, ({ state, name, body }) => ({ account: change(state, name, { role: body["role"] as wire.Role }) })],
  ["POST", /^users\/.+:disable$/, ({ state, name }) => ({ account: change(state, name, { disabled: true }) })],
  ["POST", /^users\/.+:enable$/, ({ state, name }) => ({ account: change(state, name, { disabled: false }) })],
  ["POST", /^users\/.+:createPasswordReset$/, createPasswordReset],
];

export const OPEN = new Set(["auth/signUpPolicy", "auth:signUp", "auth:logIn", "auth:resetPassword"]);

function session(state: FakeState): wire.Session {
  state.user();
  return { account: state.me!, role: state.me!.role! };
}

function begin(state: FakeState, account: wire.Account): void {
  const { identity } = state;
  state.me = account;
  const others = identity.sessions.map((one) => ({ ...one, current: false }));
  const now = { name: `sessions/s${identity.next()}`, createTime: state.time(), lastUsedTime: state.time(), expireTime: state.time(7 * DAY_MILLISECONDS) };
  const earlier = { ...now, name: `sessions/s${identity.next()}`, lastUsedTime: state.time(-DAY_MILLISECONDS), userAgent: FIREFOX, clientAddress: "192.0.2.7" };
  const chromium = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36";
  identity.sessions = [{ ...now, userAgent: chromium, clientAddress: "127.0.0.1", current: true }, ...(others.length ? others : [earlier])];
}

function signUp({ state, body }: Call): object {
  const login = body["login"] as string;
  if (state.accounts.has(login)) throw new Refusal(409, "LOGIN_TAKEN", { login });
  const account = { name: `users/${login}`, login, displayName: (body["displayName"] as string) || login, role: roleOf(state, body["invitation"] as string | undefined) };
  const isFirst = !state.accounts.size;
  state.accounts.set(login, { account: { ...account, createTime: state.time() }, password: body["password"] as string });
  if (isFirst) for (const other of OTHERS) addOther(state, ...other);
  begin(state, state.accounts.get(login)!.account);
  return { account };
}

function addOther(state: FakeState, login: string, displayName: string, role: wire.Role, disabled = false): void {
  const account = { name: `users/${login}`, login, displayName, role, disabled, createTime: state.time(-DAY_MILLISECONDS) };
  state.accounts.set(login, { account, password: "correct horse battery" });
}

/** An invitation serves once; the first account is owner. */
function roleOf(state: FakeState, secret: string | undefined): wire.Role {
  if (!state.accounts.size) return "ROLE_OWNER";
  if (!secret) return "ROLE_ANNOTATOR";
  const { identity } = state;
  const found = identity.invitations.find((one) => one.secret === secret);
  if (!found) throw new Refusal(400, "INVITATION_INVALID");
  identity.invitations = identity.invitations.filter((one) => one !== found);
  return said(found.invitation.role, "ROLE_VIEWER");
}

function logIn({ state, body }: Call): object {
  const known = state.accounts.get(body["login"] as string);
  if (!known || known.account.disabled || known.password !== body["password"]) throw new Refusal(401, "WRONG_CREDENTIALS");
  begin(state, known.account);
  return { account: state.me };
}

function changePassword({ state, body }: Call): object {
  const known = state.accounts.get(state.me!.login!)!;
  if (known.password !== body["currentPassword"]) throw new Refusal(401, "WRONG_CREDENTIALS");
  known.password = checked(body["newPassword"] as string);
  state.identity.sessions = state.identity.sessions.filter((one) => one.current);
  return {};
}

function resetPassword({ state, body }: Call): object {
  const login = state.identity.resets.get(body["secret"] as string);
  if (!login) throw new Refusal(400, "RESET_INVALID");
  state.accounts.get(login)!.password = checked(body["newPassword"] as string);
  state.identity.resets.delete(body["secret"] as string);
  return {};
}

function checked(password: string): string {
  if (password.length < 8) throw new Refusal(400, "PASSWORD_TOO_SHORT");
  return password;
}

function endSession({ state, name }: Call): object {
  state.identity.sessions = state.identity.sessions.filter((one) => one.name !== name);
  return {};
}

function createApiToken({ state, body }: Call): object {
  const { identity } = state;
  const expireTime = state.time(((body["lifetimeDays"] as number) || 90) * DAY_MILLISECONDS);
  const apiToken = { name: `apiTokens/k${identity.next()}`, displayName: body["displayName"] as string, role: body["role"] as wire.Role, createTime: state.time(), expireTime };
  identity.apiTokens = [apiToken, ...identity.apiTokens];
  return { apiToken, secret: `annostream_${"4kz9Xw".repeat(7)}${identity.next()}` };
}

function createInvitation({ state, body }: Call): object {
  const { identity } = state;
  const expireTime = state.time(((body["lifetimeDays"] as number) || 7) * DAY_MILLISECONDS);
  const invitation = { name: `invitations/i${identity.next()}`, role: body["role"] as wire.Role, creator: state.user(), createTime: state.time(), expireTime };
  const secret = `${"Qm3vTa".repeat(7)}${identity.next()}`;
  identity.invitations = [{ invitation, secret }, ...identity.invitations];
  return { invitation, secret };
}

function createPasswordReset({ state, name }: Call): object {
  const secret = `${"Zr8bLe".repeat(7)}${state.identity.next()}`;
  state.identity.resets.set(secret, entryOf(state, name).account.login!);
  return { secret, expireTime: state.time(DAY_MILLISECONDS) };
}

const accountsOf = (state: FakeState): wire.Account[] => [...state.accounts.values()].map((one) => one.account);

function displayNames({ state, query }: Call): object {
  const asked = new Set(query.getAll("names"));
  return { displayNames: Object.fromEntries(accountsOf(state).filter((one) => asked.has(one.name!)).map((one) => [one.name, one.displayName])) };
}

function entryOf(state: FakeState, name: string): { account: wire.Account; password: string } {
  const known = [...state.accounts.values()].find((one) => one.account.name === name);
  if (!known) throw new Refusal(404, "ACCOUNT_NOT_FOUND", { account: name });
  return known;
}

/** Whatever is changed, somebody stays owner. */
function change(state: FakeState, name: string, fields: wire.Account): wire.Account {
  const known = entryOf(state, name);
  const after = { ...known.account, ...fields };
  const owners = accountsOf(state).filter((one) => one.role === "ROLE_OWNER" && !one.disabled && one.name !== name);
  if (!owners.length && (after.role !== "ROLE_OWNER" || after.disabled)) throw new Refusal(400, "LAST_OWNER", { account: name });
  known.account = after;
  if (state.me?.name === name) state.me = after;
  return after;
}
