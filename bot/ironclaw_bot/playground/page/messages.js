// Messages of a channel or of a thread.

import { avatar, h, icon, reconcile } from "./dom.js";
import { renderBlocks } from "./blocks.js";
import { act, bot, explain, go, hasBot, here, store, user } from "./store.js";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const when = (ts) => new Date(Number(ts) * 1000);

function place(channel, message) {
  return {
    async click(action_id, block_id, answer) {
      explain(await act("click", { channel: channel.id, ts: message.ts, action_id, block_id, answer }));
    },
  };
}

/** Who somebody is besides a name: an app, a guest, a stranger. */
export function badge(who) {
  if (who.is_bot) return h("span", { class: "badge" }, "APP");
  if (who.is_stranger) return h("span", { class: "badge outside" }, "External");
  if (who.is_restricted) return h("span", { class: "badge outside" }, "Guest");
  return null;
}

function threadButton(channel, message) {
  const count = message.reply_count ?? 0;
  const text = count ? `${count} ${count === 1 ? "reply" : "replies"}` : "Reply in thread";
  return h("button", {
    type: "button",
    class: count ? "thread-link" : "thread-link quiet",
    onclick: () => go({ channel: channel.id, thread: message.ts }).then(() => document.querySelector("#reply textarea").focus()),
  }, icon("reply"), text);
}

/** What a message says. A person's rich text is what was typed: its text shows the same, code and bold included. */
function content(channel, message, who) {
  if (message.inviter) return h("p", { class: "note" }, `was added to #${channel.name} by ${user(message.inviter).real_name}.`);
  return renderBlocks(who.is_bot ? message : { text: message.text }, place(channel, message));
}

function article(channel, message, inThread) {
  const who = user(message.user);
  const hidden = message.is_ephemeral;
  return h("article", { class: hidden ? "message whisper" : "message", "aria-label": `${who.real_name}, ${clock.format(when(message.ts))}` },
    avatar(who),
    h("div", { class: "message-body" },
      hidden && h("div", { class: "whisper-note" }, icon("eye"), "Only visible to you"),
      h("header", {}, h("strong", {}, who.real_name), badge(who),
        h("time", { datetime: when(message.ts).toISOString() }, clock.format(when(message.ts))),
        message.edited && !who.is_bot && h("span", { class: "note" }, "(edited)")),
      content(channel, message, who),
      message.reactions && h("div", { class: "reactions" }, message.reactions.map((one) => h("span", {}, `:${one.name}: ${one.count}`))),
      !inThread && !hidden && threadButton(channel, message)));
}

function item(channel, message, inThread) {
  return {
    key: `${channel.id}/${message.ts}`,
    stamp: JSON.stringify([message, inThread, here.user]),
    build: () => article(channel, message, inThread),
  };
}

function dayLine(date) {
  const text = day.format(date);
  return { key: `day ${text}`, stamp: "", build: () => h("div", { class: "day", role: "separator" }, h("span", {}, text)) };
}

function withDays(channel, messages) {
  const items = [];
  let last = "";
  for (const message of messages) {
    const text = day.format(when(message.ts));
    if (text !== last) items.push(dayLine(when(message.ts)));
    last = text;
    items.push(item(channel, message, false));
  }
  return items;
}

/** "IronClaw is thinking…", as the bot last said it. */
function statusLine(channel, thread) {
  const shown = store.statuses.filter((one) => one.shown && one.channel === channel.id && one.thread_ts === thread);
  const line = shown.find((one) => one.kind === "assistant") ?? shown.find((one) => one.status === "processing");
  if (!line) return [];
  const text = line.kind === "assistant" ? line.status : line.title || "is working";
  const stoppable = shown.some((one) => one.kind === "session" && one.status === "processing");
  const stop = () => act("stop", { channel: channel.id, thread_ts: thread });
  const build = () => h("div", { class: "status" }, h("span", { class: "dots", "aria-hidden": "true" }), `${bot().real_name} ${text}`,
    stoppable && h("button", { type: "button", class: "button", onclick: stop }, "Stop"));
  return [{ key: "status", stamp: `${text} ${stoppable}`, build }];
}

const byTime = (a, b) => (a.ts < b.ts ? -1 : 1);

export function channelItems(channel) {
  const top = channel.messages.filter((one) => !one.thread_ts || one.thread_ts === one.ts);
  const whispers = channel.ephemerals.filter((one) => !one.thread_ts);
  return withDays(channel, [...top, ...whispers].sort(byTime));
}

export function threadItems(channel, ts) {
  const all = [...channel.messages, ...channel.ephemerals].filter((one) => one.ts === ts || one.thread_ts === ts);
  return [...all.sort(byTime).map((one) => item(channel, one, true)), ...statusLine(channel, ts)];
}

/** Shows the items; stays at the end when it was there, or when another place is shown. */
export function showMessages(box, name, items) {
  const moved = box.dataset.place !== name;
  const atEnd = moved || box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  const before = box.scrollHeight;
  box.dataset.place = name;
  box.setAttribute("aria-busy", String(moved));
  reconcile(box, items);
  box.setAttribute("aria-busy", "false");
  if (atEnd && (moved || box.scrollHeight !== before)) box.scrollTop = box.scrollHeight;
}

/** What an empty place says: the first thing to try. */
export function emptyItem(channel, suggest) {
  const hears = hasBot(channel);
  const name = bot().real_name;
  const texts = hears
    ? [`@${bot().name} files.write path=notes/today.md text="hello"`, "/ironclaw help"]
    : [`/invite @${bot().name}`];
  const build = () => h("div", { class: "empty" },
    h("div", { class: "empty-mark" }, icon("claw")),
    h("h3", {}, channel.kind === "im" ? `Talk to ${name}` : `Nothing in #${channel.name} yet`),
    h("p", {}, hears
      ? "Ask for something that changes a file: it waits for an approver, whom you can play too."
      : `${name} is not in this channel and hears nothing here. Invite it first.`),
    texts.map((text) => h("button", { type: "button", class: "suggestion", onclick: () => suggest(text) }, h("code", {}, text))));
  return { key: `empty ${channel.id}`, stamp: String(hears), build };
}
