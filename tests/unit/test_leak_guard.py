"""The leak guard: configured values in any form, well-known tokens, and nothing else."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
import zlib
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fakes.services import PlainServices

from ironclaw.redaction import TOO_PACKED, Values
from ironclaw.settings import Settings
from ironclaw_plugins.leak_guard import LeakGuard, secrets_of
from ironclaw_plugins.leak_patterns import KINDS

VALUE = 'n0t/a+real\\se"cret=' + "7f3a9c"
MARK = "[redacted: openai_api_key]"


def guard(value: str = VALUE) -> LeakGuard:
    return LeakGuard(PlainServices(Settings.model_validate({"openai_api_key": value})))


def redacted(text: str) -> str:
    found = guard().ironclaw_redact("t1", text)
    return text if found is None else found


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        json.dumps(VALUE)[1:-1],
        json.dumps(json.dumps(VALUE))[3:-3],
        quote(VALUE, safe=""),
        quote(quote(VALUE, safe=""), safe=""),
        "".join(f"\\u{ord(char):04X}" for char in VALUE),
        VALUE.upper(),
        VALUE[::-1],
        "\n".join(VALUE),
        "\\n".join(VALUE[at : at + 5] for at in range(0, len(VALUE), 5)),
        "\u200b".join(VALUE),
        "\u200b\n".join(VALUE),
        VALUE.encode().hex(),
        VALUE.encode().hex(" ").upper(),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode().rstrip("="),
    ],
)
def test_forms_of_a_configured_value(form: str) -> None:
    """
    A configured secret is replaced in each encoding, and the text around it stays.
    """
    assert f"before {MARK} after" == redacted(f"before {form} after")


@pytest.mark.parametrize("padding", [b"", b"a", b"ab", b"abc"])
def test_base64_of_a_longer_text(padding: bytes) -> None:
    """
    Base64 of a text that holds the value somewhere inside gives the value away no more.
    """
    encoded = base64.b64encode(b"user:" + padding + VALUE.encode() + b" and more").decode()

    assert MARK in redacted(encoded)


def test_wrapped_base64() -> None:
    """
    Base64 that is broken into lines is found across the break.
    """
    assert MARK in redacted(base64.encodebytes(b"x" * 50 + VALUE.encode() + b"y" * 50).decode())


def test_packed() -> None:
    """
    A value inside compressed and encoded data is found.
    """
    packed = base64.b64encode(gzip.compress(b"some words, then " + VALUE.encode())).decode()

    assert "see [redacted: encoded secret] here" == redacted(f"see {packed} here")


def test_unknown_token_inside_base64() -> None:
    """
    A well-known kind of token is found in base64 and hex as well, though nobody configured it.
    """
    token = b"config: xoxb-" + b"123456789012-abcdefABCDEF123"

    assert "[redacted: encoded secret]" == redacted(base64.b64encode(token).decode())
    assert "[redacted: encoded secret]" == redacted(token.hex())


@pytest.mark.parametrize("first", ["n", "r", "t", "u0041", "x41"])
def test_backslash_before_a_value(first: str) -> None:
    """
    A backslash before the value cannot make its first letter look like part of an escape.
    """
    values = Values({"key": first + "AbC123xyz"})

    assert "AbC123xyz" not in values.redact("C:\\" + first + "AbC123xyz")


def test_what_cannot_be_cut_out_withholds_all() -> None:
    """
    A value that is seen but cannot be located is withheld with the whole text around it.
    """
    assert "[redacted: a text that hides openai_api_key]" == redacted(("\\" * 20).join("see " + VALUE))


def test_short_values_are_words() -> None:
    """
    A placeholder such as "ollama", which local servers get for a key, does not shred texts.
    """
    assert guard("ollama").ironclaw_redact("t1", "ollama runs locally") is None


def test_all_settings_secrets_are_known() -> None:
    """
    Every secret setting is guarded, also one that is added later.
    """
    names = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    settings = Settings.model_validate({name: f"{name}-value" for name in names})

    assert {name: f"{name}-value" for name in names} == secrets_of(settings)
    assert "openai_api_key" in names


def test_secrets_in_tables_are_known() -> None:
    """
    So is one that stands in a table of the settings.
    """
    server = {"base_url": "http://localhost/v1", "api_key": "local-" + "value"}
    settings = Settings.model_validate({"openai_servers": {"local": server}})

    assert {"openai_servers.local.api_key": "local-value"} == secrets_of(settings)


HEX = "0123456789abcdef"
MIXED = "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z"


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("private_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE" + MIXED + "\n-----END RSA PRIVATE KEY-----"),
        ("slack_webhook", "https%3A%2F%2Fhooks.slack.com%2Fservices%2FT00000001%2FB00000001%2F" + MIXED[:24]),
        ("slack_token", "xoxe." + "xoxp-1-" + MIXED),
        ("slack_app_token", "xapp-" + "1-A0001-123456-" + HEX * 4),
        ("openai_key", "sk-" + "svcacct-" + MIXED),
        ("gitlab_token", "glpat-" + MIXED[:20]),
        ("github_token", "github_pat_" + MIXED + MIXED),
        ("google_oauth_secret", "GOCSPX-" + MIXED[:28]),
        ("stripe_key", "sk_" + "live_" + MIXED),
        ("npm_token", "npm_" + MIXED + "abcd"),
        ("pypi_token", "pypi-" + MIXED + MIXED),
        ("huggingface_token", "hf_" + MIXED + "ab"),
        ("twilio_key", "SK" + HEX * 2),
        ("telegram_token", "123456789:AA" + MIXED + "x"),
        ("digitalocean_token", "dop_v1_" + HEX * 4),
        ("shopify_token", "shpat_" + HEX * 2),
        ("databricks_token", "dapi" + HEX * 2),
        ("vault_token", "hvs." + MIXED),
        ("age_key", "AGE-SECRET-KEY-1" + MIXED.upper() + MIXED.upper()[:26]),
        ("bearer_token", "Bearer " + MIXED),
        ("basic_credentials", "Basic " + MIXED),
        ("url_password", "https://ann:" + "hunter2hunter2@"),
        ("db_url", "mongodb+srv://app:" + "hunter2hunter2@db.example/x"),
    ],
)
def test_kinds(kind: str, token: str) -> None:
    """
    Each kind of token is known by its look, at a line's start in JSON text too.
    """
    assert f'{{"log":"one\\n[redacted: {kind}]"}}' == redacted(f'{{"log":"one\\n{token}"}}')


def test_a_setting_keeps_its_name() -> None:
    """
    Of an AWS secret in JSON only the value goes, so the text stays JSON.
    """
    found = json.loads(redacted(json.dumps({"aws": {"SecretAccessKey": MIXED + "ABCDEFGH"}})))

    assert {"aws": {"SecretAccessKey": "[redacted: aws_secret_key]"}} == found


@pytest.mark.parametrize(
    "text",
    [
        "task-12345678901234567890 and disk-abcdef12345678901234",
        '{"next_page_token": "c2VjcmV0LWxvb2tpbmcgYnV0IG5vdCBhIHNlY3JldA==", "etag": "' + HEX * 2 + '"}',
        "https://example.com/a@b and ann@example.com, postgres://db.internal:5432/x",
        "data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(3000)).decode(),
        "the bearer of this letter is internationalization-friendly",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43,
        "",
    ],
)
def test_what_only_looks_secret(text: str) -> None:
    """
    Digests, ids, page tokens, pictures and plain addresses stay as they are.
    """
    assert guard().ironclaw_redact("t1", text) is None


@given(st.text(), st.text())
@example("\\", "n")
def test_no_text_around_a_value_hides_it(before: str, after: str) -> None:
    """
    Whatever stands around it, the value is never left in a text.
    """
    assert VALUE not in redacted(before + VALUE + after)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "\\",
        "%25",
        "eyJ_aaaaaaaa",
        "-----BEGIN PRIVATE KEY-----",
        "sk-",
        "postgres://",
        "http://a:",
        "\u200b",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    """
    A text made to be slow, as large as a result may be by default, costs less than a second of computing.
    """
    text = piece * (256 * 1024 // len(piece))
    began = time.process_time()
    redacted(text)

    assert time.process_time() - began < 1.0


def test_there_are_enough_kinds() -> None:
    """
    Each kind has a keyword that its own search needs; without one it would be searched in every text.
    """
    assert [] == [kind.name for kind in KINDS if not kind.keywords]
    assert len(KINDS) >= 25


def test_packed_data_is_unpacked_only_so_far() -> None:
    """
    A text of runs that each grow a thousandfold is withheld, not unpacked: others wait meanwhile.
    """
    bomb = base64.b64encode(zlib.compress(bytes(64 * 1024))).decode()

    assert TOO_PACKED == redacted(f"{bomb} " * 1_000)
    assert f"{bomb} " * 3 == redacted(f"{bomb} " * 3)


def test_a_tenants_own_secrets() -> None:
    """
    What the engine keeps for a tenant is hidden from its texts, plain and inside packed runs.
    """
    services = PlainServices(Settings(), secrets={"t1": Values({"api_key": "a-kept-" + "value-of-t1"})})
    own = LeakGuard(services)
    packed = base64.b64encode(gzip.compress(b"some text before it a-kept-" + b"value-of-t1")).decode()

    assert "[redacted: api_key]" == own.ironclaw_redact("t1", "a-kept-" + "value-of-t1")
    assert "[redacted: encoded secret]" == own.ironclaw_redact("t1", packed)
    assert own.ironclaw_redact("t2", "a-kept-" + "value-of-t1") is None
