/** `npm run dev`: Vite with the fake gateway beside it, over the photos of samples/. */

import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename, join } from "node:path";
import type { Plugin } from "vite";
import { seeded } from "./seed.ts";
import { fakeGateway } from "./server.ts";
import { put } from "./uploads.ts";

/** What the gateway sends at least: no inline script or style, nothing from elsewhere. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const SAMPLES = join(import.meta.dirname, "../../../samples");

export function fakeApi(): Plugin {
  const gateway = fakeGateway(seeded(Number(process.env["FAKE_COPIES"] ?? 1)));
  const answering = (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    void serve(gateway, request, response).then((served) => served || next());
  };
  return {
    name: "fake-gateway",
    configureServer: ({ middlewares }) => void middlewares.use(answering),
    configurePreviewServer: ({ middlewares }) =>
      void middlewares.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        response.setHeader("content-security-policy", POLICY);
        answering(request, response, next);
      }),
  };
}

async function serve(gateway: (r: Request) => Promise<Response>, asked: IncomingMessage, out: ServerResponse): Promise<boolean> {
  const path = asked.url ?? "/";
  if (path.startsWith("/fake/samples/")) out.end(await readFile(join(SAMPLES, basename(path))));
  else if (path.startsWith("/fake/uploads/")) {
    out.setHeader("etag", put(path.replace("/fake/uploads/", ""), await bodyOf(asked)));
    out.end();
  } else if (path.startsWith("/api/")) await answer(gateway, asked, out);
  else return false;
  return true;
}

async function answer(gateway: (r: Request) => Promise<Response>, asked: IncomingMessage, out: ServerResponse): Promise<void> {
  const method = asked.method ?? "GET";
  const headers = new Headers(Object.entries(asked.headers).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])) as [string, string][]);
  const body = method === "GET" ? {} : { body: await bodyOf(asked) };
  const response = await gateway(new Request(`http://localhost${asked.url}`, { method, headers, ...body }));
  // The page asks who is there only where this cookie says that somebody may be.
  if (response.ok && /auth:(?:signUp|logIn)$/.test(asked.url ?? "")) out.setHeader("set-cookie", "annostream_csrf=fake; path=/; samesite=strict");
  out.writeHead(response.status, Object.fromEntries(response.headers));
  out.end(await response.text());
}

async function bodyOf(asked: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of asked) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
