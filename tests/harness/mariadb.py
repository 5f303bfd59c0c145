"""A real MariaDB 10.11 for tests, with TLS and both of its ways to log in."""

import subprocess
from typing import Final

from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.server_programs import as_server_user

NAME: Final = "mariadb-10.11"
"""Its packages, in scripts/server_packages.py."""

_SYSTEM_TABLES: Final = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
)


class MariadbServer(MysqlFamilyServer):
    """One server; users log in by mysql_native_password or ed25519."""

    @property
    def usual_plugin(self) -> str:
        """Return what MariaDB gives to users by itself."""
        return "mysql_native_password"

    def identified(self, plugin: str) -> str:
        """Return MariaDB's words: the plugin computes what is stored."""
        return f"identified via {plugin} using password(%s)"

    @property
    def _program(self) -> str:
        return "mariadbd"

    def _options(self) -> list[str]:
        share = self._programs.root / "usr/share/mysql"
        return [
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share}/charsets",
            f"--plugin-dir={self._programs.root / 'usr/lib/mysql/plugin'}",
            "--plugin-load-add=auth_ed25519",
            "--innodb-log-file-size=8M",
            "--performance-schema=off",
        ]

    def _make(self) -> None:
        # What mariadb-install-db does, without the user that has no password.
        share = self._programs.root / "usr/share/mysql"
        orders = ["create database mysql;\nuse mysql;\nset @auth_root_socket = 'root';\n"]
        orders += [(share / name).read_text() for name in _SYSTEM_TABLES]
        program = self._programs.command("usr/sbin/mariadbd", "--no-defaults", "--bootstrap")
        made = subprocess.run(
            [
                *as_server_user(),
                *program,
                f"--datadir={self._data}",
                f"--tmpdir={self.directory}",
                *self._options(),
            ],
            input="".join(orders).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env=self._programs.environment(),
            check=False,
        )
        if made.returncode:
            raise RuntimeError(f"mariadbd --bootstrap failed: {made.stdout.decode()[-3000:]}")
