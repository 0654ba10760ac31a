"""The settings of what finds memories again."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr

from ironclaw.settings.forms import Name


class MemorySettings(BaseModel):
    """By words or by meaning, in files or on a server."""

    embeddings_model: str = Field(
        "",
        description="Finds memories by meaning too, with this model of an OpenAI-compatible server, "
        "which sees their texts; by words alone when empty.",
    )
    embeddings_base_url: str = Field("", description="That server; OpenAI's own when empty.")
    embeddings_api_key: SecretStr | None = Field(None, description="Its key; a local server may need none.")
    embeddings_dimensions: int = Field(
        512, ge=1, le=8192, description="Numbers in one vector of that model; OpenAI's make as many as asked."
    )
    qdrant_url: str = Field(
        "",
        description="A Qdrant server for the index of memories; files in data_dir when empty. "
        "Well-known: QDRANT_URL.",
    )
    qdrant_api_key: SecretStr | None = Field(None, description="Its key. Well-known: QDRANT_API_KEY.")
    qdrant_collection: Name = Field(
        "ironclaw",
        description="Its collections begin with it: installations that share a server must differ.",
    )
