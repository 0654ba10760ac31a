-- Secrets that tools may use without seeing them.  sealed: base64 of nonce and AES-256-GCM ciphertext, bound to
-- every other column but set_at; key_id says which key opens it.

CREATE TABLE secrets (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    methods TEXT NOT NULL,
    path TEXT NOT NULL,
    header TEXT NOT NULL,
    prefix TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed TEXT NOT NULL,
    set_at REAL NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;
