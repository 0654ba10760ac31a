// The box for writing: Enter sends, `@` and `/` suggest.

import { h, icon, toast } from "./dom.js";
import { focusBox } from "./keys.js";
import { act, bot, channel, explain, go, hasBot, people } from "./store.js";

const COMMAND = "/ironclaw";
const INVITE = "/invite";
const SUGGESTIONS = [
  [`${COMMAND} help`, "What IronClaw understands"],
  [`${COMMAND} run `, "Ask for something, seen by you alone"],
  [`${COMMAND} approvals`, "What waits for a decision"],
  [`${COMMAND} status `, "How a run stands"],
  [`${INVITE} @`, "Add somebody, or the app, to this channel"],
];

/** What could stand where the caret is: [text, note] pairs, and where the replaced text starts. */
function suggestions(text, caret, inThread) {
  const before = text.slice(0, caret);
  if (before.startsWith("/") && !before.includes("@") && !inThread) {
    return { from: 0, items: SUGGESTIONS.filter(([one]) => one.startsWith(before) && one !== before) };
  }
  const at = /(?:^|\s)@(\w*)$/.exec(before);
  if (!at) return { from: 0, items: [] };
  const known = [bot(), ...people()].filter((one) => one.name.startsWith(at[1].toLowerCase()));
  return { from: caret - at[1].length - 1, items: known.map((one) => [`@${one.name} `, one.real_name]) };
}

export class Composer {
  /** @param thread a function: the thread's ts, or "" in a channel */
  constructor(form, thread) {
    this.form = form;
    this.thread = thread;
    this.found = { from: 0, items: [] };
    this.active = 0;
    const id = `${form.id}-list`;
    this.box = h("textarea", {
      rows: 1, class: "composer-input", role: "combobox", "aria-expanded": "false", "aria-controls": id,
      "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
      oninput: () => this.changed(), onkeydown: (event) => this.key(event), onblur: () => this.hide(),
    });
    this.list = h("ul", { id, class: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.speaker = h("span", { class: "speaking" });
    form.append(this.list, h("div", { class: "composer-box" }, this.box,
      h("div", { class: "composer-foot" }, this.speaker,
        h("button", { type: "submit", class: "send", "aria-label": "Send" }, icon("send")))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** Says where and as whom the next message goes. */
  show(where, speaker) {
    this.box.placeholder = where;
    this.box.setAttribute("aria-label", `${where}, as ${speaker.real_name}`);
    this.speaker.replaceChildren("as ", h("strong", {}, speaker.real_name));
  }

  suggest(text) {
    this.box.value = text;
    this.grow();
    this.box.focus();
  }

  grow() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 200)}px`;
  }

  changed() {
    this.grow();
    this.found = suggestions(this.box.value, this.box.selectionStart, Boolean(this.thread()));
    this.active = 0;
    this.draw();
  }

  draw() {
    const options = this.found.items.map(([text, note], index) => h("li", {
      role: "option", id: `${this.list.id}-${index}`, "aria-selected": String(index === this.active),
      // mousedown, because a click would come after the blur that hides the list
      onmousedown: (event) => {
        event.preventDefault();
        this.take(index);
      },
    }, h("code", {}, text), h("span", { class: "note" }, note)));
    this.list.replaceChildren(...options);
    this.list.hidden = options.length === 0;
    this.box.setAttribute("aria-expanded", String(options.length > 0));
    if (options.length) this.box.setAttribute("aria-activedescendant", `${this.list.id}-${this.active}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  hide() {
    this.found = { from: 0, items: [] };
    this.draw();
  }

  take(index) {
    const [text] = this.found.items[index];
    const rest = this.box.value.slice(this.box.selectionStart);
    this.box.value = this.box.value.slice(0, this.found.from) + text + rest;
    const caret = this.found.from + text.length;
    this.box.setSelectionRange(caret, caret);
    this.hide();
    this.grow();
  }

  key(event) {
    const open = this.found.items.length;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      this.active = (this.active + (event.key === "ArrowDown" ? 1 : open - 1)) % open;
      this.draw();
    } else if (open && event.key === "Tab") this.take(this.active);
    else if (open && event.key === "Escape") {
      this.hide();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      if (open && this.found.items[this.active][0].trim() !== this.box.value.slice(this.found.from).trim()) this.take(this.active);
      else this.send();
    } else return;
    event.preventDefault();
  }

  async send() {
    const text = this.box.value.trim();
    if (!text) return;
    this.hide();
    if (text.startsWith("/")) await this.command(text);
    else await this.say(text);
  }

  /** The bot answers in the message's thread, so that thread opens. */
  async say(text) {
    const place = channel();
    const direct = place.kind === "im";
    const said = await act("say", { channel: place.id, text, thread_ts: this.thread() });
    if (said === null) return;
    this.clear();
    const asked = direct || said.text.includes(`<@${bot().id}>`);
    if (asked && !hasBot(place)) toast(`${bot().real_name} is not in #${place.name} and heard nothing. ${INVITE} @${bot().name} adds it.`);
    else if (asked && !said.thread_ts) {
      await go({ thread: said.ts });
      if (this.form.offsetParent === null) focusBox(); // In a narrow window the thread is all there is.
    }
  }

  async command(text) {
    const [name, ...words] = text.split(" ");
    if (this.thread()) return toast("Slash commands do not work in threads, as in Slack.");
    if (name === INVITE) return this.invite(words.join(" ").trim());
    if (name !== COMMAND) return toast(`${name} is no command here. Try ${COMMAND} help.`);
    const result = await act("command", { channel: channel().id, command: name, text: words.join(" ") });
    explain(result);
    if (result?.ok) this.clear();
  }

  async invite(name) {
    if ((await act("invite", { channel: channel().id, name })) !== null) this.clear();
  }

  clear() {
    this.box.value = "";
    this.grow();
  }
}
