"""PostgreSQL: connections that were lent to psycopg, and statements on them."""
