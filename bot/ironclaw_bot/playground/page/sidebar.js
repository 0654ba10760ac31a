// Workspaces, channels, the app, and whose hands are used.

import { avatar, h, icon, reconcile } from "./dom.js";
import { badge } from "./messages.js";
import { bot, go, here, people, store, unread } from "./store.js";

const byId = (id) => document.getElementById(id);

function teamButton(team) {
  return h("button", {
    type: "button", class: "rail-team", title: team.name, "aria-label": `Workspace ${team.name}`,
    "aria-current": team.id === here.team ? "true" : undefined,
    onclick: () => go({ team: team.id }),
  }, team.name[0]);
}

function placeItem(place, mark, name) {
  const count = place.id === here.channel ? 0 : unread(place);
  const build = () => h("li", {}, h("button", {
    type: "button", class: count ? "place unread" : "place",
    "aria-current": place.id === here.channel ? "page" : undefined,
    onclick: () => go({ channel: place.id, tab: "messages" }),
  }, h("span", { class: "place-mark", "aria-hidden": "true" }, mark()), h("span", { class: "place-name" }, name),
  count ? h("span", { class: "count" }, String(count), h("span", { class: "hidden" }, " unread")) : null));
  return { key: place.id, stamp: `${name} ${count} ${place.id === here.channel} ${here.user}`, build };
}

function person(who) {
  const mine = who.id === here.user;
  const build = () => h("button", {
    type: "button", class: "person", role: "radio", "aria-checked": String(mine), tabindex: mine ? "0" : "-1",
    onclick: () => go({ user: who.id }), onkeydown: step,
  }, avatar(who, "small"), h("span", { class: "person-name" }, who.real_name),
  store.labels[who.id] && h("span", { class: "badge" }, store.labels[who.id]), badge(who), mine && icon("check"));
  return { key: who.id, stamp: String(mine), build };
}

/** Arrow keys choose, as in any group of radio buttons. */
function step(event) {
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const all = people();
  const next = all[(all.findIndex((one) => one.id === here.user) + by + all.length) % all.length];
  go({ user: next.id }).then(() => byId("people").querySelector("[aria-checked=true]")?.focus());
}

/** The same choice in the bar of a narrow window. */
function showSpeaker() {
  const box = byId("speaker");
  const name = (who) => [who.real_name, store.labels[who.id]].filter(Boolean).join(", ");
  reconcile(box, people().map((who) => ({ key: who.id, stamp: "", build: () => h("option", { value: who.id }, name(who)) })));
  box.value = here.user;
}

export function showSidebar() {
  byId("team-name").textContent = store.team.name;
  byId("bar-team").textContent = store.team.name;
  reconcile(byId("teams"), store.teams.map((team) => ({
    key: team.id, stamp: String(team.id === here.team), build: () => teamButton(team),
  })));
  const rooms = store.channels.filter((one) => one.kind !== "im");
  const dms = store.channels.filter((one) => one.kind === "im");
  reconcile(byId("channels"), rooms.map((one) => placeItem(one, () => (one.kind === "group" ? icon("lock") : "#"), one.name)));
  reconcile(byId("apps"), dms.map((one) => placeItem(one, () => avatar(bot(), "tiny"), bot().name)));
  reconcile(byId("people"), people().map(person));
  showSpeaker();
}
