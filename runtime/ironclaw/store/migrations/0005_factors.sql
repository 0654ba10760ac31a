-- Second factors of people who approve.  sealed: base64 of nonce and AES-256-GCM ciphertext of the TOTP secret,
-- bound to tenant and person.  last_step: the newest 30 s step whose code was taken, so that none counts twice.

CREATE TABLE factors (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    principal TEXT NOT NULL,
    sealed TEXT NOT NULL,
    last_step INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    tried_at REAL NOT NULL,
    set_at REAL NOT NULL,
    PRIMARY KEY (tenant, principal)
) STRICT;
