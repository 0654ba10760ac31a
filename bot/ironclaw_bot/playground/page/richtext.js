// rich_text blocks as nodes.

import { h } from "./dom.js";
import { channelName, date, link, mention } from "./mrkdwn.js";

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };

const INLINE = {
  text: (one) => document.createTextNode(one.text),
  link: (one) => link(one.url, one.text),
  user: (one) => mention(one.user_id),
  channel: (one) => h("span", { class: "mention" }, `#${channelName(one.channel_id)}`),
  emoji: (one) => document.createTextNode(`:${one.name}:`),
  date: (one) => date(one.timestamp, one.format),
};

function inline(one) {
  const node = INLINE[one.type]?.(one) ?? document.createTextNode("");
  return Object.entries(one.style ?? {}).reduce(
    (inner, [style, on]) => (on && STYLES[style] ? h(STYLES[style], {}, inner) : inner),
    node,
  );
}

const PARTS = {
  rich_text_section: (part) => h("div", { class: "rich-section" }, part.elements.map(inline)),
  rich_text_preformatted: (part) => h("pre", { tabindex: "0" }, part.elements.map(inline)),
  rich_text_quote: (part) => h("blockquote", {}, part.elements.map(inline)),
  rich_text_list: (part) =>
    h(part.style === "ordered" ? "ol" : "ul", {}, part.elements.map((item) => h("li", {}, item.elements.map(inline)))),
};

export function richText(block) {
  return h("div", { class: "rich" }, block.elements.map((part) => PARTS[part.type]?.(part) ?? ""));
}
