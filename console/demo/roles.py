"""Write the SQL that creates the demo's two roles; decide nothing else and run nothing.

The server gets SCRAM verifiers (RFC 5802, section 3; the format is PostgreSQL's), so a password
never enters it, not even while its role is created.
"""

import base64
import hashlib
import hmac
from typing import Final

READER: Final = "demo_reader"
WRITER: Final = "demo_writer"
DATABASE: Final = "bookshop"

# PostgreSQL's own default. The passwords are 192 random bits: more rounds would protect nothing.
ITERATIONS: Final = 4096

CREATE_DATABASE: Final = f"CREATE DATABASE {DATABASE};\n\n"

# Every role may make temporary tables and large objects unless that is taken away.
GRANTS: Final = f"""\
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;

GRANT CONNECT ON DATABASE {DATABASE} TO {READER}, {WRITER};

GRANT USAGE ON SCHEMA public TO {READER}, {WRITER};

GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER};

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {WRITER};

"""


def create_role(name: str, *, verifier: str) -> str:
    """Return the statement, in the form that single-user mode reads."""
    return f"CREATE ROLE {name} LOGIN PASSWORD '{verifier}';\n\n"


def scram_verifier(password: bytes, *, salt: bytes) -> str:
    """Return what PostgreSQL stores for *password*, which must be ASCII (so: no SASLprep)."""
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    keys = f"{_text(stored_key)}:{_text(server_key)}"
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${keys}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
