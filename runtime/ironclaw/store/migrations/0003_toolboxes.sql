-- What each tenant's audit log last said of the toolboxes: a row for each that is in force, RFC 8785 JSON of
-- version, digests, signer and the tools with their risk.

CREATE TABLE toolboxes (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;
