"""A password that comes with a call: cut out of its raw bytes, and sealed to the vault's key.

HPKE in base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. From here on it
is ciphertext, which the vault alone can open, and for this caller and this destination only.
"""

from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from broker.arguments import CONNECT_DYNAMIC, PASSWORD_WORDS
from broker.cutting import cut_password, is_suspect
from broker.envelope import MalformedEnvelopeError, read_envelope, without_arguments
from broker.wiped import Wiped
from wire.destination import LENGTH_BYTES, PADDED_TO_BYTES, sealing_purpose
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import Principal

Sealed: TypeAlias = bytes | Fault
"""A password that came with a call, sealed; or why there is none."""

NO_PASSWORD: Final = Fault(
    code=FaultCode.INVALID_ARGUMENTS, message=f"password must be {PASSWORD_WORDS}"
)
_NO_VAULT: Final = Fault(code=FaultCode.UNAVAILABLE)

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Sealing:
    """What this gateway seals passwords with: the vault's public key, as the supervisor told it."""

    def __init__(self) -> None:
        self._key: X25519PublicKey | None = None

    def vault_ready(self, key: bytes) -> None:
        """Seal to *key* from now on."""
        self._key = X25519PublicKey.from_public_bytes(key)

    def take_password(self, raw: bytearray, caller: Principal) -> Sealed:
        """Cut what is secret out of the message *raw*, and return its password, sealed.

        Costs next to nothing where there can be none. A call that nobody will carry out, because of
        its other arguments, has none either.
        """
        if not is_suspect(raw):
            return NO_PASSWORD
        password = cut_password(raw)
        if password is None:
            return NO_PASSWORD
        if self._key is None:
            return _NO_VAULT
        try:
            _, arguments = without_arguments(read_envelope(raw))
            destination = CONNECT_DYNAMIC.read(arguments).destination()
        except (MalformedEnvelopeError, RefusedError):
            return NO_PASSWORD
        purpose = sealing_purpose(destination, caller)
        return _SUITE.encrypt(_padded(password), self._key, info=purpose)


def _padded(password: Wiped) -> Wiped:
    """Return the password with its length, padded so that its length does not show."""
    size_bytes = LENGTH_BYTES + len(password)
    padded = Wiped(size_bytes + -size_bytes % PADDED_TO_BYTES)
    padded[:LENGTH_BYTES] = len(password).to_bytes(LENGTH_BYTES, "big")
    padded[LENGTH_BYTES:size_bytes] = password
    return padded
