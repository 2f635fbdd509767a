import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOf, filterOf, orderOf, queryOf, SHOWN, SORTED, sorts, turned, type Filter } from "./filter";

const filters = fc.record<Filter>({
  shown: fc.constantFrom(...SHOWN),
  search: fc.string(),
  order: fc.option(fc.record({ column: fc.constantFrom(...SORTED), descending: fc.boolean() })),
});
const of = (address: string): Filter => filterOf(new URLSearchParams(address));

test("what the address says is what was chosen, without an order that the list cannot have", () => {
  fc.assert(
    fc.property(filters, (filter) => {
      const possible = filter.order && sorts(filter.shown, filter.order.column);
      expect(of(addressOf(filter))).toEqual({ ...filter, order: possible ? filter.order : null });
    }),
  );
});

test("an address that says nothing known shows everything, newest first", () => {
  expect(of("?show=nonsense&sort=-nonsense&other=1")).toEqual({ shown: "all", search: "", order: null });
  expect(addressOf(of(""))).toBe("");
  expect(queryOf(of(""), "users/yumi")).toEqual({ orderBy: "create_time desc" });
});

test("the server is asked for one's own work and for what was skipped by their last change alone", () => {
  expect(queryOf(of("?show=mine&sort=path"), "users/yumi")).toEqual({ annotator: "users/yumi", orderBy: "update_time desc" });
  expect(queryOf(of("?show=skipped&sort=updated"), "users/yumi")).toEqual({ skipped: true, orderBy: "update_time" });
  expect(queryOf(of("?show=done&q=%20img2&sort=-regions"), "users/yumi")).toEqual({ state: "STATE_COMPLETED", search: "img2", orderBy: "region_count desc" });
});

test("a file name that a Mac has taken apart is looked for as it was written", () => {
  expect(queryOf({ ...of(""), search: "고양이".normalize("NFD") }, "").search).toBe("고양이");
});

test("a column is sorted its own way first, then the other, then not at all", () => {
  const down = turned(null, "updated");
  expect(down).toEqual({ column: "updated", descending: true });
  expect(turned(down, "updated")).toEqual({ column: "updated", descending: false });
  expect(turned(turned(down, "updated"), "updated")).toBeNull();
  expect(turned(down, "path")).toEqual({ column: "path", descending: false });
  expect(orderOf(of(""))).toEqual({ column: "added", descending: true });
});
