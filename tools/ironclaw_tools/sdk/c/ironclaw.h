// What a C toolbox is written with: the plain ABI of wit/ironclaw.wit.  Include it in one file.
//
//     #include "ironclaw.h"
//     static ic_result greet(ic_text input) { ... return ic_ok(ic_quote(text)); }
//     IC_TOOLS({"hello.greet", greet})
//
// input and output are JSON text; ironclaw_json.h reads and writes it.  Nothing has to be freed: each call
// gets a fresh instance, which is thrown away.
#ifndef IRONCLAW_H
#define IRONCLAW_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { const char *ptr; size_t len; } ic_text;  // UTF-8, without an end mark; ptr 0 for none.
typedef struct { ic_text name, value; } ic_header;
typedef struct { ic_header *ptr; size_t len; } ic_headers;
typedef enum { IC_DEBUG, IC_INFO, IC_WARN, IC_ERROR } ic_level;
typedef enum { IC_INVALID_INPUT, IC_DENIED, IC_UNAVAILABLE, IC_INTERNAL } ic_kind;

// result<string, failure> as it lies in memory.
typedef struct {
  uint8_t is_failure;
  union { ic_text output; struct { uint8_t kind; ic_text message; } failure; };
} ic_result;

// result<response, refusal> as it lies in memory.
typedef struct {
  uint8_t is_refused;
  union {
    struct { uint16_t status; ic_headers headers; ic_text body; } response;
    struct { uint8_t is_unavailable; ic_text message; } refusal;
  };
} ic_response;

#define IC_HOST(name) __attribute__((import_module("ironclaw:tool/host@1.0.0"), import_name(name)))
IC_HOST("log") void ic_host_log(ic_level level, const char *message, size_t len);
IC_HOST("http") void ic_host_http(const char *method, size_t method_len, const char *url, size_t url_len,
                                  const ic_header *headers, size_t headers_len, const char *body,
                                  size_t body_len, int has_secret, const char *secret, size_t secret_len,
                                  ic_response *answer);
// Milliseconds since 1970, constant during one call.
IC_HOST("now") uint64_t ic_now(void);
IC_HOST("random") void ic_host_random(uint32_t count, ic_text *bytes);

// Memory that is there; without any left the call ends as trapped.
static inline void *ic_alloc(size_t size) {
  void *found = malloc(size ? size : 1);
  if (!found) __builtin_trap();
  return found;
}

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align,
                                                                size_t size) {
  (void)old_size, (void)align;  // malloc aligns by 16, which is more than any type here needs.
  void *found = realloc(old, size ? size : 1);
  if (!found) __builtin_trap();
  return found;
}

static inline ic_text ic_str(const char *text) { return (ic_text){text, strlen(text)}; }
static inline bool ic_is(ic_text text, const char *other) {
  return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

// Text as by printf.
__attribute__((format(printf, 1, 2))) static inline ic_text ic_format(const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  char *text = ic_alloc(len + 1);
  vsnprintf(text, len + 1, format, again);
  va_end(again);
  va_end(args);
  return (ic_text){text, len};
}

// What a tool returns: JSON text, or a typed failure with a message for the model and for people.
static inline ic_result ic_ok(ic_text json) { return (ic_result){.output = json}; }
static inline ic_result ic_fail(ic_kind kind, ic_text message) {
  return (ic_result){.is_failure = 1, .failure = {kind, message}};
}

static inline void ic_log(ic_level level, ic_text message) { ic_host_log(level, message.ptr, message.len); }
// At most 65,536 random bytes.
static inline ic_text ic_random(uint32_t count) {
  ic_text bytes;
  ic_host_random(count, &bytes);
  return bytes;
}
// Ask the host to send a request.  secret: the name of one that the manifest declares, ptr 0 for none.
static inline ic_response ic_http(ic_text method, ic_text url, ic_headers headers, ic_text body,
                                  ic_text secret) {
  ic_response answer;
  ic_host_http(method.ptr, method.len, url.ptr, url.len, headers.ptr, headers.len, body.ptr, body.len,
               secret.ptr != NULL, secret.ptr, secret.len, &answer);
  return answer;
}
// The failure that a refused request is.
static inline ic_result ic_refused(ic_response answer) {
  return ic_fail(answer.refusal.is_unavailable ? IC_UNAVAILABLE : IC_DENIED, answer.refusal.message);
}

typedef struct { const char *name; ic_result (*run)(ic_text input); } ic_tool;

// Whether the text begins and ends as an object does.
static inline bool ic_is_object(ic_text json) {
  const char *space = " \t\n\r";
  while (json.len && strchr(space, json.ptr[json.len - 1])) json.len--;
  while (json.len && strchr(space, *json.ptr)) json.ptr++, json.len--;
  return json.len >= 2 && json.ptr[0] == '{' && json.ptr[json.len - 1] == '}';
}

static inline ic_result ic_dispatch(const ic_tool *tools, size_t count, ic_text name, ic_text input) {
  // Called before a tenant is known, so that the next call finds its code paged in.
  if (ic_is(name, "ironclaw.warm")) return ic_ok(ic_str("{}"));
  if (!ic_is_object(input)) return ic_fail(IC_INVALID_INPUT, ic_str("the input must be a JSON object"));
  for (size_t at = 0; at < count; at++)
    if (ic_is(name, tools[at].name)) return tools[at].run(input);
  return ic_fail(IC_INVALID_INPUT, ic_format("this toolbox has no tool %.*s", (int)name.len, name.ptr));
}

// The world's export; write it once, with every tool.
#define IC_TOOLS(...)                                                                              \
  static const ic_tool ic_tools[] = {__VA_ARGS__};                                                 \
  __attribute__((export_name("run"))) ic_result *ic_run(const char *name, size_t name_len,         \
                                                        const char *input, size_t input_len) {     \
    ic_result *result = ic_alloc(sizeof *result);                                                  \
    *result = ic_dispatch(ic_tools, sizeof ic_tools / sizeof *ic_tools, (ic_text){name, name_len}, \
                          (ic_text){input, input_len});                                            \
    return result;                                                                                 \
  }
#endif
