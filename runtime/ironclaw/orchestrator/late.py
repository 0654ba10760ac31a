"""Nothing is filled in after a person has said yes: what is approved is what runs."""

from __future__ import annotations

import re

from ironclaw.task import Opinion, Risk, ToolCall, Verdict

_EARLIER = r"(result|output|observation)[\w.\[\]]*"
#: What models write that learned to refer to earlier results: $RESULT_0, ${output.text}, {{step1.result}}.
PLACEHOLDER = re.compile(rf"\$\{{?{_EARLIER}\}}?|\{{\{{\s*[\w.\[\]]*{_EARLIER}\s*\}}\}}", re.IGNORECASE)


def late_bound(call: ToolCall) -> Opinion | None:
    """Advice where a call that people are asked about counts on being completed later; else None."""
    found = PLACEHOLDER.search(call.args) if call.risk is Risk.HIGH else None
    if found is None:
        return None
    return Opinion(
        Verdict.CORRECT,
        "late-binding",
        f"{found[0]} would be sent as it stands here: nothing is filled in later. Write the value itself.",
    )
