/** Identity as its pages use it. */

import { api } from "../app.svelte";
import { Identity } from "./identity";

export const identity = new Identity(api.client);
