import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { hotkeys } from "./lib/hotkeys";
import { i18n } from "./lib/i18n/i18n.svelte";
import { router } from "./lib/router.svelte";
import { appearance } from "./lib/theme.svelte";

appearance.apply();
router.start();
window.addEventListener("keydown", (event) => hotkeys.handle(event));
await i18n.load();
mount(App, { target: document.querySelector("#app")! });
