"""What a client brings: where to, the password sealed, and the question that asks for a lease."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec.structs import replace

from tests.harness.vault_alone import ALICE, VaultAlone
from tests.unit.vault.making import Account, the_settings
from vault.settings import Dynamic, VaultSettings
from wire.destination import PADDED_TO_BYTES, Destination, sealing_purpose
from wire.faults import FaultCode
from wire.lending import AllowedTarget
from wire.messages import FromVault, Granted, OpenDynamic, Refused
from wire.names import Incarnation, Principal

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
LOOPBACK = (AllowedTarget(network="127.0.0.0/8"), AllowedTarget(network="::1/128"))


def settings(account: Account, *, accepts: bool = True, leases: int = 64) -> VaultSettings:
    made = the_settings(account.connection(), leases_per_principal=leases)
    return replace(made, dynamic=Dynamic(accepts_plaintext=accepts, targets=LOOPBACK))


def where(account: Account) -> Destination:
    return Destination(
        engine="postgresql",
        host=account.server.host,
        port=account.server.port,
        database="postgres",
        user=account.role,
    )


def padded(password: bytes) -> bytes:
    plain = len(password).to_bytes(2, "big") + password
    return plain + bytes(-len(plain) % PADDED_TO_BYTES)


def sealed(
    vault: VaultAlone, plain: bytes, destination: Destination, principal: Principal
) -> bytes:
    key = X25519PublicKey.from_public_bytes(vault.sealing_key)
    return SUITE.encrypt(plain, key, info=sealing_purpose(destination, principal))


def asking(
    vault: VaultAlone, destination: Destination, sealed_password: bytes, principal: Principal
) -> OpenDynamic:
    return OpenDynamic(
        run_id=vault.run_id(),
        principal=principal,
        destination=destination,
        sealed=sealed_password,
        executors=tuple(Incarnation(one) for one in vault.executors),
        deadline_ms=10_000,
    )


def bring(
    vault: VaultAlone,
    destination: Destination,
    password: str,
    *,
    principal: Principal = ALICE,
    plain: bytes | None = None,
    sealed_for: tuple[Destination, Principal] | None = None,
) -> FromVault:
    plain = padded(password.encode()) if plain is None else plain
    sealed_password = sealed(vault, plain, *(sealed_for or (destination, principal)))
    return vault.ask(asking(vault, destination, sealed_password, principal))[0]


def code_of(answer: FromVault) -> FaultCode:
    assert isinstance(answer, Refused), answer
    return answer.fault.code


def brought(vault: VaultAlone, account: Account, *, principal: Principal = ALICE) -> Granted:
    granted = bring(vault, where(account), account.password, principal=principal)
    assert isinstance(granted, Granted), granted
    return granted
