// The tools of the conformance suite, in JavaScript.
import * as ironclaw from "ironclaw";
import { integer, oneOf, string, tool } from "ironclaw";

const FAILURES = {
  invalid_input: ironclaw.InvalidInput,
  denied: ironclaw.Denied,
  unavailable: ironclaw.Unavailable,
  internal: ironclaw.Internal,
};
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
let calls = 0;

tool("conform.echo", "Give the value back.", { value: { description: "any JSON" } }, ({ value }) => value);

tool(
  "conform.defaults",
  "Give the arguments back, as they came.",
  { word: string("a word", { default: "x" }), number: integer("a number", { default: 7 }) },
  (args) => args,
);

tool("conform.empty", "Take nothing, give an empty object.", {}, () => ({}));

tool(
  "conform.fail",
  "Fail in the way that is asked for.",
  { kind: oneOf(Object.keys(FAILURES), "which failure"), message: string("its message") },
  ({ kind, message }) => {
    throw new FAILURES[kind](message);
  },
);

tool("conform.big", "Give a string of so many x.", { length: integer("how many") }, ({ length }) => "x".repeat(length));

tool("conform.size", "Say how many bytes of UTF-8 a text has.", { text: string("the text") }, ({ text }) =>
  Array.from(text).reduce((sum, char) => sum + utf8Size(char.codePointAt(0)), 0),
);

const utf8Size = (code) => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);

tool(
  "conform.log",
  "Write a line to the log.",
  { level: oneOf(["debug", "info", "warn", "error"], "how bad it is"), message: string("the line") },
  ({ level, message }) => ironclaw.log(message, level),
);

tool("conform.clock", "Give the time in milliseconds, and whether asking again gives the same.", {}, () => ({
  ms: ironclaw.nowMs(),
  stands: ironclaw.nowMs() === ironclaw.nowMs(),
}));

tool("conform.random", "Give so many random bytes as hex digits.", { count: integer("how many") }, ({ count }) =>
  hex(ironclaw.randomBytes(count)),
);

tool("conform.count", "Say how often this was called in one instance.", {}, () => ++calls);

tool("conform.spin", "Never end.", {}, () => {
  for (;;);
});

tool("conform.hoard", "Take memory until there is none.", {}, () => {
  const taken = [];
  for (;;) taken.push(new Uint8Array(1 << 20).fill(1));
});

tool(
  "conform.http",
  "Send a request; give status, content-type and the body as hex digits.",
  {
    method: string("such as GET"),
    url: string("where to"),
    accept: string("the header of this name, if not empty", { default: "" }),
    body: string("what to send", { default: "" }),
    secret: string("the name of a secret, if not empty", { default: "" }),
  },
  ({ method, url, accept, body, secret }) => {
    const headers = accept ? { accept } : {};
    const answer = ironclaw.http({ method, url, headers, body, secret: secret || null });
    return { status: answer.status, type: answer.headers["content-type"] ?? "", body: hex(answer.body) };
  },
);
