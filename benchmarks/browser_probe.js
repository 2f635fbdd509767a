// Measures the labelling screen from within, by the browser's own clock. Put into each page before its own scripts.
(() => {
  const photo = () => document.querySelector('[role="application"] img');
  const isShown = () => photo()?.complete && photo().naturalWidth > 0 && photo().style.transform !== "";
  const path = () => document.querySelector("header .path")?.textContent ?? "";
  const nextFrame = () => new Promise((done) => requestAnimationFrame(done));

  // A message comes after the frame that was asked for has been drawn.
  const drawn = () =>
    new Promise((done) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => done(performance.now());
      channel.port2.postMessage(0);
    });

  async function frameWhere(holds) {
    while (!holds()) await nextFrame();
    return drawn();
  }

  let frames = [];
  let dragging = false;
  let committed;
  let following;
  const tick = (now) => {
    frames.push(now);
    if (dragging) requestAnimationFrame(tick);
  };

  globalThis.probe = {
    interactive: frameWhere(isShown),
    following: () => following,
    committed: () => committed,
    beginDrag() {
      [frames, dragging] = [[], true];
      requestAnimationFrame(tick);
    },
    endDrag() {
      dragging = false;
      return frames.slice(1).map((now, place) => now - frames[place]);
    },
  };

  addEventListener(
    "pointerup",
    () => {
      const start = performance.now();
      let handled = start;
      queueMicrotask(() => queueMicrotask(() => (handled = performance.now())));
      committed = nextFrame().then(async () => {
        const frame = performance.now();
        const end = await drawn();
        return [end - start, handled - start + (end - frame)];
      });
    },
    { capture: true },
  );

  addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Enter" || !event.ctrlKey) return;
      const [start, left] = [performance.now(), path()];
      following = frameWhere(() => path() !== "" && path() !== left && isShown()).then((end) => end - start);
    },
    { capture: true },
  );
})();
