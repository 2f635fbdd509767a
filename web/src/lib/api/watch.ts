/** Follows something of the server for as long as a screen is open: server-sent events, one JSON message each. */

type Source = EventTarget & { close(): void };

/** Returns what ends it. `end` and `problem` end it too: an EventSource would come again by itself. */
export function watch<T>(path: string, told: (message: T) => void, open: (url: string) => Source = (url) => new EventSource(url)): () => void {
  const source = open(`/api/v1/${path}`);
  const close = (): void => source.close();
  source.addEventListener("message", (event) => told(JSON.parse((event as MessageEvent<string>).data) as T));
  source.addEventListener("end", close);
  source.addEventListener("problem", close);
  return close;
}
