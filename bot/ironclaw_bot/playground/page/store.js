// What the server knows, what is on the screen, and the way between them.

import { toast } from "./dom.js";

const listeners = new Set();
const memory = window.sessionStorage;

/** Which workspace, person, place and thread are looked at; each browser tab has its own. */
export const here = { team: "T0001", user: "", channel: "", thread: "", tab: "messages" };

export const store = { teams: [], team: null, labels: {}, users: [], channels: [], views: [], homes: {}, statuses: [] };

export function listen(listener) {
  listeners.add(listener);
}

export function user(id) {
  return store.users.find((one) => one.id === id) ?? { id, name: id, real_name: id, team_id: "", is_bot: false };
}

export function me() {
  return user(here.user);
}

export function bot() {
  return user(store.team?.bot_user ?? "");
}

/** Whether the app hears what is said here. */
export function hasBot(place) {
  return place.members.includes(store.team.bot_user);
}

export function channel() {
  return store.channels.find((one) => one.id === here.channel);
}

const SENTENCES = {
  not_in_channel: "This person is not in that channel.",
  channel_not_found: "There is no such channel.",
  message_not_found: "That message is gone.",
  action_not_found: "That button is gone: the message has changed.",
  invalid_blocks: "The bot answered with blocks that Slack refuses. The journal has the reason.",
  not_found: "That dialog is no longer open.",
  user_not_found: "There is nobody of that name. Write /invite @name.",
  already_in_channel: "They are in this channel already.",
  method_not_supported_for_channel_type: "Nobody can be invited into direct messages.",
};

/** Does something in the workspace; says so when it is refused, and returns null. */
export async function act(action, body) {
  try {
    const response = await fetch(`/_/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ team: here.team, user: here.user, ...body }),
    });
    const answer = await response.json();
    if (answer.ok) return answer.result ?? {};
    toast(SENTENCES[answer.error] ?? `Refused: ${answer.error} ${answer.detail ?? ""}`);
  } catch {
    stopped(true);
  }
  return null;
}

/** Says across the page that the server is gone, until it answers again. */
function stopped(is) {
  document.getElementById("down").hidden = !is;
}

const REASONS = {
  http_timeout: "IronClaw did not acknowledge this within 3 seconds.",
  http_error: "IronClaw answered with an error.",
  connection_failed: "IronClaw cannot be reached. Is the bot running?",
};

/** Tells the person when a click or command did not get through. */
export function explain(result) {
  if (result !== null && !result.ok && REASONS[result.reason]) toast(REASONS[result.reason]);
}

let asked = 0;
let latest;

/** Shows what the server knows now; done when that is on the screen, even if a later look was faster. */
export function refresh() {
  latest = look();
  return latest;
}

async function look() {
  const number = ++asked;
  const query = new URLSearchParams({ team: here.team });
  if (here.user) query.set("user", here.user);
  const response = await fetch(`/_/state?${query}`);
  const state = await response.json();
  if (number !== asked) return latest;
  if (!state.ok) {
    // A restarted playground may not know this person or team any more.
    Object.assign(here, { team: "T0001", user: "" });
    return refresh();
  }
  Object.assign(store, state);
  state.users.forEach((one, number) => Object.assign(one, { number }));
  if (!here.user) {
    // Seen by nobody in particular, the workspace shows everybody's direct messages: not for the screen.
    chooseSpeaker();
    return refresh();
  }
  settle();
  for (const listener of listeners) listener();
}

function chooseSpeaker() {
  here.user = memory.getItem(`user ${here.team}`) ?? "";
  if (!store.users.some((one) => one.id === here.user)) here.user = people()[0].id;
}

/** Leaves a place that the person cannot see. */
function settle() {
  if (!channel()) Object.assign(here, { channel: store.channels[0]?.id ?? "", thread: "", tab: "messages" });
}

export function people() {
  return store.users.filter((one) => !one.is_bot);
}

/** Goes somewhere: the address bar keeps team, channel and thread, the tab keeps the person. */
export function go(change) {
  const before = { ...here };
  Object.assign(here, change);
  if (change.team && change.team !== before.team) {
    Object.assign(here, { user: memory.getItem(`user ${here.team}`) ?? "", channel: "", thread: "", tab: "messages" });
  }
  if (here.channel !== before.channel && change.thread === undefined) here.thread = "";
  if (here.user) memory.setItem(`user ${here.team}`, here.user);
  const path = [here.team, here.channel, here.thread].filter(Boolean).join("/");
  window.history.replaceState(null, "", `#/${path}`);
  return refresh().catch(() => stopped(true));
}

export function readAddress() {
  const [, team, place, thread] = window.location.hash.split("/");
  if (team) Object.assign(here, { team, channel: place ?? "", thread: thread ?? "" });
}

/** Follows the live feed; several changes at once cost one look. */
export function follow() {
  let timer = 0;
  const feed = new EventSource("/_/feed");
  const changed = () => {
    stopped(false);
    clearTimeout(timer);
    timer = setTimeout(() => refresh().catch(() => {}), 40);
  };
  feed.onmessage = (event) => {
    if (JSON.parse(event.data).kind === "changed") changed();
  };
  feed.onopen = changed;
  feed.onerror = () => {
    stopped(true);
    // The browser comes back by itself from a lost connection, but not from an answer that is no feed.
    if (feed.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
}

const seenKey = (id) => `seen ${here.team} ${here.user} ${id}`;

/** How many messages of others this person has not looked at. */
export function unread(place) {
  const seen = memory.getItem(seenKey(place.id)) ?? "0";
  return [...place.messages, ...place.ephemerals].filter((one) => one.ts > seen && one.user !== here.user).length;
}

export function markSeen(place) {
  const last = [...place.messages, ...place.ephemerals].map((one) => one.ts).sort().at(-1);
  if (last) memory.setItem(seenKey(place.id), last);
}
