"""Outside servers: which of them the service may ask for its users, and a connection to the address that was judged."""
