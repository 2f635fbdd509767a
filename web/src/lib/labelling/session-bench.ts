/** For tests: sessions over the fake gateway, with a clock that passes and a network that fails when told to. */

import { PHOTOS } from "../../../e2e/fake/seed";
import { fakeGateway } from "../../../e2e/fake/server";
import { FakeState } from "../../../e2e/fake/state";
import { Api, type Annotation } from "../api";
import { MemoryDrafts } from "../drafts/drafts";
import type { Timer } from "./clock";
import { LabellingSession } from "./session.svelte";

export const LEASE_MILLISECONDS = 60_000;

export const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

const anyPhoto = async (url: string): Promise<HTMLImageElement> => ({ src: url }) as HTMLImageElement;

class HandTimer implements Timer {
  time = Date.parse("2026-01-01T00:00:00Z");
  due: { at: number; act: () => void }[] = [];
  now = (): number => this.time;

  after(milliseconds: number, act: () => void): () => void {
    const entry = { at: this.time + milliseconds, act };
    this.due.push(entry);
    return () => void (this.due = this.due.filter((other) => other !== entry));
  }

  async pass(milliseconds: number): Promise<void> {
    const until = this.time + milliseconds;
    for (;;) {
      await settled();
      const next = this.due.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > until) break;
      this.due = this.due.filter((other) => other !== next);
      this.time = next.at;
      next.act();
    }
    this.time = until;
  }
}

/** What happens to a request on its way; null: nothing. */
export type Trouble = "lost" | "unanswered" | "refused" | null;

export class SessionBench {
  readonly timer = new HandTimer();
  readonly state = new FakeState({ now: this.timer.now, leaseMilliseconds: LEASE_MILLISECONDS });
  /** Of the browser; another one has others. */
  drafts = new MemoryDrafts();
  trouble: ((request: Request) => Trouble) | null = null;
  asked: string[] = [];

  constructor() {
    const { name } = this.state.addProject("cats", { controls: [{ id: "boxes", boxes: { labels: [{ name: "cat" }] } }] });
    for (const photo of PHOTOS.slice(0, 3)) this.state.addTask(name!, photo);
    this.state.me = { name: "users/yumi", role: "ROLE_ANNOTATOR" };
  }

  open(user = "users/yumi", loadPhoto = anyPhoto): LabellingSession {
    const api = new Api((request) => this.#fetch(user, request), "http://test", { cookies: () => "", sleep: async () => undefined });
    return new LabellingSession("p1", { api, drafts: this.drafts, loadPhoto, user, timer: this.timer });
  }

  annotationsOf = (task: string): Annotation[] => this.state.entry(`projects/p1/tasks/${task}`).task.annotations ?? [];

  readonly #gateway = fakeGateway(this.state);

  async #fetch(user: string, request: Request): Promise<Response> {
    this.asked.push(`${request.method} ${new URL(request.url).pathname}`);
    const kind = this.trouble?.(request) ?? null;
    if (kind === "lost") throw new TypeError("network");
    if (kind === "refused") return new Response(JSON.stringify({ reason: "LABEL_RETIRED" }), { status: 409 });
    this.state.me = { name: user };
    const response = await this.#gateway(request);
    if (kind === "unanswered") throw new TypeError("network");
    return response;
  }
}

export function drawBox(session: LabellingSession): void {
  session.work!.editor.setBrush({ controlId: "boxes", labelId: "l0" });
  session.work!.editor.addBox({ x: 10, y: 20, width: 30, height: 40 });
}
