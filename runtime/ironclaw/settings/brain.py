"""The settings of the models that plan: of the whole process, and what a tenant has otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from ironclaw.settings.forms import Name, Words, is_blank

Api = Literal["auto", "responses", "chat"]
ProfileName = Literal["auto", "openai", "azure", "ollama", "vllm", "llamacpp", "compatible"]
ModelName = Annotated[str, Field(min_length=1, max_length=200)]


def _words(value: Any) -> Any:
    """The environment has no lists: words between commas."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


class Price(BaseModel):
    """What a model's tokens cost: money per million."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, le=1e6, allow_inf_nan=False, description="Per million tokens in.")
    cached: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Of those, what the server had read before; as input when not set.",
    )
    output: float = Field(ge=0, le=1e6, allow_inf_nan=False, description="Per million tokens out.")


class ModelServer(BaseModel):
    """One more server: a table ``[openai_servers.NAME]`` in ironclaw.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(min_length=1, description="Such as http://localhost:11434/v1.")
    api_key: SecretStr | None = Field(None, description="Its own key; no other server's is sent to it.")
    api: Api = Field("auto", description="As openai_api.")
    profile: ProfileName = Field("auto", description="As openai_profile.")
    api_version: str = Field("", description="As openai_api_version.")


class TenantBrain(BaseModel):
    """What of the brain a tenant may have otherwise."""

    openai_model: ModelName | None = Field(
        None, description="Model that plans for this tenant, where not the common one."
    )
    temperature: float | None = Field(None, ge=0, le=2, description="Likewise.")
    max_output_tokens: int | None = Field(None, ge=1, description="Likewise.")
    prompt_file: Path | None = Field(None, description="Likewise.")
    openai_fallbacks: Words | None = Field(None, description="Likewise; an empty list for none.")

    @field_validator("prompt_file", "openai_model", mode="before")
    @classmethod
    def _no_blank_choice(cls, value: Any) -> Any:
        return None if is_blank(value) else value


class BrainSettings(BaseModel):
    """Of the whole process."""

    openai_api: Api = Field(
        "auto", description="What is spoken: responses or chat; auto takes responses for OpenAI itself."
    )
    openai_profile: ProfileName = Field(
        "auto", description="Which server it is, for its quirks; auto goes by openai_base_url."
    )
    openai_api_version: str = Field(
        "", description="Of Azure's older endpoint, such as 2024-10-21; its /openai/v1 needs none."
    )
    openai_num_ctx: int | None = Field(
        None, ge=256, description="Context that Ollama is asked for, in tokens; its own default when not set."
    )
    openai_fallbacks: Words = Field(
        (),
        description="Models to ask when the one before cannot: MODEL, or MODEL@NAME of [openai_servers].",
    )
    openai_servers: dict[Name, ModelServer] = Field(
        {}, description="Servers beside openai_base_url, by name."
    )
    temperature: float | None = Field(
        None, ge=0, le=2, description="Sent to the model where it is set; some models refuse it."
    )
    max_output_tokens: int | None = Field(None, ge=1, description="Tokens of one turn of the model.")
    prompt_file: Path | None = Field(
        None, description="Text that the model is instructed with, in place of the shipped one."
    )
    prices: dict[ModelName, Price] = Field(
        {},
        description="What tokens cost, by model as the settings name it, MODEL or MODEL@NAME; where one is "
        "not named, no money is counted, and none can be limited.",
    )

    @field_validator("openai_fallbacks", mode="before")
    @classmethod
    def _split_fallbacks(cls, value: Any) -> Any:
        return _words(value)

    @field_validator("openai_num_ctx", "temperature", "max_output_tokens", "prompt_file", mode="before")
    @classmethod
    def _no_blank_choice(cls, value: Any) -> Any:
        return None if is_blank(value) else value
