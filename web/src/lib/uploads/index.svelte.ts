/** The uploads of this page, made when the first file is chosen: most visits never load them. */

import { api } from "../app.svelte";
import type { Uploads } from "./uploads.svelte";

class Here {
  uploads: Uploads | null = $state.raw(null);

  async open(): Promise<Uploads> {
    const { Uploads } = await import("./uploads.svelte");
    return (this.uploads ??= new Uploads({ api }));
  }
}

export const here = new Here();
