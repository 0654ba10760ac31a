// The tools of the conformance suite, in C.
#include "ironclaw_json.h"

static ic_text text_of(ic_text input, const char *key) {
  ic_text text = ic_str("");
  ic_string(input, key, &text);
  return text;
}

static ic_text hex(ic_text bytes) {
  char *start = ic_alloc(bytes.len * 2 + 1), *to = start;
  for (size_t at = 0; at < bytes.len; at++) to += sprintf(to, "%02x", (unsigned char)bytes.ptr[at]);
  return (ic_text){start, (size_t)(to - start)};
}

static ic_result echo(ic_text input) {
  ic_text value = ic_member(input, "value");
  return value.ptr ? ic_ok(value) : ic_fail(IC_INVALID_INPUT, ic_str("value is missing"));
}

static ic_result defaults(ic_text input) { return ic_ok(input); }
static ic_result empty(ic_text input) { return ic_ok(ic_str("{}")); }

static ic_result fail(ic_text input) {
  static const char *const kinds[] = {"invalid_input", "denied", "unavailable", "internal"};
  ic_text kind = text_of(input, "kind");
  for (int at = 0; at < 4; at++)
    if (ic_is(kind, kinds[at])) return ic_fail((ic_kind)at, text_of(input, "message"));
  return ic_fail(IC_INVALID_INPUT, ic_str("there is no such kind"));
}

static ic_result big(ic_text input) {
  size_t length = (size_t)ic_number(input, "length", 0);
  char *text = ic_alloc(length);
  memset(text, 'x', length);
  return ic_ok(ic_quote((ic_text){text, length}));
}

static ic_result size(ic_text input) { return ic_ok(ic_format("%zu", text_of(input, "text").len)); }

static ic_result write_log(ic_text input) {
  static const char *const levels[] = {"debug", "info", "warn", "error"};
  ic_text level = text_of(input, "level");
  for (int at = 0; at < 4; at++)
    if (ic_is(level, levels[at])) ic_log((ic_level)at, text_of(input, "message"));
  return ic_ok(ic_str("null"));
}

static ic_result tell_time(ic_text input) {
  unsigned long long now = ic_now();
  return ic_ok(ic_format("{\"ms\":%llu,\"stands\":%s}", now, now == ic_now() ? "true" : "false"));
}

static ic_result some_random(ic_text input) {
  return ic_ok(ic_quote(hex(ic_random((uint32_t)ic_number(input, "count", 0)))));
}

static ic_result count(ic_text input) {
  static int calls;
  return ic_ok(ic_format("%d", ++calls));
}

static ic_result spin(ic_text input) {
  for (volatile int at = 0;; at++) {}
}

static ic_result hoard(ic_text input) {
  volatile char *taken;  // Volatile: a compiler may leave out memory that nobody looks at.
  for (;;) {
    taken = ic_alloc(1 << 20);
    for (size_t at = 0; at < 1 << 20; at += 4096) taken[at] = 1;
  }
}

static ic_result ask(ic_text input) {
  ic_header accept = {ic_str("accept"), text_of(input, "accept")};
  ic_text secret = text_of(input, "secret");
  if (!secret.len) secret.ptr = NULL;
  ic_response answer = ic_http(text_of(input, "method"), text_of(input, "url"),
                               (ic_headers){&accept, accept.value.len ? 1 : 0}, text_of(input, "body"), secret);
  if (answer.is_refused) return ic_refused(answer);
  ic_text type = ic_str("");
  for (size_t at = 0; at < answer.response.headers.len; at++)
    if (ic_is(answer.response.headers.ptr[at].name, "content-type")) type = answer.response.headers.ptr[at].value;
  ic_text quoted = ic_quote(type), body = hex(answer.response.body);
  return ic_ok(ic_format("{\"status\":%d,\"type\":%.*s,\"body\":\"%.*s\"}", answer.response.status,
                         (int)quoted.len, quoted.ptr, (int)body.len, body.ptr));
}

IC_TOOLS({"conform.echo", echo}, {"conform.defaults", defaults}, {"conform.empty", empty}, {"conform.fail", fail},
         {"conform.big", big}, {"conform.size", size}, {"conform.log", write_log}, {"conform.clock", tell_time},
         {"conform.random", some_random}, {"conform.count", count}, {"conform.spin", spin},
         {"conform.hoard", hoard}, {"conform.http", ask})
