// Alertmanager's API, version 2: one request, and what its answer means when it is no success.
import { Denied, http, Internal, InvalidInput, Unavailable } from "ironclaw";

const SECRET = "alertmanager"; // Where the tenant has it, it goes along.
const NOT_LENT = /^There is no secret |^The secret alertmanager is not for /;
const BASE = /^https?:\/\/[a-zA-Z0-9.-]+(:[0-9]{1,5})?$/;
const MAX_SAID = 300; // Characters of Alertmanager's own words in a failure.

/** Read something; query is a list of [name, value]. */
export function get(url, path, query = []) {
  const words = query.map((pair) => pair.map(encodeURIComponent).join("="));
  const text = success(ask({ method: "GET", url: address(url, path) + (words.length ? `?${words.join("&")}` : "") }));
  return parsed(text);
}

export function send(url, path, body) {
  const headers = { "content-type": "application/json" };
  return parsed(success(ask({ method: "POST", url: address(url, path), headers, body: JSON.stringify(body) })));
}

/** Remove something; that it is gone already is no failure. */
export function remove(url, path) {
  const answer = ask({ method: "DELETE", url: address(url, path) });
  const isGone = answer.status >= 400 && /already expired/.test(answer.text ?? "");
  return isGone ? "" : success(answer);
}

function address(url, path) {
  const base = url.replace(/\/$/, "");
  if (!BASE.test(base)) throw new InvalidInput("url must be like https://alerts.example.com, without a path");
  return base + path;
}

/** With the secret where the tenant has one for this request, else without: many need none. */
function ask(request) {
  try {
    return once({ ...request, secret: SECRET });
  } catch (error) {
    // Only what the host says before it sends anything: nothing may be sent twice.
    if (error instanceof Denied && NOT_LENT.test(error.message)) return once(request);
    throw error;
  }
}

/** One request; where no answer came and something may have changed, the failure says so. */
function once(request) {
  try {
    return http(request);
  } catch (error) {
    if (request.method === "GET" || !(error instanceof Unavailable)) throw error;
    throw new Unavailable(`${error.message} It may have happened all the same: look before you repeat it.`);
  }
}

function success(answer) {
  if (answer.status >= 200 && answer.status < 300) return answer.text;
  throw failure(answer.status, said(answer.text));
}

/** What another answer than success means, in a sentence that says what to do. */
function failure(status, words) {
  if (status === 401 || status === 403) {
    return new Denied(
      `Alertmanager wants to know who asks (${status}). An operator gives the credentials with ` +
        `\`ironclaw secrets set ${SECRET}\`, bound to this host, method and path.`,
    );
  }
  if (status === 400 || status === 422) return new InvalidInput(`Alertmanager refuses these values.${words}`);
  if (status === 404) return new InvalidInput(`There is no such silence, or no Alertmanager at this address.${words}`);
  if (status >= 300 && status < 400) return new Denied("The address leads elsewhere: name the one that it leads to.");
  if (status >= 500) return new Unavailable(`Alertmanager has a fault of its own (${status}).${words}`);
  return new Internal(`Alertmanager answered ${status}, which this tool does not know.${words}`);
}

/** Alertmanager's own words: a JSON text, or {message}, or plain text. */
function said(text) {
  let found = text ?? "";
  try {
    found = JSON.parse(found);
    found = typeof found === "string" ? found : (found?.message ?? "");
  } catch {
    // Plain text, then.
  }
  return found ? ` It says: ${String(found).slice(0, MAX_SAID)}` : "";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unavailable("What answers at this address is no Alertmanager: its answer is no JSON.");
  }
}
