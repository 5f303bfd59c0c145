"""The process that knows the credentials, and the logins that use them."""
