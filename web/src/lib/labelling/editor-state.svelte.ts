/** An editor as Svelte sees it: what a component reads is what it is updated for, and nothing else. */

import { createSubscriber } from "svelte/reactivity";
import type { Aspect, Editor, Region } from "../../engine";

export class EditorState {
  readonly #follow: (aspect: Aspect) => void;

  constructor(readonly editor: Editor) {
    const subscribers = new Map<Aspect, () => void>();
    this.#follow = (aspect) => {
      const known = subscribers.get(aspect) ?? createSubscriber((update) => editor.subscribe((told) => told === aspect && update()));
      subscribers.set(aspect, known);
      known();
    };
  }

  get regions(): readonly Region[] {
    this.#follow("doc");
    return this.editor.doc.regions;
  }

  get canUndo(): boolean {
    this.#follow("doc");
    return this.editor.doc.canUndo;
  }

  get canRedo(): boolean {
    this.#follow("doc");
    return this.editor.doc.canRedo;
  }

  get selection(): ReadonlySet<string> {
    this.#follow("selection");
    return this.editor.selection;
  }

  get hover(): string | null {
    this.#follow("hover");
    return this.editor.hover;
  }

  get scale(): number {
    this.#follow("view");
    return this.editor.view.scale;
  }

  get tool(): Editor["tool"] {
    this.#follow("tool");
    return this.editor.tool;
  }

  get brush(): Editor["brush"] {
    this.#follow("tool");
    return this.editor.brush;
  }
}
