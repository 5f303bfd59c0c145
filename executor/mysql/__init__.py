"""MySQL and MariaDB: connections that were lent to PyMySQL, and statements on them."""
