// The page: draws what the store holds, whenever it changes.

import { h, icon, reconcile } from "./dom.js";
import { focusBox, startKeys } from "./keys.js";
import { closeMenu, startMenu } from "./menu.js";
import { renderBlock } from "./blocks.js";
import { Composer } from "./composer.js";
import { showViews, viewPlace } from "./dialogs.js";
import { channelItems, emptyItem, showMessages, threadItems } from "./messages.js";
import { showSidebar } from "./sidebar.js";
import { act, bot, channel, follow, go, here, listen, markSeen, me, readAddress, refresh, store } from "./store.js";

const byId = (id) => document.getElementById(id);
const write = new Composer(byId("write"), () => "");
const reply = new Composer(byId("reply"), () => here.thread);

function showRoom() {
  const place = channel();
  const direct = place.kind === "im";
  const name = direct ? bot().real_name : `#${place.name}`;
  byId("room-name").textContent = name;
  byId("room-note").textContent = direct ? "Direct messages with the app" : `${place.members.length} members`;
  document.title = `${name} · ${store.team.name} · IronClaw playground`;
  showTabs(direct);
  const items = channelItems(place);
  showMessages(byId("messages"), `${here.user}/${place.id}`, items.length ? items : [emptyItem(place, (text) => write.suggest(text))]);
  write.show(`Message ${direct ? bot().name : name}`, me());
  if (here.tab === "messages") markSeen(place);
}

function showTabs(direct) {
  const home = direct && here.tab === "home";
  byId("tabs").hidden = !direct;
  byId("messages").hidden = home;
  byId("write").hidden = home;
  byId("home").hidden = !home;
  reconcile(byId("tabs"), ["messages", "home"].map((tab) => ({
    key: tab, stamp: String(tab === here.tab), build: () => tabButton(tab),
  })));
  if (home) showHome();
}

function tabButton(tab) {
  return h("button", {
    type: "button", class: "tab", role: "tab", "aria-selected": String(tab === here.tab),
    onclick: () => openTab(tab), onkeydown: (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") openTab(tab === "home" ? "messages" : "home");
    },
  }, tab === "home" ? "Home" : "Messages");
}

async function openTab(tab) {
  await go({ tab });
  byId("tabs").querySelector("[aria-selected=true]")?.focus();
  await act("home", { tab });
}

function showHome() {
  const view = store.homes[here.user];
  const build = () => view
    ? h("div", { class: "blocks" }, view.blocks.map((block) => renderBlock(block, viewPlace(view))))
    : h("div", { class: "empty" }, h("h3", {}, "Nothing published yet"), h("p", {}, "The app shows its Home when it has something to show."));
  reconcile(byId("home"), [{ key: "home", stamp: view?.hash ?? "", build }]);
}

function showThread() {
  const place = channel();
  const items = here.thread ? threadItems(place, here.thread) : [];
  const open = items.length > 0;
  byId("thread").hidden = !open;
  byId("shell").classList.toggle("with-thread", open);
  if (!open) return;
  byId("thread-note").textContent = place.kind === "im" ? bot().real_name : `#${place.name}`;
  showMessages(byId("replies"), `${here.user}/${place.id}/${here.thread}`, items);
  reply.show(place.kind === "im" ? "Reply" : "Reply; mention @ironclaw to ask it", me());
}

function draw() {
  if (!channel()) return;
  showRoom();
  showThread();
  showSidebar();
  showViews();
}

function theme(choice) {
  document.documentElement.dataset.theme = choice;
  byId("theme").replaceChildren(icon(choice === "dark" ? "sun" : "moon"));
}

function startTheme() {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const wanted = () => window.localStorage.getItem("theme") ?? (system.matches ? "dark" : "light");
  theme(wanted());
  system.addEventListener("change", () => theme(wanted()));
  byId("theme").addEventListener("click", () => {
    window.localStorage.setItem("theme", wanted() === "dark" ? "light" : "dark");
    theme(wanted());
  });
}

/** Closes the thread; focus goes back to where it was opened. */
async function closeThread() {
  const ts = here.thread;
  await go({ thread: "" });
  const opener = byId("messages").querySelector(`[data-key="${here.channel}/${ts}"] .thread-link`);
  (opener ?? write.box).focus();
}

/** Arrow keys walk through the places in the sidebar. */
function walk(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const places = [...document.querySelectorAll(".place")];
  const next = places.indexOf(document.activeElement) + by;
  places[(next + places.length) % places.length].focus();
}

function start() {
  startTheme();
  readAddress();
  listen(draw);
  byId("thread-close").append(icon("close"));
  byId("thread-close").addEventListener("click", closeThread);
  window.addEventListener("hashchange", () => {
    readAddress();
    refresh();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (!closeMenu() && here.thread) closeThread();
  });
  document.querySelector(".sidebar-scroll").addEventListener("keydown", walk);
  startMenu();
  startKeys();
  refresh().then(() => {
    follow();
    if (document.activeElement === document.body) focusBox();
  });
}

start();
