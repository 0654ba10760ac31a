/**
 * What a JavaScript or TypeScript toolbox is written with.
 *
 *     import { boolean, InvalidInput, string, tool } from "ironclaw";
 *
 *     tool("hello.greet", "Greet somebody by name.", {
 *       name: string("whom to greet"),
 *       loudly: boolean("whether to end with an exclamation mark", { default: false }),
 *     }, ({ name, loudly }) => {
 *       if (!name.trim()) throw new InvalidInput("name is empty");
 *       return `Hello, ${name}${loudly ? "!" : "."}`;
 *     });
 *
 * The build makes the tool's schema of this, unless toolbox.toml has it.  A tool gets its arguments as one
 * object and returns what JSON.stringify takes.  It fails by throwing one of the four failures; whatever else
 * it throws becomes Internal with the error's name.  Nothing traps.
 *
 * A tool may say beforehand what a call will do: a fifth argument takes the same arguments and gives a list of
 * willSend, willWrite and willDelete.  With preview = true in toolbox.toml people see it, and the run is held to it.
 */
import * as host from "ironclaw:tool/host@1.0.0";

/** Called with {tool, args}: what would this call do? */
const PREVIEW = "ironclaw.preview";
/** How log lines begin that the SDK writes and no tool asked for. */
const FOR_AUTHOR = "for the author: ";
/** Called with {} before a tenant is known, so that the next call finds its code paged in. */
const WARM = "ironclaw.warm";

/** A tool's typed failure; the message is read by the model and by people. */
export class Failure extends Error {
  static tag = "internal";
}
/** The arguments are wrong; better ones could work. */
export class InvalidInput extends Failure {
  static tag = "invalid-input";
}
/** The tool asked for something that it may not have. */
export class Denied extends Failure {
  static tag = "denied";
}
/** Something that the tool needs did not answer; later it may. */
export class Unavailable extends Failure {
  static tag = "unavailable";
}
/** The tool's own error. */
export class Internal extends Failure {}

const tools = new Map();

/** Register a function as a tool; see the head of this file. */
export function tool(name, description, args, action, preview = null) {
  tools.set(name, { description, args, action, preview });
}

/** Exactly this request will be sent, at most once: what http takes, the body a string. */
export const willSend = ({ method = "GET", url, headers = {}, body = "", secret = null }) => ({
  method, url, headers, secret, text: body,
});
/** A file will have this text, all of it. */
export const willWrite = (path, text) => ({ path, text });
/** A file, or an empty folder, will be gone. */
export const willDelete = (path) => ({ path, delete: true });

function previewed({ tool: name, args }) {
  const preview = tools.get(name)?.preview;
  if (!preview) throw new InvalidInput(`${name} has no preview`);
  const effects = preview(args);
  return { files: effects.filter((each) => "path" in each), requests: effects.filter((each) => !("path" in each)) };
}

export const string = (description, more = {}) => ({ type: "string", description, ...more });
export const integer = (description, more = {}) => ({ type: "integer", description, ...more });
export const number = (description, more = {}) => ({ type: "number", description, ...more });
export const boolean = (description, more = {}) => ({ type: "boolean", description, ...more });
export const oneOf = (values, description, more = {}) => ({ enum: values, description, ...more });
export const list = (items, description, more = {}) => ({ type: "array", items, description, ...more });
export const object = (description, more = {}) => ({ type: "object", description, ...more });
/** An argument that may be missing and has no default. */
export const optional = (schema) => ({ ...schema, [MISSING]: true });
const MISSING = Symbol("may be missing");

/** What each tool says of itself: {name: {description, schema}}, read when the toolbox is built. */
export function describe() {
  return Object.fromEntries([...tools].map(([name, each]) => [name, described(each)]));
}

function described({ description, args }) {
  if (typeof description !== "string" || !description.trim()) return { fault: "it needs a description" };
  const required = Object.keys(args).filter((key) => !("default" in args[key]) && !args[key][MISSING]);
  const schema = { type: "object", additionalProperties: false, required, properties: args };
  return { description: description.replace(/\s+/g, " ").trim(), schema };
}

