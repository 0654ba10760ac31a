// A narrow window: the sidebar folds away behind a button, and who speaks is chosen in the bar.

import { icon } from "./dom.js";
import { focusBox } from "./keys.js";
import { go } from "./store.js";

const byId = (id) => document.getElementById(id);

function show(open) {
  byId("shell").classList.toggle("menu-open", open);
  byId("menu").setAttribute("aria-expanded", String(open));
}

/** @returns whether it was open */
export function closeMenu() {
  if (byId("menu").getAttribute("aria-expanded") === "false") return false;
  show(false);
  byId("menu").focus();
  return true;
}

function toggle() {
  if (closeMenu()) return;
  show(true);
  byId("sidebar").querySelector("[aria-current=page]")?.focus();
}

export function startMenu() {
  byId("menu").append(icon("menu"));
  byId("menu").addEventListener("click", toggle);
  byId("speaker").addEventListener("change", (event) => go({ user: event.target.value }));
  document.addEventListener("click", (event) => {
    if (byId("menu").getAttribute("aria-expanded") === "false") return;
    const chosen = event.target.closest(".place, .person");
    if (chosen || !event.target.closest("#sidebar, .rail, #menu")) show(false);
    // The thread would still cover the channel that was asked for.
    if (chosen?.matches(".place")) go({ thread: "" }).then(focusBox);
    else if (chosen) focusBox();
  });
}
