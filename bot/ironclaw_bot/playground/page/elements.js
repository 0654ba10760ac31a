// What can be pressed or filled in.

import { h } from "./dom.js";
import { confirmed } from "./confirm.js";
import { people, store } from "./store.js";

/** Asks first when the element says so, then sends the click; the button is busy until it is acknowledged. */
async function press(button, element, block, place, answer) {
  if (button.hasAttribute("aria-busy")) return;
  if (element.confirm && !(await confirmed(element.confirm))) return;
  // Not disabled: a button that is loses the focus, and whoever uses the keyboard their place.
  button.setAttribute("aria-busy", "true");
  await place.click(element.action_id, block.block_id, answer);
  button.removeAttribute("aria-busy");
}

function button(element, block, place) {
  const made = h("button", {
    type: "button",
    class: `button ${element.style ?? ""}`,
    "aria-label": element.accessibility_label,
    data: { action: element.action_id },
    onclick: () => {
      if (element.url) window.open(element.url, "_blank", "noopener");
      return press(made, element, block, place);
    },
  }, element.text.text);
  return made;
}

function feedback(element, block, place) {
  return h("span", { class: "actions" }, ["positive_button", "negative_button"].map((which) =>
    button({ ...element[which], action_id: element.action_id }, block, place),
  ));
}

const optionsOf = (element) => element.options ?? element.option_groups?.flatMap((group) => group.options) ?? [];

const CHOICES = {
  users_select: () => people().map((one) => [one.id, one.real_name]),
  channels_select: () => store.channels.filter((one) => one.name).map((one) => [one.id, `#${one.name}`]),
  conversations_select: () => store.channels.filter((one) => one.name).map((one) => [one.id, `#${one.name}`]),
};

function select(element, props = {}, many = false) {
  const pairs = CHOICES[element.type]?.() ?? optionsOf(element).map((one) => [one.value, one.text.text]);
  const chosen = [element.initial_option, ...(element.initial_options ?? [])].filter(Boolean).map((one) => one.value);
  chosen.push(element.initial_user, element.initial_channel, element.initial_conversation);
  const first = many ? "" : h("option", { value: "" }, element.placeholder?.text ?? "Choose…");
  return h("select", { class: "input", multiple: many, "aria-label": element.placeholder?.text ?? "Choose", ...props },
    first, pairs.map(([value, text]) => h("option", { value, selected: chosen.includes(value) }, text)));
}

/** A group of radio buttons or checkboxes; reads as the chosen values. */
function group(element, name, onchange) {
  const kind = element.type === "checkboxes" ? "checkbox" : "radio";
  const first = [element.initial_option, ...(element.initial_options ?? [])].filter(Boolean).map((one) => one.value);
  return h("div", { class: "choices", role: kind === "radio" ? "radiogroup" : "group" }, element.options.map((one) =>
    h("label", {}, h("input", { type: kind, name, value: one.value, checked: first.includes(one.value), onchange }),
      h("span", {}, one.text.text, one.description && h("span", { class: "note" }, ` ${one.description.text}`))),
  ));
}

const TYPES = { number_input: "number", email_text_input: "email", url_text_input: "url", datepicker: "date", timepicker: "time" };

function written(element, props) {
  const shared = { class: "input", placeholder: element.placeholder?.text, maxlength: element.max_length ?? 3000, ...props };
  const value = element.initial_value ?? element.initial_date ?? element.initial_time ?? "";
  if (element.multiline) {
    const rows = Math.min(14, Math.max(4, value.split("\n").length + 1));
    return h("textarea", { ...shared, rows, value, spellcheck: "false" });
  }
  return h("input", { ...shared, type: TYPES[element.type] ?? "text", value, autocomplete: "off" });
}

const SELECTS = /_select$/;

/** The element and a function that reads it: text, an option's value, or a list of values. */
export function input(element, props = {}) {
  if (element.type === "radio_buttons" || element.type === "checkboxes") {
    const made = group(element, `g${Math.random()}`);
    const checked = () => [...made.querySelectorAll("input:checked")].map((one) => one.value);
    return [made, () => (element.type === "checkboxes" ? checked() : checked()[0] ?? null)];
  }
  if (SELECTS.test(element.type)) {
    const many = element.type.startsWith("multi_");
    const made = select(element, props, many);
    return [made, () => (many ? [...made.selectedOptions].map((one) => one.value) : made.value || null)];
  }
  const made = written(element, props);
  return [made, () => made.value];
}

/** An input block: label, input, hint and a line for the bot's complaint. */
export function field(block, place) {
  const id = `f-${block.block_id}`;
  const [made, read] = input(block.element, { id, "aria-describedby": `${id}-hint ${id}-error` });
  place.answers?.set(block.block_id, read);
  return h("div", { class: "form-field" },
    h("label", { for: id }, block.label.text, block.optional && h("span", { class: "note" }, " (optional)")),
    made,
    block.hint && h("p", { class: "note", id: `${id}-hint` }, block.hint.text),
    h("p", { class: "error", id: `${id}-error`, data: { error: block.block_id }, role: "alert" }));
}

/** Anything interactive outside of an input block. */
export function control(element, block, place) {
  if (element.type === "button" || element.type === "icon_button") return button(element, block, place);
  if (element.type === "feedback_buttons") return feedback(element, block, place);
  if (element.type === "overflow") {
    const made = select({ ...element, placeholder: { text: "More…" } }, {
      class: "input menu",
      onchange: () => {
        const chosen = made.value;
        made.value = "";  // A menu, not a choice that stays: the same can be chosen again.
        return chosen && press(made, element, block, place, chosen);
      },
    });
    return made;
  }
  const [made, read] = input(element);
  made.addEventListener("change", () => press(made, element, block, place, read()));
  return made;
}
