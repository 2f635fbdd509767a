/** What every screen needs: the API, the drafts, and who is logged in. */

import { Api, asProblem, idOf, type Session } from "./api";
import { openDrafts } from "./drafts/drafts";
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
    try {
      this.session = await api.session();
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
      this.session = null;
    }
  }

  ended(): void {
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

/** Oneself by the name that one chose. */
export const nameOf = (user: string): string => (user === me.name && me.session?.account?.displayName) || idOf(user);
