// The tools of NAME.
#include "ironclaw_json.h"

// Whether a text has nothing but spaces in it.
static bool is_blank(ic_text text) {
  for (size_t at = 0; at < text.len; at++)
    if (text.ptr[at] != ' ') return false;
  return true;
}

static ic_result greet(ic_text input) {
  ic_text name;
  if (!ic_string(input, "name", &name) || is_blank(name))
    return ic_fail(IC_INVALID_INPUT, ic_str("name is empty"));
  const char *end = ic_true(input, "loudly") ? "!" : ".";
  return ic_ok(ic_quote(ic_format("Hello, %.*s%s", (int)name.len, name.ptr, end)));
}

IC_TOOLS({"NAME.greet", greet})
