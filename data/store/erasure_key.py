"""The secret with which erased people are recognised again, and nothing else can be told from their hashes.

It stands in the environment, or in a file beside the SQLite database: never in the database itself, so that
a copy of the database alone gives nobody away.
"""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from data.errors import SetupError

KEY_VARIABLE = "COUNTENANCE_ERASURE_KEY"
KEY_FILE_VARIABLE = "COUNTENANCE_ERASURE_KEY_FILE"
MIN_KEY_LENGTH = 16


class ErasureKey:
    """Makes keyed hashes (HMAC-SHA-256, RFC 2104) of participants' keys and of their ids elsewhere."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is the key itself."""
        self._secret = secret

    @property
    def check(self) -> str:
        """Tells this key from others, and nothing else."""
        return self._hash("check")[:16]

    def participant_hash(self, participant_key: str) -> str:
        """Keyed hash of a participant's random key."""
        return self._hash("participant", participant_key)

    def identity_hash(self, study_name: str, external_id: str) -> str:
        """Keyed hash of an id on a recruitment platform; the same person has another one in each study."""
        return self._hash("identity", study_name, external_id)

    def _hash(self, *parts: str) -> str:
        return hmac.new(self._secret, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def find_erasure_key(database_path: str | None, *, create: bool) -> ErasureKey:
    """The key from the environment, or from its file; a new file is made if `create` and there is none.

    Args:
        database_path: file of a SQLite database, beside which the key's file stands; None for a server's.
        create: whether a missing file may be made.

    Raises SetupError where there is no key, or one that is too short to keep a secret.
    """
    if named := os.environ.get(KEY_VARIABLE):
        return _checked(named, KEY_VARIABLE)
    file_name = os.environ.get(KEY_FILE_VARIABLE) or (database_path and f"{database_path}.erasure_key")
    if not file_name:
        raise SetupError(
            f"the key that recognises erased people is missing; set {KEY_VARIABLE} to a long random text"
            f" (or {KEY_FILE_VARIABLE} to a file that holds one), the same for every program on this database"
        )
    path = Path(file_name)
    if create and not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
    try:
        return _checked(path.read_text(encoding="utf-8").strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"the key that recognises erased people cannot be read from {path}; restore that file, or set"
            f" {KEY_VARIABLE} to what it held"
        ) from error


def _checked(secret: str, where: str) -> ErasureKey:
    if len(secret) < MIN_KEY_LENGTH:
        raise SetupError(f"{where} holds fewer than {MIN_KEY_LENGTH} characters; use a long random text")
    return ErasureKey(secret.encode())
