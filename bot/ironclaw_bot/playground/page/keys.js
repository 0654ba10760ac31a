// Getting about by keyboard: where the focus goes first, two shortcuts, and the help that tells of them.

import { h } from "./dom.js";

const byId = (id) => document.getElementById(id);
const isShown = (element) => element.offsetParent !== null;

/** Into the box for writing: the channel's, or the thread's where that has the window to itself. */
export function focusBox() {
  const boxes = [...document.querySelectorAll("#write textarea, #reply textarea")];
  boxes.find(isShown)?.focus();
}

/** To whoever speaks: in the sidebar, or in the bar of a narrow window. */
export function focusSpeaker() {
  const bar = byId("speaker");
  (isShown(bar) ? bar : byId("people").querySelector("[aria-checked=true]"))?.focus();
}

const SHORTCUTS = { KeyM: focusBox, KeyU: focusSpeaker };

const KEYS = [
  ["Alt+M", "to the message box"],
  ["Alt+U", "to who is speaking; arrow keys choose somebody else"],
  ["Enter", "sends; Shift+Enter begins a line"],
  ["@ and /", "suggest; Tab takes the suggestion"],
  ["Up, Down", "walk through the channels"],
  ["Escape", "closes the thread"],
];

const COMMANDS = [
  ["@ironclaw …", "asks the app, in a channel that it is in"],
  ["/ironclaw help", "what the app understands"],
  ["/invite @name", "adds somebody, or the app, to a channel"],
];

const list = (pairs) => h("dl", { class: "keys" }, pairs.flatMap(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)]));

function showHelp() {
  const dialog = h("dialog", { class: "dialog small", "aria-labelledby": "help-title", onclose: () => dialog.remove() },
    h("h2", { id: "help-title" }, "Keys and commands"),
    h("div", { class: "dialog-body" }, list(KEYS), list(COMMANDS)),
    h("div", { class: "dialog-foot" }, h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Close")));
  document.body.append(dialog);
  dialog.showModal();
}

export function startKeys() {
  const links = [["skip-write", focusBox], ["skip-speaker", focusSpeaker]];
  for (const [id, action] of links) {
    byId(id).addEventListener("click", (event) => {
      event.preventDefault();
      action();
    });
  }
  byId("help").addEventListener("click", showHelp);
  document.addEventListener("keydown", (event) => {
    // By its place on the keyboard: with Alt, macOS types another letter.
    const action = event.altKey && !event.ctrlKey && !event.metaKey && SHORTCUTS[event.code];
    if (!action || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    action();
  });
}
