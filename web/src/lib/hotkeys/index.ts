/** The hotkeys of this page. */

import { Hotkeys } from "./hotkeys";

export const mac = navigator.platform.startsWith("Mac");

export const hotkeys = new Hotkeys();
