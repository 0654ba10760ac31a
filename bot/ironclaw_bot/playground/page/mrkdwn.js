// Slack's mrkdwn, and the Markdown of markdown blocks, as nodes.

import { h } from "./dom.js";
import { bot, store, user } from "./store.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const unescape = (text) => text.replace(/&(amp|lt|gt);/g, (entity) => ENTITIES[entity]);

/** Only web addresses become links; the rest stays text. */
export function link(url, label) {
  if (!/^https?:\/\//i.test(url)) return document.createTextNode(label || url);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label || url);
}

export function mention(id) {
  const who = user(id);
  const mine = id === bot().id ? " to-bot" : "";
  return h("span", { class: `mention${mine}` }, `@${who.name}`);
}

export function channelName(id) {
  return store.channels.find((one) => one.id === id)?.name ?? id;
}

const DATES = {
  "{time}": { timeStyle: "short" },
  "{time_secs}": { timeStyle: "medium" },
  "{date}": { dateStyle: "long" },
  "{date_short}": { dateStyle: "medium" },
  "{date_long}": { dateStyle: "full" },
  "{date_num}": { dateStyle: "short" },
  "{date_pretty}": { dateStyle: "long" },
  "{date_short_pretty}": { dateStyle: "medium" },
  "{date_long_pretty}": { dateStyle: "full" },
};

export function date(seconds, format) {
  const when = new Date(Number(seconds) * 1000);
  const text = format.replace(/\{\w+\}/g, (token) =>
    // No line ends within the time: "PM" would stand alone.
    DATES[token] ? new Intl.DateTimeFormat(undefined, DATES[token]).format(when).replace(/\s(?=[AP]M)/g, "\u00a0") : token,
  );
  return h("time", { datetime: when.toISOString(), title: when.toLocaleString() }, text);
}

/** What stands between `<` and `>`. */
function angle(inner) {
  const [target, label = ""] = inner.split("|", 2);
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return h("span", { class: "mention" }, `#${label || channelName(target.slice(1))}`);
  if (target.startsWith("!date^")) {
    const [, seconds, format] = target.split("^");
    return date(seconds, format);
  }
  if (target.startsWith("!")) return h("span", { class: "mention" }, `@${target.slice(1)}`);
  // Whatever else stands in brackets is no markup of Slack's: it is shown as it is.
  return /^(https?|mailto):/i.test(target) ? link(unescape(target), unescape(label)) : `<${unescape(inner)}>`;
}

const EMOJI = { white_check_mark: "✅", x: "❌", warning: "⚠️", hourglass: "⏳", eyes: "👀", lock: "🔒", tada: "🎉" };

const SLACK = [
  [/^`([^`\n]+)`/, (m) => h("code", {}, unescape(m[1]))],
  [/^<([^<>\n]+)>/, (m) => angle(m[1])],
  [/^\*([^*\n]+)\*(?!\w)/, (m) => h("strong", {}, inline(m[1], SLACK))],
  [/^_([^_\n]+)_(?!\w)/, (m) => h("em", {}, inline(m[1], SLACK))],
  [/^~([^~\n]+)~(?!\w)/, (m) => h("s", {}, inline(m[1], SLACK))],
  [/^:([a-z0-9_+-]+):/, (m) => EMOJI[m[1]] ?? m[0]],
  [/^\n/, () => h("br")],
];

const MARKDOWN = [
  [/^`([^`\n]+)`/, (m) => h("code", {}, m[1])],
  [/^\[([^\]\n]+)\]\(([^)\s]+)\)/, (m) => link(m[2], m[1])],
  [/^\*\*([^\n]+?)\*\*/, (m) => h("strong", {}, inline(m[1], MARKDOWN))],
  [/^\*([^*\n]+)\*/, (m) => h("em", {}, inline(m[1], MARKDOWN))],
  [/^_([^_\n]+)_(?!\w)/, (m) => h("em", {}, inline(m[1], MARKDOWN))],
  [/^~~([^~\n]+)~~/, (m) => h("s", {}, inline(m[1], MARKDOWN))],
  [/^\n/, () => h("br")],
];

/** Text with marks as nodes. A mark opens only after a space, a bracket or another mark. */
function inline(text, rules) {
  const nodes = [];
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const opens = !/\w/.test(text[at - 1] ?? "") || text[at] === "<" || text[at] === "\n";
    const [match, build] = opens ? firstMatch(text.slice(at), rules) : [null];
    if (match) {
      nodes.push(unescape(plain), build(match));
      plain = "";
      at += match[0].length;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  return [...nodes, unescape(plain)].filter((node) => node !== "");
}

function firstMatch(text, rules) {
  for (const [pattern, build] of rules) {
    const match = pattern.exec(text);
    if (match) return [match, build];
  }
  return [null];
}

/** Slack's mrkdwn: code fences and quotes are lines of their own. */
export function mrkdwn(text) {
  return text.split(/(```[\s\S]*?```)/).flatMap((part) => {
    if (part.startsWith("```") && part.length > 5) {
      return [h("pre", {}, unescape(part.slice(3, -3).replace(/^\n/, "")))];
    }
    return quoted(part);
  });
}

function quoted(text) {
  return text.split(/((?:^|(?<=\n))&gt; ?[^\n]*\n?)/).flatMap((part) => {
    const match = /^&gt; ?([^\n]*)\n?$/.exec(part);
    return match ? [h("blockquote", {}, inline(match[1], SLACK))] : inline(part, SLACK);
  });
}

/** A text object. */
export function textObject(object) {
  return object.type === "mrkdwn" ? mrkdwn(object.text) : [object.text];
}

/** A markdown block: headings, lists, fences, quotes, paragraphs. */
export function markdown(text) {
  const parts = text.split(/(^```[\s\S]*?^```)/m);
  return parts.flatMap((part) => {
    const fence = /^```[^\n]*\n([\s\S]*?)\n?```$/.exec(part);
    return fence ? [h("pre", {}, fence[1])] : paragraphs(part);
  });
}

function paragraphs(text) {
  return text.split(/\n{2,}/).filter((part) => part.trim()).flatMap((part) => {
    const lines = part.replace(/^\n+|\n+$/g, "").split("\n");
    const heading = /^(#{1,6})\s+(.*)$/.exec(lines[0]);
    if (heading) {
      const rest = lines.slice(1).join("\n");
      return [h("h4", {}, inline(heading[2], MARKDOWN)), ...(rest ? paragraphs(rest) : [])];
    }
    if (lines.every((line) => /^\s*([-*]|\d+\.)\s/.test(line))) return [list(lines)];
    if (lines.every((line) => line.startsWith(">"))) {
      return [h("blockquote", {}, inline(lines.map((line) => line.replace(/^>\s?/, "")).join("\n"), MARKDOWN))];
    }
    return [h("p", {}, inline(lines.join("\n"), MARKDOWN))];
  });
}

function list(lines) {
  const tag = /^\s*\d/.test(lines[0]) ? "ol" : "ul";
  return h(tag, {}, lines.map((line) => h("li", {}, inline(line.replace(/^\s*([-*]|\d+\.)\s/, ""), MARKDOWN))));
}
