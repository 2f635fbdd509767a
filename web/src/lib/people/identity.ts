/** What the pages of accounts and people ask of the gateway; others do not load it. */

import type { Client } from "openapi-fetch";
import { idOf, took, type Account, type ApiToken, type BrowserSession, type Invitation, type Page, type Role } from "../api";
import type { paths } from "../api/schema";

/** Shown once, and kept nowhere. */
export interface Secret {
  readonly secret: string;
  /** ISO 8601 */
  readonly until: string;
}

const PAGE_SIZE = 100;
const paged = (pageToken: string) => ({ params: { query: { pageSize: PAGE_SIZE, ...(pageToken && { pageToken }) } } });

export class Identity {
  constructor(private readonly client: Client<paths>) {}

  // Oneself

  async rename(displayName: string): Promise<Account> {
    return took(await this.client.POST("/api/v1/auth:changeDisplayName", { body: { displayName } })).account ?? {};
  }

  async changePassword(currentPassword: string, newPassword: string): Promise<void> {
    await this.client.POST("/api/v1/auth:changePassword", { body: { currentPassword, newPassword } });
  }

  async resetPassword(secret: string, newPassword: string): Promise<void> {
    await this.client.POST("/api/v1/auth:resetPassword", { body: { secret, newPassword } });
  }

  async sessions(): Promise<BrowserSession[]> {
    return took(await this.client.GET("/api/v1/sessions", {})).sessions ?? [];
  }

  async endSession({ name }: BrowserSession): Promise<void> {
    await this.client.DELETE("/api/v1/sessions/{session}", { params: { path: { session: idOf(name) } } });
  }

  async apiTokens(): Promise<ApiToken[]> {
    return took(await this.client.GET("/api/v1/apiTokens", {})).apiTokens ?? [];
  }

  async createApiToken(displayName: string, role: Role, lifetimeDays: number): Promise<Secret> {
    const { secret = "", apiToken } = took(await this.client.POST("/api/v1/apiTokens", { body: { displayName, role, lifetimeDays } }));
    return { secret, until: apiToken?.expireTime ?? "" };
  }

  async revokeApiToken({ name }: ApiToken): Promise<void> {
    await this.client.DELETE("/api/v1/apiTokens/{apiToken}", { params: { path: { apiToken: idOf(name) } } });
  }

  // Others

  async accounts(pageToken = ""): Promise<Page<Account>> {
    const answer = took(await this.client.GET("/api/v1/users", paged(pageToken)));
    return { items: answer.accounts ?? [], next: answer.nextPageToken ?? "" };
  }

  async changeRole({ name }: Account, role: Role): Promise<Account> {
    const sent = { params: { path: { user: idOf(name) } }, body: { role } };
    return took(await this.client.POST("/api/v1/users/{user}:changeRole", sent)).account ?? {};
  }

  async disable({ name }: Account): Promise<Account> {
    const sent = { params: { path: { user: idOf(name) } }, body: {} };
    return took(await this.client.POST("/api/v1/users/{user}:disable", sent)).account ?? {};
  }

  async enable({ name }: Account): Promise<Account> {
    const sent = { params: { path: { user: idOf(name) } }, body: {} };
    return took(await this.client.POST("/api/v1/users/{user}:enable", sent)).account ?? {};
  }

  async createReset({ name }: Account): Promise<Secret> {
    const sent = { params: { path: { user: idOf(name) } }, body: {} };
    const { secret = "", expireTime = "" } = took(await this.client.POST("/api/v1/users/{user}:createPasswordReset", sent));
    return { secret, until: expireTime };
  }

  async invitations(pageToken = ""): Promise<Page<Invitation>> {
    const answer = took(await this.client.GET("/api/v1/invitations", paged(pageToken)));
    return { items: answer.invitations ?? [], next: answer.nextPageToken ?? "" };
  }

  async invite(role: Role, lifetimeDays: number): Promise<Secret> {
    const { secret = "", invitation } = took(await this.client.POST("/api/v1/invitations", { body: { role, lifetimeDays } }));
    return { secret, until: invitation?.expireTime ?? "" };
  }

  async revokeInvitation({ name }: Invitation): Promise<void> {
    await this.client.DELETE("/api/v1/invitations/{invitation}", { params: { path: { invitation: idOf(name) } } });
  }
}
