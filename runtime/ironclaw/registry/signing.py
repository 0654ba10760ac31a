"""Who vouches for a toolbox: an Ed25519 signature in a file beside ``toolbox.toml``.

The file holds one RFC 8785 object: the statement, and the signature over it.  The statement names
everything that a toolbox is, so that no signature can be moved to another one.  A publisher is a public key.
"""

from __future__ import annotations

from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ironclaw.canonical import MAX_NUMBER, canonical, parse
from ironclaw.errors import BadRequest, ToolboxError
from ironclaw.registry.manifest import Digest, Name
from ironclaw.registry.model import Toolbox

SIGNATURE = "toolbox.sig"
MAX_SIGNATURE_BYTES = 4096
PURPOSE = b"ironclaw toolbox 1\n"  #: So that no signature of ours can stand for another.


class Statement(BaseModel):
    """What a publisher says of a toolbox."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name
    version: str
    component_sha256: Digest
    manifest_sha256: Digest
    publisher: Digest  #: Public key of 32 bytes, hex.
    expires: int = Field(ge=0, le=MAX_NUMBER)  #: Unix seconds.

    def is_of(self, box: Toolbox) -> bool:
        """Whether it speaks of exactly this toolbox."""
        said = (self.name, self.version, self.component_sha256, self.manifest_sha256)
        return said == (box.name, box.version, box.component_sha256, box.manifest_sha256)


class _File(Statement):
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


def public_key(signer: Ed25519PrivateKey) -> str:
    """The publisher whose key this is."""
    return signer.public_key().public_bytes_raw().hex()


def signed(box: Toolbox, signer: Ed25519PrivateKey, expires: int) -> bytes:
    """The content of a signature file.

    :param expires: unix seconds
    """
    statement = Statement(
        name=box.name,
        version=box.version,
        component_sha256=box.component_sha256,
        manifest_sha256=box.manifest_sha256,
        publisher=public_key(signer),
        expires=expires,
    ).model_dump()
    signature = signer.sign(PURPOSE + canonical(statement)).hex()
    return canonical({**statement, "signature": signature}) + b"\n"


def read_statement(content: bytes, shown: str) -> Statement:
    """What the publisher whom the file names has signed.  Whether to trust them is another question.

    :param shown: the file's name for messages
    :raises ToolboxError: it is no signature file of ours, or the signature is not the publisher's
    """
    try:
        entry = parse(content)
        file = _File.model_validate(entry)
        if canonical(entry) + b"\n" != content:
            raise BadRequest("not canonical")
    except (BadRequest, ValidationError):
        raise ToolboxError(f"{shown}: not a signature file; ironclaw tool sign makes one") from None
    statement = Statement(**file.model_dump(exclude={"signature"}))
    _verify(statement, bytes.fromhex(file.signature), shown)
    return statement


def _verify(statement: Statement, signature: bytes, shown: str) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(statement.publisher))
        key.verify(signature, PURPOSE + canonical(statement.model_dump()))
    except (InvalidSignature, ValueError):
        raise ToolboxError(f"{shown}: the signature is not that of {statement.publisher}") from None
