"""A real MySQL 9 for tests, with TLS and both of its ways to log in."""

from pathlib import Path
from typing import Final

from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.server_programs import as_server_user, run_to_end

NAME: Final = "mysql-9"
"""Its packages, in scripts/server_packages.py."""


class Mysql9Server(MysqlFamilyServer):
    """One server; users log in by caching_sha2_password or sha256_password."""

    @property
    def usual_plugin(self) -> str:
        """Return what MySQL gives to users by itself."""
        return "caching_sha2_password"

    @property
    def public_key(self) -> Path:
        """Return the RSA key to which a password may be encrypted where there is no TLS."""
        return self._data / "public_key.pem"

    def identified(self, plugin: str) -> str:
        """Return MySQL's words."""
        return f"identified with {plugin} by %s"

    def forget_logins(self) -> None:
        """Empty the cache of caching_sha2_password: the next login takes the long way."""
        self.admin_sql("flush privileges")

    @property
    def _program(self) -> str:
        return "mysqld"

    def _options(self) -> list[str]:
        root = self._programs.root
        return [
            f"--basedir={root / 'usr'}",
            f"--lc-messages-dir={root / 'usr/share/mysql'}",
            f"--character-sets-dir={root / 'usr/share/mysql/charsets'}",
            f"--plugin-dir={root / 'usr/lib/mysql/plugin'}",
            "--secure-file-priv=NULL",
            "--mysqlx=OFF",
            "--skip-log-bin",
            "--innodb-redo-log-capacity=8M",
            "--innodb-use-native-aio=OFF",
            "--performance-schema=OFF",
        ]

    def _make(self) -> None:
        program = self._programs.command(
            "usr/sbin/mysqld", "--no-defaults", "--initialize-insecure"
        )
        options = [f"--datadir={self._data}", f"--tmpdir={self.directory}", *self._options()]
        run_to_end(
            [*as_server_user(), *program, *options],
            environment=self._programs.environment(),
            cwd=self.directory,
        )
