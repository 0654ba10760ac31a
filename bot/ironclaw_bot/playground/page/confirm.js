// Confirm dialogs.

import { h } from "./dom.js";

/** Resolves to true when the person confirms; Escape and the cross mean no. */
export function confirmed(confirm) {
  return new Promise((resolve) => {
    const back = document.activeElement;
    const finish = (answer) => {
      dialog.close();
      dialog.remove();
      back?.focus();
      resolve(answer);
    };
    const dialog = h("dialog", { class: "dialog small", "aria-labelledby": "confirm-title", oncancel: () => finish(false) },
      h("h2", { id: "confirm-title" }, confirm.title.text),
      h("div", { class: "dialog-body" }, confirm.text.text),
      h("div", { class: "dialog-foot" },
        h("button", { type: "button", class: "button", onclick: () => finish(false) }, confirm.deny.text),
        h("button", { type: "button", class: `button ${confirm.style ?? "primary"}`, onclick: () => finish(true) }, confirm.confirm.text)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
