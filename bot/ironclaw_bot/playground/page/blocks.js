// Block Kit as elements. `place` says where a click goes: see messages.js and dialogs.js.

import { h, icon } from "./dom.js";
import { control, field } from "./elements.js";
import { markdown, mrkdwn, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";

const image = (block) => h("span", { class: "image", role: "img", "aria-label": block.alt_text }, `Image: ${block.alt_text}`);

function section(block, place) {
  const text = h("div", { class: "section-text" });
  if (block.text) text.append(h("div", { class: "text" }, textObject(block.text)));
  if (block.fields) {
    text.append(h("div", { class: "fields" }, block.fields.map((one) => h("div", { class: "field" }, textObject(one)))));
  }
  const accessory = block.accessory;
  const side = accessory && (accessory.type === "image" ? image(accessory) : control(accessory, block, place));
  return h("div", { class: "section" }, text, side);
}

function context(block) {
  return h("div", { class: "context" }, block.elements.map((one) =>
    one.type === "image" ? image(one) : h("span", {}, textObject(one)),
  ));
}

const actions = (block, place) => h("div", { class: "actions" }, block.elements.map((one) => control(one, block, place)));

const MARKS = { pending: "○", in_progress: "◐", complete: "●", error: "✕" };

function task(block) {
  const status = block.status ?? "in_progress";
  return h("div", { class: `task is-${status}` },
    h("span", { class: "task-mark", "aria-hidden": "true" }, MARKS[status]),
    h("div", {}, h("span", {}, block.title), h("span", { class: "hidden" }, ` (${status.replace("_", " ")})`),
      block.details && richText(block.details), block.output && richText(block.output)));
}

function plan(block) {
  return h("div", { class: "plan" }, h("div", { class: "plan-title" }, block.title), (block.tasks ?? []).map(task));
}

function container(block, place) {
  const head = block.rich_text_title ? richText(block.rich_text_title) : h("strong", {}, block.title?.text ?? "");
  const subtitle = block.subtitle && h("div", { class: "note" }, textObject(block.subtitle));
  const body = block.child_blocks.map((child) => renderBlock(child, place));
  if (!block.is_collapsible) return h("div", { class: "container" }, head, subtitle, body);
  return h("details", { class: "container", open: !block.default_collapsed }, h("summary", {}, head), subtitle, body);
}

function card(block, place) {
  return h("div", { class: "container" },
    block.hero_image && image(block.hero_image),
    block.title && h("strong", {}, textObject(block.title)),
    block.subtitle && h("div", { class: "note" }, textObject(block.subtitle)),
    block.body && h("div", {}, textObject(block.body)),
    block.actions && actions({ ...block, elements: block.actions }, place));
}

function cell(one, tag) {
  return h(tag, {}, one.type === "rich_text" ? richText(one) : one.text);
}

function table(block) {
  const [head, ...rows] = block.rows;
  return h("div", { class: "table", tabindex: "0" }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((one) => cell(one, "th")))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one) => cell(one, "td")))))));
}

const BLOCKS = {
  header: (block) => h("h3", { class: "block-header" }, block.text.text),
  section,
  divider: () => h("hr"),
  context,
  actions,
  context_actions: actions,
  input: field,
  image: (block) => h("figure", {}, image(block), block.title && h("figcaption", {}, block.title.text)),
  markdown: (block) => h("div", { class: "markdown" }, markdown(block.text)),
  rich_text: richText,
  alert: (block) => h("div", { class: `alert ${block.level ?? "default"}`, role: "note" }, icon("eye"), h("div", {}, textObject(block.text))),
  task_card: task,
  plan,
  container,
  card,
  table,
};

export function renderBlock(block, place) {
  return BLOCKS[block.type]?.(block, place) ?? h("p", { class: "note" }, `A ${block.type} block.`);
}

/** Blocks, or the text when there are none. */
export function renderBlocks(message, place) {
  if (!message.blocks?.length) return h("div", { class: "text" }, mrkdwn(message.text));
  const isCard = message.blocks.some((block) => block.type === "actions" || block.type === "header");
  return h("div", { class: isCard ? "blocks framed" : "blocks" }, message.blocks.map((block) => renderBlock(block, place)));
}
