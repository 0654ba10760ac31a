"""The quirks of servers, as data.  Whatever is said of a server here is documented by it or in its issues."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

OPENAI_URL = "https://api.openai.com/v1"
AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server."""

    name: str
    has_responses: bool = False  #: "auto" speaks Responses with it.
    streams: bool = True  #: Text is streamed where no tool is offered.
    streams_tools: bool = False  #: Also where tools are offered: its deltas can be trusted to be whole.
    is_strict: bool = False  #: Keeps to a schema that is marked strict.
    parallel: bool | None = None  #: What it is told of parallel calls; None: it does not know the key.
    output_key: str = "max_tokens"  #: Of Chat Completions: the limit of a turn's tokens.
    counts_streams: bool = True  #: Counts a stream's tokens when it is asked to.
    knows_store: bool = False  #: Of Chat Completions: knows ``store`` and ``safety_identifier``.
    takes_num_ctx: bool = False  #: May be asked for a context, in tokens.
    tool_choice: bool = True  #: "required" and a tool's name hold: a probe may insist on a call.


OPENAI = Profile(
    "openai",
    has_responses=True,
    streams_tools=True,
    is_strict=True,
    parallel=True,
    output_key="max_completion_tokens",
    knows_store=True,
)
#: The deployment's name is the model.  A content filter answers 400, or ends a reply.
AZURE = Profile(
    "azure", streams_tools=True, is_strict=True, parallel=True, output_key="max_completion_tokens"
)
#: Drops or mis-indexes streamed tool calls (ollama 7881, 9632, 12557, 15457), ignored tool_choice for long.
OLLAMA = Profile("ollama", takes_num_ctx=True, tool_choice=False)
#: 400 for tools unless it was started with --enable-auto-tool-choice and --tool-call-parser.
VLLM = Profile("vllm", streams_tools=True, parallel=True)
#: One call a turn unless asked otherwise; whether more go well is up to a model's template, so we do not ask.
LLAMACPP = Profile("llamacpp", streams_tools=True)
#: Any other: only what every server has.
COMPATIBLE = Profile("compatible", counts_streams=False)

PROFILES = {each.name: each for each in (OPENAI, AZURE, OLLAMA, VLLM, LLAMACPP, COMPATIBLE)}


def profile_of(name: str, base_url: str) -> Profile:
    """The profile of that name; of "auto" the one that the address tells: no guess beyond that.

    :param base_url: "" for OpenAI itself
    """
    if name != "auto":
        return PROFILES[name]
    parts = urlsplit(base_url or OPENAI_URL)
    host = parts.hostname or ""
    if host == "api.openai.com":
        return OPENAI
    if host.endswith(AZURE_HOSTS):
        return AZURE
    return OLLAMA if parts.port == OLLAMA_PORT else COMPATIBLE
