// The modal on top of this person's stack, as a dialog.

import { focusOn, h, icon } from "./dom.js";
import { renderBlock } from "./blocks.js";
import { act, explain, here, store } from "./store.js";

let shown = null;

/** Where clicks inside a view go. `answers` reads its inputs, by block_id. */
export function viewPlace(view) {
  return {
    answers: new Map(),
    async click(action_id, block_id, answer) {
      explain(await act("view/click", { view_id: view.id, action_id, block_id, answer }));
    },
  };
}

/** Opens, replaces or closes the dialog so that it shows the top view. */
export function showViews() {
  const view = store.views.filter((one) => one.user === here.user).at(-1);
  const stamp = view ? `${view.id} ${view.hash}` : "";
  if ((shown?.stamp ?? "") === stamp) return;
  const back = shown?.back ?? whereFocusIs();
  shown?.dialog.remove();
  shown = view ? { stamp, back, dialog: build(view) } : null;
  if (shown) {
    document.body.append(shown.dialog);
    shown.dialog.showModal();
    const first = shown.dialog.querySelector(".dialog-body :is(input, select, textarea), [type=submit], .dialog-foot .button");
    first?.focus();
  } else back();
}

/** A function that brings the focus back: to the control, or to what has replaced the card it was in. */
function whereFocusIs() {
  const control = document.activeElement;
  const key = control?.closest("[data-key]")?.dataset.key;
  return () => {
    const card = key && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (control?.isConnected) control.focus();
    else if (card) focusOn(card);
  };
}

function build(view) {
  const place = viewPlace(view);
  const close = () => act("view/close", { view_id: view.id });
  const form = h("form", { class: "dialog-form", novalidate: true, onsubmit: (event) => submit(event, view, place) },
    h("header", { class: "dialog-head" },
      h("h2", { id: "view-title" }, view.title.text),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: close }, icon("close"))),
    h("div", { class: "dialog-body" }, view.blocks.map((block) => renderBlock(block, place))),
    h("div", { class: "dialog-foot" },
      h("button", { type: "button", class: "button", onclick: close }, view.close?.text ?? (view.submit ? "Cancel" : "Close")),
      view.submit && h("button", { type: "submit", class: "button primary" }, view.submit.text)));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "view-title" }, form);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  return dialog;
}

async function submit(event, view, place) {
  event.preventDefault();
  const form = event.target;
  const answers = Object.fromEntries([...place.answers].map(([id, read]) => [id, read()]));
  const send = form.querySelector("[type=submit]");
  if (send.hasAttribute("aria-busy")) return;
  send.setAttribute("aria-busy", "true");
  const result = await act("view/submit", { view_id: view.id, answers });
  send.removeAttribute("aria-busy");
  explain(result);
  for (const line of form.querySelectorAll("[data-error]")) {
    line.textContent = result?.errors?.[line.dataset.error] ?? "";
  }
  form.querySelector(".error:not(:empty)")?.closest(".form-field").querySelector(".input")?.focus();
}