/** The world's export. */
export function run(name, input) {
  try {
    return encode(name, find(name)(decode(input)));
  } catch (error) {
    if (!(error instanceof Failure)) tellAuthor(error);
    const failure = error instanceof Failure ? error : new Internal(`${errorName(error)} in ${name}`);
    throw { tag: failure.constructor.tag, val: wellFormed(failure.message) };
  }
}

/** To the host's debug log, of which `ironclaw tool test` shows these lines; nobody else is told. */
function tellAuthor(error) {
  try {
    host.log("debug", wellFormed(`${FOR_AUTHOR}${error}\n${error?.stack ?? ""}`.slice(0, 1900)));
  } catch {
    // Memory may be what broke the tool.
  }
}

function find(name) {
  if (name === WARM) return () => ({});
  if (name === PREVIEW) return previewed;
  const found = tools.get(name);
  if (!found) throw new InvalidInput(`this toolbox has no tool ${name}`);
  return found.action;
}

function decode(input) {
  let value;
  try {
    value = JSON.parse(input);
  } catch {
    throw new InvalidInput("the input is no JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new InvalidInput("the input must be a JSON object");
  }
  return value;
}

function encode(name, result) {
  if (result instanceof Promise) throw new Internal(`${name} is async; tools are ordinary functions`);
  const text = JSON.stringify(result ?? null);
  if (text === undefined) throw new Internal("the result is no JSON");
  return wellFormed(text);
}

/** A lone surrogate has no form in WIT. */
const wellFormed = (text) => String(text).toWellFormed();

/** The error's name; that of Python for the one that the host tells apart. */
function errorName(error) {
  if (error?.message === "out of memory") return "MemoryError";
  return error instanceof Error ? error.name : typeof error;
}

/**
 * Ask the host to send a request: {method, url, headers, body, secret}, body a string or bytes.
 * Gives {status, headers, body, text}, header names in lower case, text null for what is no UTF-8; throws
 * Denied or Unavailable.
 */
export function http({ method = "GET", url, headers = {}, body = "", secret = null }) {
  const pairs = Object.entries(headers).map(([name, value]) => ({ name, value }));
  try {
    const answer = host.http({ method, url, headers: pairs, body: asBytes(body), secret });
    const found = Object.fromEntries(answer.headers.map(({ name, value }) => [name.toLowerCase(), value]));
    const bytes = new Uint8Array(answer.body);
    return new Response(answer.status, found, bytes);
  } catch (error) {
    throw refusal(error);
  }
}

class Response {
  #text;
  constructor(status, headers, body) {
    Object.assign(this, { status, headers, body });
  }
  /** Read when it is asked for: it costs some 1,000 fuel a byte. */
  get text() {
    return (this.#text ??= decodeUtf8(this.body));
  }
}

function refusal(error) {
  const said = error?.payload ?? error;
  if (said?.tag === "denied") return new Denied(said.val);
  return said?.tag === "unavailable" ? new Unavailable(said.val) : error;
}

/** Write a line to the host's log: debug, info, warn or error. */
export const log = (message, level = "info") => host.log(level, wellFormed(message));
/** Milliseconds since 1970, constant during one call. */
export const nowMs = () => Number(host.now());
/** Random bytes, at most 65,536. */
export const randomBytes = (count) => new Uint8Array(host.random(count));

const asBytes = (body) => (typeof body === "string" ? encodeUtf8(body) : body);

// The engine has no TextEncoder; unescape and escape are its own functions between UTF-8 and latin letters.
const encodeUtf8 = (text) => bytesOf(unescape(encodeURIComponent(wellFormed(text))));

function bytesOf(latin) {
  const bytes = new Uint8Array(latin.length);
  for (let at = 0; at < latin.length; at++) bytes[at] = latin.charCodeAt(at);
  return bytes;
}

const HIGH = /[\x80-\xff]/;
const PART = 4096; // How many arguments a function may get at once.

/** UTF-8 as text; null where it is none. */
function decodeUtf8(bytes) {
  let latin = "";
  for (let at = 0; at < bytes.length; at += PART) {
    latin += String.fromCharCode.apply(null, bytes.subarray(at, at + PART));
  }
  try {
    return HIGH.test(latin) ? decodeURIComponent(escape(latin)) : latin;
  } catch {
    return null;
  }
}
