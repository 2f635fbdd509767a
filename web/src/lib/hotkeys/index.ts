/** The hotkeys of this page. */

import { Hotkeys } from "./hotkeys";

export const hotkeys = new Hotkeys();
