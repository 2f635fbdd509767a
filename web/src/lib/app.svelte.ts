/** What every screen needs: the API, the drafts, who is logged in, and the names of the others. */

import { Api, asProblem, type Account, type Session } from "./api";
import { mayBeLoggedIn } from "./api/sturdy";
import { openDrafts } from "./drafts/drafts";
import { i18n } from "./i18n/i18n.svelte";
import { Directory } from "./people/directory.svelte";
import { router } from "./router.svelte";

const LOGGED_OUT = new Set(["NOT_LOGGED_IN", "SESSION_ENDED"]);

/** A session that has ended sends to the log-in page, which comes back here. */
async function watched(request: Request): Promise<Response> {
  const response = await fetch(request);
  if (response.status === 401 && me.session && !new URL(request.url).pathname.startsWith("/api/v1/auth")) {
    const { reason } = (await response.clone().json().catch(() => ({}))) as { reason?: string };
    if (LOGGED_OUT.has(reason ?? "")) me.ended();
  }
  return response;
}

export const api = new Api(watched, location.origin);
export const drafts = openDrafts();
export const people = new Directory((users) => api.displayNames(users));
i18n.nameOf = (user) => people.nameOf(user);

class Me {
  session: Session | null = $state.raw(null);

  get name(): string {
    return this.session?.account?.name ?? "";
  }

  get canManage(): boolean {
    return ["ROLE_MANAGER", "ROLE_OWNER"].includes(this.session?.role ?? "");
  }

  /** Whether somebody is logged in. */
  async load(): Promise<void> {
    if (!mayBeLoggedIn(document.cookie)) return void (this.session = null);
    try {
      this.session = await api.session();
      if (this.session.account) people.learn([this.session.account]);
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
      this.session = null;
    }
  }

  /** One's own account was changed. */
  became(account: Account): void {
    this.session = { ...this.session, account, ...(account.role && { role: account.role }) };
    people.learn([account]);
  }

  /** Of many answers that say so at once, the first leads away. */
  ended(): void {
    if (!this.session) return;
    this.session = null;
    router.go(`/login?next=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
  }

  async logOut(): Promise<void> {
    await api.logOut();
    this.session = null;
    router.go("/login");
  }
}

export const me = new Me();
