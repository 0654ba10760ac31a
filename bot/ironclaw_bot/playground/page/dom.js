// Building the page's elements. Data only ever becomes text or a checked attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Props: `on<event>` listeners, `class`, `data`, booleans, everything else an attribute. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child || child === 0));
  return element;
}

const PATHS = {
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12l16-7-6 16-3-7-7-2z",
  reply: "M4 5h16v11H9l-5 4z",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  moon: "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
  lock: "M6 11h12v9H6zM9 11V8a3 3 0 016 0v3",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 100 6 3 3 0 000-6z",
  claw: "M7 5c.8 5 1.700 9 3.500 13M12 4c.3 5 .7 9.500 1.700 15M17 5c.4 4 .2 8-.5 12",
  menu: "M4 6h16M4 12h16M4 18h16",
  check: "M5 12l5 5 9-11",
  down: "M6 9l6 6 6-6",
};

/** A small line drawing; decoration only, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

const HUES = [204, 338, 24, 152, 262, 45, 178, 300];

/** Initials on a colour of their own, by their number in the workspace; the bot has its mark. */
export function avatar(user, size = "") {
  if (user.is_bot) return h("span", { class: `avatar bot ${size}`, "aria-hidden": "true" }, icon("claw"));
  const letters = user.real_name.split(" ").map((word) => word[0]).join("").slice(0, 2);
  const element = h("span", { class: `avatar ${size}`, "aria-hidden": "true" }, letters);
  element.style.setProperty("--hue", HUES[(user.number ?? 0) % HUES.length]);
  return element;
}

/** Makes `parent`'s children these, touching only what changed, so that focus and scroll stay. */
export function reconcile(parent, items) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const { key, stamp, build } of items) {
    let element = old.get(key);
    old.delete(key);
    if (element === undefined || element.dataset.stamp !== stamp) {
      const fresh = build();
      Object.assign(fresh.dataset, { key, stamp });
      if (element !== undefined) place = swap(element, fresh, place);
      element = fresh;
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of old.values()) {
    const focused = element.contains(document.activeElement);
    element.remove();
    if (focused) focusOn(parent);
  }
}

/** Focus inside an element that is replaced goes to the same control in what replaces it, or to that. */
function swap(element, fresh, place) {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceWith(fresh);
  if (active) focusOn(active === element ? fresh : twin(active, fresh));
  return place === element ? fresh : place;
}

/** Never another button in the same place: Enter pressed twice must not press two of them. */
function twin(control, fresh) {
  const same = (one) => one.textContent === control.textContent && one.dataset.action === control.dataset.action;
  return [...fresh.querySelectorAll(control.tagName)].find(same) ?? fresh;
}

export function focusOn(element) {
  if (!element.matches("a[href], button, input, select, textarea, [tabindex]")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

/** A short notice that goes away by itself. */
export function toast(text) {
  const note = h("p", { class: "toast" }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 7000);
}
