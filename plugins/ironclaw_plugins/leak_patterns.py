"""How well-known kinds of tokens look, for those that nobody told us.

Each pattern has a keyword, looked for first: a text without it costs two microseconds per kind and
10 KB.  Repeats are bounded and starts are guarded, so that no text makes a search quadratic.
No pattern guesses from randomness alone: digests, ids and page tokens stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Before a token stands no letter and no digit, but for the end of an escape: ``\\n``, ``\\u0022``, ``%3D``.
_BEFORE = (
    r"(?<![A-Za-z0-9]{0})",
    r"(?<=\\[nrtbf]{0})",
    r"(?<=\\u[0-9A-Fa-f]{{4}}{0})",
    r"(?<=%[0-9A-Fa-f]{{2}}{0})",
)
_SLASH = r"(?:/|\\/|%2[Ff])"
_COLON = r"(?::|%3[Aa])"
_SLASHES = _COLON + _SLASH + _SLASH
_USER = r"[^\s/@:\"'<>]{0,100}"
_PASSWORD = _COLON + r"[^\s/@\"'<>]{1,300}(?:@|%40)"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of token."""

    name: str
    keywords: tuple[str, ...]  #: A text without any of them holds no such token.
    pattern: re.Pattern[str]  #: Its group ``keep``, if any, is what only leads to the token.

    @property
    def mark(self) -> str:
        """What stands in its place, as a template for ``re.sub``."""
        return (r"\g<keep>" if "keep" in self.pattern.groupindex else "") + f"[redacted: {self.name}]"


def _kind(name: str, keywords: str, pattern: str, first: str = "") -> Kind:
    """:param keywords: words with spaces between
    :param first: the letter that the token begins with, when there is only one: the search jumps to it
    """
    before = "|".join(guard.format(first) for guard in _BEFORE)
    return Kind(name, tuple(keywords.split()), re.compile(f"{first}(?:{before}){pattern}"))


KINDS = (
    _kind("private_key", "PRIVATE", r"----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"
          r"(?:[^-\"]|-(?!----)){0,8000}(?:-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----)?", "-"),
    _kind("slack_webhook", "hooks.slack.com", rf"(?:https?{_SLASHES})?hooks\.slack\.com{_SLASH}"
          rf"(?:services|workflows|triggers)(?:{_SLASH}[A-Za-z0-9]{{6,80}}){{2,4}}"),
    _kind("slack_token", "xox", r"ox[a-z](?:\.xox[a-z])?-(?=[A-Za-z-]{0,40}[0-9])[A-Za-z0-9-]{10,400}", "x"),
    _kind("slack_app_token", "xapp-", r"app-[0-9]-[A-Za-z0-9-]{10,200}", "x"),
    _kind("anthropic_key", "sk-ant-", r"k-ant-[A-Za-z0-9_-]{20,200}", "s"),
    _kind("openai_key", "sk-", r"k-(?:proj-|svcacct-|admin-|or-v1-)[A-Za-z0-9_-]{20,300}", "s"),
    _kind("openai_key", "sk-", r"k-(?=[A-Za-z]{0,60}[0-9])[A-Za-z0-9]{20,100}", "s"),
    _kind("aws_access_key_id", "AKIA ASIA", r"(?:KI|SI)A[A-Z0-9]{16}(?![A-Za-z0-9])", "A"),
    _kind("aws_secret_key", "aws Aws AWS SecretAccess secretAccess",
          r"(?P<keep>(?i:(?:aws_?)?secret_?(?:access_?)?key)[\\\"']{0,4}\s{0,4}[:=]\s{0,4}[\\\"']{0,4})"
          r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"),
    _kind("github_token", "ghp_ gho_ ghr_ ghs_ ghu_", r"h[oprsu]_[A-Za-z0-9]{36,255}", "g"),
    _kind("github_token", "github_pat_", r"ithub_pat_[A-Za-z0-9_]{22,255}", "g"),
    _kind("gitlab_token", "glpat- gldt- glrt- glptt-", r"l(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,100}", "g"),
    _kind("google_api_key", "AIza", r"Iza[A-Za-z0-9_-]{35}", "A"),
    _kind("google_oauth", "ya29.", r"a29\.[A-Za-z0-9_-]{20,400}", "y"),
    _kind("google_oauth_secret", "GOCSPX-", r"OCSPX-[A-Za-z0-9_-]{28}", "G"),
    _kind("jwt", "eyJ", r"yJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{0,1000}", "e"),
    _kind("sendgrid_key", "SG.", r"G\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", "S"),
    _kind("stripe_key", "sk_ rk_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,247}"),
    _kind("webhook_secret", "whsec_", r"hsec_[A-Za-z0-9+/]{24,88}={0,2}", "w"),
    _kind("npm_token", "npm_", r"pm_[A-Za-z0-9]{36}", "n"),
    _kind("pypi_token", "pypi-", r"ypi-[A-Za-z0-9_-]{50,300}", "p"),
    _kind("huggingface_token", "hf_", r"f_[A-Za-z0-9]{30,60}", "h"),
    _kind("twilio_key", "SK", r"K[0-9a-f]{32}(?![0-9a-f])", "S"),
    _kind("telegram_token", ":AA", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    _kind("digitalocean_token", "_v1_", r"o[opr]_v1_[a-f0-9]{64}", "d"),
    _kind("shopify_token", "shp", r"hp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", "s"),
    _kind("databricks_token", "dapi", r"api[a-f0-9]{32}", "d"),
    _kind("vault_token", "hvs. hvb. hvr.", r"v[sbr]\.[A-Za-z0-9_-]{24,300}", "h"),
    _kind("azure_key", "AccountKey=", r"ccountKey=[A-Za-z0-9+/]{86}==", "A"),
    _kind("age_key", "AGE-SECRET-KEY-", r"GE-SECRET-KEY-1[A-Z0-9]{58}", "A"),
    _kind("atlassian_token", "ATATT3", r"TATT3[A-Za-z0-9_=-]{50,400}", "A"),
    _kind("bearer_token", "Bearer bearer BEARER",
          r"(?i:bearer)(?:\s|%20|\+){1,4}(?=[A-Za-z._~+/-]{0,200}[0-9])[A-Za-z0-9._~+/-]{20,2000}={0,2}"),
    _kind("basic_credentials", "Basic basic",
          r"(?i:basic)\s{1,4}(?=[A-Za-z+/]{0,200}[0-9])[A-Za-z0-9+/]{16,2000}={0,2}"),
    _kind("db_url", "postgres mysql mariadb mongodb redis amqp mssql clickhouse",
          r"(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|clickhouse)"
          rf"(?:\+[a-z0-9]{{1,20}})?{_SLASHES}{_USER}{_PASSWORD}[^\s\"'<>]{{0,400}}"),
    _kind("url_password", "@ %40", rf"(?:https?|ftps?|ssh){_SLASHES}{_USER}{_PASSWORD}"),
)  # fmt: skip


def redact(text: str) -> str:
    """The text with ``[redacted: kind]`` in place of each token of a known kind."""
    for kind in KINDS:
        if any(keyword in text for keyword in kind.keywords):
            text = kind.pattern.sub(kind.mark, text)
    return text
