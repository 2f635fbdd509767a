/** What the fake gateway begins with: one project of real photos. */

import { FakeState, type Photo } from "./state.ts";

const SIZES: Record<string, readonly [number, number]> = {
  "chelsea.jpg": [451, 300],
  "coffee.jpg": [600, 400],
  "astronaut.webp": [512, 512],
  "rocket.jpg": [640, 427],
  "hubble.jpg": [900, 785],
  "chelsea_turned.jpg": [480, 600],
  "flower.avif": [640, 427],
  "gravel.png": [512, 512],
  "chelsea_face.jpg": [660, 660],
  "retina.jpg": [900, 900],
};

export const PHOTOS: readonly Photo[] = Object.entries(SIZES).map(([path, [width, height]]) => ({
  path: `photos/${path}`,
  width,
  height,
  url: `/fake/samples/${path}`,
}));

/** Large photos with 0, 500 and 4,999 boxes that were drawn before: what the next box costs. */
function addMeasured(state: FakeState, user: string): void {
  const { name } = state.addProject("measured", { controls: [{ id: "boxes", boxes: { labels: [{ name: "thing", colour: "#f2994a" }] } }] });
  for (const count of [0, 500, 4999]) {
    const task = state.addTask(name!, { path: `${count}.jpg`, width: 4000, height: 3000, url: "/fake/large.jpg" });
    const regions = Array.from({ length: count }, (_, n) => ({
      id: `r${n}`,
      controlId: "boxes",
      labelIds: ["l0"],
      box: { x: (n * 397) % 3900, y: (n * 211) % 2900, width: 40 + (n % 60), height: 30 + (n % 50) },
    }));
    state.entry(task.name!).drafts.set(user, { task: task.name!, result: { regions }, updateTime: state.time() });
  }
}

export function seeded(copies = 1): FakeState {
  const state = new FakeState();
  const labels = [
    { name: "순이", colour: "#f2994a", hotkey: "1" },
    { name: "유미", colour: "#2f80ed", hotkey: "2" },
    { name: "렝가", colour: "#27ae60", hotkey: "3" },
  ];
  const { name } = state.addProject("우리집 고양이", { controls: [{ id: "boxes", boxes: { labels } }] });
  for (let copy = 0; copy < copies; copy++) for (const photo of PHOTOS) state.addTask(name!, photo);
  const skipped = state.entry(`${name}/tasks/t0009`);
  skipped.task = { ...skipped.task, skips: [{ annotator: "users/suni", reason: "REASON_UNCLEAR", comment: "귀가 어디까지인지 모르겠어요", skipTime: state.time() }] };
  addMeasured(state, "users/yumi");
  return state;
}
