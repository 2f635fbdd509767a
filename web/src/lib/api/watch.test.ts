import { expect, test, vi } from "vitest";
import { watch } from "./watch";

function opened() {
  const source = Object.assign(new EventTarget(), { close: vi.fn() });
  const [open, told] = [vi.fn(() => source), vi.fn()];
  const stop = watch("projects/p:watchCounts", told, open);
  return { source, open, told, stop };
}

test("each message is told as it comes", () => {
  const { source, open, told } = opened();
  source.dispatchEvent(new MessageEvent("message", { data: '{"revision":"2"}' }));
  expect(open).toHaveBeenCalledWith("/api/v1/projects/p:watchCounts");
  expect(told).toHaveBeenCalledWith({ revision: "2" });
});

test.each(["end", "problem"])("%s ends it, so that it does not come again by itself", (kind) => {
  const { source } = opened();
  source.dispatchEvent(new MessageEvent(kind, { data: "{}" }));
  expect(source.close).toHaveBeenCalledOnce();
});

test("leaving the screen ends it", () => {
  const { source, stop } = opened();
  stop();
  expect(source.close).toHaveBeenCalledOnce();
});
