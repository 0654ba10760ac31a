// As much JSON as a tool needs.  The host has checked the input against the schema before a tool sees it.
#ifndef IRONCLAW_JSON_H
#define IRONCLAW_JSON_H
#include "ironclaw.h"

static inline const char *ic_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

// The end of the string that begins at its quote; 0 where it has none.
static inline const char *ic_string_end(const char *at, const char *end) {
  for (at++; at < end; at++) {
    if (*at == '\\') at++;
    else if (*at == '"') return at + 1;
  }
  return NULL;
}

// The end of the value that begins here: quotes are minded and brackets are counted, nothing is judged.
static inline const char *ic_value_end(const char *at, const char *end) {
  int depth = 0;
  while (at < end) {
    if (*at == '"') {
      if (!(at = ic_string_end(at, end))) return NULL;
      if (!depth) return at;
      continue;
    }
    if (!depth && (*at == ',' || *at == '}' || *at == ']')) return at;
    if (*at == '{' || *at == '[') depth++;
    if ((*at == '}' || *at == ']') && !--depth) return at + 1;
    at++;
  }
  return depth ? NULL : at;
}

// The JSON text of an object's member; ptr 0 where there is none, or no object.
static inline ic_text ic_member(ic_text object, const char *key) {
  const char *end = object.ptr + object.len, *at = ic_space(object.ptr, end);
  if (at == end || *at != '{') return (ic_text){0};
  for (at = ic_space(at + 1, end); at < end && *at == '"'; at = ic_space(at + 1, end)) {
    const char *name = at + 1, *name_end = ic_string_end(at, end);
    if (!name_end) break;
    at = ic_space(name_end, end);
    if (at == end || *at != ':') break;
    const char *value = ic_space(at + 1, end);
    if (!(at = ic_value_end(value, end))) break;
    if (ic_is((ic_text){name, name_end - 1 - name}, key)) {
      while (at > value && ic_space(at - 1, at) == at) at--;
      return (ic_text){value, at - value};
    }
    if ((at = ic_space(at, end)) == end || *at != ',') break;
  }
  return (ic_text){0};
}

static inline int ic_hex(const char *at) {
  int value = 0;
  for (int i = 0; i < 4; i++) {
    char c = at[i] | 0x20;
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return -1;
    value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return value;
}

static inline char *ic_utf8(char *to, uint32_t code) {
  if (code < 0x80) return *to++ = (char)code, to;
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  *to++ = (char)((0xFF00 >> (more + 1)) | (code >> (6 * more)));
  while (more--) *to++ = (char)(0x80 | ((code >> (6 * more)) & 0x3F));
  return to;
}

// A JSON string's text without its escapes; false where it is no string.
static inline bool ic_unquote(ic_text json, ic_text *text) {
  if (json.len < 2 || json.ptr[0] != '"' || json.ptr[json.len - 1] != '"') return false;
  char *start = ic_alloc(json.len), *to = start;
  const char *at = json.ptr + 1, *end = json.ptr + json.len - 1;
  while (at < end) {
    if (*at != '\\') { *to++ = *at++; continue; }
    static const char from[] = "\"\\/bfnrt", what[] = "\"\\/\b\f\n\r\t";
    char kind = at + 1 < end ? at[1] : 0;
    const char *found = kind ? strchr(from, kind) : NULL;
    if (found) { *to++ = what[found - from]; at += 2; continue; }
    int code = kind == 'u' && end - at >= 6 ? ic_hex(at + 2) : -1;
    if (code < 0) return false;
    at += 6;
    if (code >= 0xD800 && code < 0xE000) {
      int low = end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? ic_hex(at + 2) : -1;
      if (code >= 0xDC00 || low < 0xDC00 || low >= 0xE000) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      at += 6;
    }
    to = ic_utf8(to, (uint32_t)code);
  }
  *text = (ic_text){start, (size_t)(to - start)};
  return true;
}

// A string member's text; false where there is none.
static inline bool ic_string(ic_text object, const char *key, ic_text *text) {
  return ic_unquote(ic_member(object, key), text);
}
// Whether a member is true.
static inline bool ic_true(ic_text object, const char *key) { return ic_is(ic_member(object, key), "true"); }
// A number member, or the other value where there is none.
static inline double ic_number(ic_text object, const char *key, double otherwise) {
  ic_text found = ic_member(object, key);
  char text[40] = {0};
  if (!found.ptr || found.len >= sizeof text) return otherwise;
  memcpy(text, found.ptr, found.len);
  char *end;
  double value = strtod(text, &end);
  return end == text ? otherwise : value;
}

// Text as a JSON string.
static inline ic_text ic_quote(ic_text text) {
  char *start = ic_alloc(text.len * 6 + 2), *to = start;
  *to++ = '"';
  for (size_t at = 0; at < text.len; at++) {
    unsigned char c = (unsigned char)text.ptr[at];
    if (c == '"' || c == '\\') *to++ = '\\';
    if (c < 0x20) to += sprintf(to, "\\u%04x", c);
    else *to++ = (char)c;
  }
  *to++ = '"';
  return (ic_text){start, (size_t)(to - start)};
}
#endif
